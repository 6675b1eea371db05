"""The mixtures on which separators are tried, and what a separator makes of them."""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from pipeline import params as shared
from pipeline.corpus.track import Track
from pipeline.dataset.artifacts import MOTION
from pipeline.dataset.shards import Shards
from pipeline.metrics import separation
from pipeline.models.separator import Separator
from pipeline.sampling import separating
from pipeline.sampling.separating import Seen
from systems.separation import paths
from systems.separation.mixing import Mixture, Players
from systems.separation.sound import FULL_SCALE

CONTROLS = ("", "_swapped", "_zeroed")
SILENT = 1e-3  # peak; nothing is defined for who plays nothing
TRIES = 100
AUDIBLE = np.float32(1e-5)  # of the mixture, added to each estimate: nothing is defined for a silent one


def pairs(
    players: Players, count: int, alike: int | None, seed: int, wanted: Callable[[str, str], bool] = lambda *_: True
) -> list[tuple[list[str], Mixture]]:
    """`count` mixtures of two windows, with the names of their tracks. Nobody is silent.

    Args:
        alike: as of `Players.draw`.
        wanted: whether two tracks may play together. If no such pair is found, there are fewer mixtures.
    """
    generator, found = np.random.default_rng(seed), []
    for _ in range(count):
        for _ in range(TRIES):
            places = players.draw(2, alike, generator)
            names = [name for name, _ in places]
            if wanted(*names) and audible(mixture := players.mixture(places)):
                found.append((names, mixture))
                break
    return found


def audible(mixture: Mixture) -> bool:
    return bool((np.abs(mixture.sounds).max(1) > SILENT).all())


def ensembles(tracks: list[Track]) -> dict[str, list[Track]]:
    """Piece → its players from left to right, for the pieces of several players of whom each has a sound file of their own."""
    pieces: dict[str, list[Track]] = {}
    for track in tracks:
        pieces.setdefault(track.piece, []).append(track)
    return {
        piece: sorted(players, key=lambda track: track.left)
        for piece, players in pieces.items()
        if len(players) > 1 and len({track.audio for track in players}) == len(players)
    }


def together(players: list[Track]) -> Mixture:
    """The players of a piece, from its start to the end of the shortest."""
    sound, motion, pictures = Shards(paths.SOUND), Shards(MOTION), Shards(paths.FRAMES)

    def rows(shards: Shards, array: str) -> np.ndarray:
        count = min(shards.length(player.name) for player in players)
        return np.stack([shards.rows(array, player.name, 0, count) for player in players])

    sounds = rows(sound, "sound").reshape(len(players), -1).astype(np.float32) / FULL_SCALE
    return Mixture(sounds, rows(motion, "motion"), rows(pictures, "pictures"))


def mixed(mixture: Mixture) -> np.ndarray:
    """The sum of all players as the estimate of each: float32 [players, samples]."""
    return np.repeat(mixture.sounds.sum(0, keepdims=True), len(mixture.sounds), axis=0)


def seen(model: Separator, mixture: Mixture, control: str = "") -> list[Seen]:
    """What a model sees of the players.

    Args:
        control: "_swapped": each player is shown as the next; "_zeroed": all stand still, in black pictures.
    """
    shown = []
    for player in range(len(mixture.motion)):
        other = (player + 1) % len(mixture.motion) if control == "_swapped" else player
        factor = 0 if control == "_zeroed" else 1
        pictures = mixture.pictures[other] * np.uint8(factor) if model.pixels is not None else None
        shown.append(Seen(mixture.motion[other] * np.float32(factor), pictures))
    return shown


def taken_apart(model: Separator, mixture: Mixture, settings: shared.Params, control: str = "") -> np.ndarray:
    """What a model gives each player: float32 [players, samples]. One that sees nothing gets the best order."""
    whole = mixture.sounds.sum(0)
    parts = separating.separate(model, whole, seen(model, mixture, control), settings)[:-1]
    parts = parts + AUDIBLE * whole
    if model.sees != "nothing":
        return parts
    orders = [list(order) for order in permutations(range(len(parts)))]
    return parts[max(orders, key=lambda order: separation.si_sdr(mixture.sounds, parts[order]).mean())]


def gain(mixture: Mixture, parted: np.ndarray) -> float:
    """By how much the parts have a higher SI-SDR than the mixture, dB; the mean of the players."""
    true = mixture.sounds
    return float((separation.si_sdr(true, parted) - separation.si_sdr(true, mixed(mixture))).mean())
