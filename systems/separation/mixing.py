"""Mixtures of the windows of players who played alone.

A model learns from pieces of one player each, so that every ensemble is new to it, and so that the sound of each player is known.
Half of the mixtures are of players of similar poses, mostly of the same instrument, which is found without any label: the ones that
only movement can tell apart.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline import params as shared
from pipeline.audio import log_frequency
from pipeline.corpus.track import Track
from pipeline.dataset.artifacts import MORE_PLAYERS, MOTION
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, Source, Windows
from pipeline.errors import NothingLeft
from pipeline.params import Audio
from systems.separation import paths
from systems.separation.params import Mixing
from systems.separation.sound import FULL_SCALE


@dataclass(frozen=True)
class Mixture:
    """Players who play together, each known alone.

    Attributes:
        sounds: float32 [players, samples], each player alone.
        motion: float32 [players, frames, 47, 2].
        pictures: uint8 [players, rows, size, size, 3], RGB; black where there are none.
    """

    sounds: np.ndarray
    motion: np.ndarray
    pictures: np.ndarray


class Players:
    """Windows of players who played alone, and who has a pose similar to whose.

    Args:
        tracks: of the players.
        pictured: whether they have pictures; or else they are of data/more_players.
    """

    def __init__(
        self, tracks: Iterable[str], pictured: bool, settings: shared.Params, fps: float, size_px: int
    ) -> None:
        motion = Shards(MOTION if pictured else MORE_PLAYERS / "motion")
        sound = Shards(paths.SOUND if pictured else paths.MORE_SOUND)
        sources = {
            "sound": Source(sound, "sound", settings.audio.fps),
            "motion": Source(motion, "motion", settings.motion.fps, between=True),
        }
        if pictured:
            sources["pictures"] = Source(Shards(paths.FRAMES), "pictures", fps)
        self.windows = Windows(sources, sorted(tracks), settings.windows.duration_s)
        self.names = list(self.windows.starts)
        self.picture_shape = (round(settings.windows.duration_s * fps), size_px, size_px, 3)
        poses = np.stack([motion.rows("motion", name).mean(0).reshape(-1) for name in self.names])  # [tracks, 47 * 2]
        away = np.linalg.norm(poses[:, None] - poses, axis=2)
        order = np.argsort(away, axis=1, kind="stable").tolist()
        # From the nearest on, without the player.
        self.near = {
            name: [self.names[i] for i in row if self.names[i] != name]
            for name, row in zip(self.names, order, strict=True)
        }

    def draw(self, players: int, alike: int | None, generator: np.random.Generator) -> Places:
        """Places of the windows of different tracks, all equally likely.

        Args:
            alike: the others are of this many tracks whose mean poses are nearest to that of the first; None: of any.
        """
        ((first, start),) = self.windows.random(1, generator)
        pool = self.near[first][:alike]
        others = generator.choice(len(pool), players - 1, replace=len(pool) < players - 1)
        places = [(first, start)]
        return places + [
            (name, int(generator.integers(self.windows.starts[name]))) for name in (pool[i] for i in others)
        ]

    def mixture(self, places: Places) -> Mixture:
        """What is seen and heard of some windows."""
        found = self.windows.batch(places)
        pictures = found.get("pictures")
        if pictures is None:
            pictures = np.zeros((len(places), *self.picture_shape), np.uint8)
        sounds = found["sound"].reshape(len(places), -1)  # (players, rows, hop) → (players, samples)
        return Mixture(sounds.astype(np.float32) / FULL_SCALE, found["motion"], pictures)


def alone(tracks: Iterable[Track]) -> set[str]:
    """Names of the tracks to learn from: those of pieces that have one player.

    In a corpus without any, as URMP, they are those of players with a sound file of their own.

    Raises:
        NothingLeft: there are none either.
    """
    tracks = list(tracks)
    players, heard = Counter(track.piece for track in tracks), Counter(track.audio for track in tracks)
    found = {track.name for track in tracks if players[track.piece] == 1}
    found = found or {track.name for track in tracks if heard[track.audio] == 1}
    if not found:
        what = "no player is heard alone, and a separator learns from players who are"
        raise NothingLeft(
            f"{what}; add videos of soloists, or lay out the corpus as URMP does, with a sound file for each player"
        )
    return found


def powers(
    sounds: np.ndarray, hidden: np.ndarray, scale: log_frequency.Scale, audio: Audio
) -> tuple[np.ndarray, np.ndarray]:
    """What a model hears of a mixture and what it should make of it, on the scale.

    Args:
        sounds: float32 [players, samples].
        hidden: bool [players], whose sound is not a player's but the rest's.

    Returns:
        power of the mixture, float32 [bins, steps]; of the players, 0 for the hidden ones, and of the rest,
        float32 [players + 1, bins, steps].
    """
    spectra = np.stack([log_frequency.forward(sound, audio) for sound in sounds])
    rest = spectra[hidden].sum(0, keepdims=True)
    spectra[hidden], whole = 0, spectra.sum(0)
    found = scale.power(np.concatenate([whole[None], spectra, rest])).transpose(0, 2, 1)  # (players + 2, bins, steps)
    return found[0], found[1:]


def repainted(pictures: np.ndarray, chosen: Mixing, generator: np.random.Generator) -> np.ndarray:
    """Pictures of the same playing by somebody who looks different: uint8 [rows, size, size, 3].

    The colours are mixed and made lighter or darker, the picture is moved a little, and may be mirrored. There are few players, and
    a network would know each by their clothes.
    """
    shift = generator.integers(-chosen.moved_px, chosen.moved_px + 1, 2)
    colours = generator.dirichlet(np.ones(3), 3) * chosen.lighter ** generator.uniform(-1, 1)
    moved = np.zeros_like(pictures)
    size = pictures.shape[1]
    (top, left), (below, right) = np.maximum(shift, 0), np.maximum(-shift, 0)
    moved[:, top : size - below, left : size - right] = pictures[:, below : size - top, right : size - left]
    if generator.random() < chosen.mirrored:
        moved = moved[:, :, ::-1]
    if generator.random() < chosen.recoloured:
        moved = np.clip(moved.astype(np.float32) @ colours.astype(np.float32), 1, 255).astype(np.uint8)
    return moved


def batch(
    parts: list[tuple[Players, float]],
    size: int,
    hidden: float,
    looked_at: bool,
    chosen: Mixing,
    generator: np.random.Generator,
) -> list[tuple[Mixture, np.ndarray, np.ndarray]]:
    """Mixtures, each with who is shown and who is hidden, bool [most_players] each; a player who is neither is not heard.

    Args:
        parts: players, and the share of the mixtures that are of them.
        hidden: share of the mixtures in which one player is hidden.
        looked_at: whether pictures are repainted, which takes time.
    """
    shares = np.array([share for _, share in parts])
    made = []
    for _ in range(size):
        players, _ = parts[int(generator.choice(len(parts), p=shares / shares.sum()))]
        alike = chosen.nearest if generator.random() < chosen.likely_confused else None
        mixture = players.mixture(players.draw(chosen.most_players, alike, generator))
        count = int(generator.integers(2, chosen.most_players + 1))
        level = generator.uniform(chosen.quietest, chosen.loudest, chosen.most_players)
        heard = np.arange(chosen.most_players) < count
        away = (np.arange(chosen.most_players) == count - 1) & (generator.random() < hidden)
        sounds = mixture.sounds * np.where(heard, level, 0)[:, None].astype(np.float32)
        pictures = mixture.pictures
        if looked_at and pictures.any():
            pictures = np.stack([repainted(each, chosen, generator) for each in pictures])
        made.append((Mixture(sounds, mixture.motion, pictures), heard & ~away, away))
    return made
