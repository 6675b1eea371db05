"""The embedded corpus: who plays together, and each piece as a folder in URMP's own layout."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import soundfile

from pipeline import params
from pipeline.errors import ParamsError
from pipeline.studio import figure, motion, players, score, synthesis
from pipeline.studio.instruments import BY_CODE, Instrument
from pipeline.studio.players import Player

# The ensembles. `plan` takes the one that has played least so far, of those whose instruments are chosen.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("vn", "vc"),
    ("gt", "bg", "dr"),
    ("fl", "ob", "cl", "bn"),
    ("pno", "vn"),
    ("tpt", "hn", "tbn"),
    ("uk", "hd"),
    ("vn", "va", "vc", "db"),
    ("acc", "db"),
    ("sax", "tba"),
    ("fl", "hp"),
    ("xyl", "dr"),
    ("sax", "pno", "db", "dr"),
    ("vn", "va"),
    ("ob", "cl", "bn"),
    ("tpt", "tpt", "tbn", "tba"),
    ("fl", "va"),
    ("cl", "sax"),
    ("hn", "tbn", "tba"),
    ("fl", "vn", "db"),
)
# No player is turned farther from the camera by studio.turned_degrees. The shoulders, by which movement is scaled, are too narrow
# in profile.
_FARTHEST_DEGREES = 60.0
_TITLES = (
    "Prelude",
    "Minuet",
    "Nocturne",
    "Waltz",
    "Arioso",
    "Rondo",
    "Gavotte",
    "Romance",
    "March",
    "Sarabande",
    "Elegy",
    "Bourree",
    "Canzona",
    "Intrada",
    "Pavane",
    "Serenade",
    "Fantasia",
    "Idyll",
    "Capriccio",
    "Aubade",
)


def plan(tracks_per_instrument: int, ensembles: int, codes: Sequence[str]) -> list[tuple[str, ...]]:
    """The instruments of each piece: first the ensembles, then solos until every instrument has its number of tracks.

    Args:
        codes: the instruments that are played. Ensembles with others are left out.

    Raises:
        ParamsError: there are not enough tracks for so many ensembles.
    """
    left = dict.fromkeys(codes, tracks_per_instrument)
    pieces: list[tuple[str, ...]] = []
    while len(pieces) < ensembles:
        fitting = [group for group in GROUPS if all(left.get(code, 0) >= group.count(code) for code in group)]
        if not fitting:
            raise ParamsError(
                f"studio.ensembles = {ensembles}: with studio.tracks_per_instrument = {tracks_per_instrument} "
                f"there are players for {len(pieces)} at most"
            )
        # The group that has played least; if several have, the first in GROUPS.
        group = min(fitting, key=pieces.count)
        pieces.append(group)
        for code in group:
            left[code] -= 1
    return pieces + [(code,) for code in codes for _ in range(left[code])]


def piece_name(index: int, codes: tuple[str, ...]) -> str:
    """The name of a piece's folder, as in URMP: 01_Title_vn_vc."""
    return "_".join([f"{index + 1:02d}", _title(index), *codes])


def _title(index: int) -> str:
    again = index // len(_TITLES)
    return _TITLES[index % len(_TITLES)] + (str(again + 1) if again else "")


def make_piece(folder: Path, index: int, codes: tuple[str, ...], studio: params.Studio) -> None:
    """Compose, play, film and record one piece into an existing folder.

    The files depend only on the arguments, not on other pieces or on how many are made at once.
    """
    # Pieces are made in parallel, so threads within one would only compete with the others.
    cv2.setNumThreads(1)
    instruments = [BY_CODE[code] for code in codes]
    short = f"{index + 1:02d}_{_title(index)}"
    name = piece_name(index, codes)
    duration_s, rate_hz = studio.duration_s, studio.sample_rate_hz
    size_px = (studio.player_width_px, studio.player_height_px)

    parts = score.compose(instruments, duration_s, np.random.default_rng([studio.seed, index]))
    heard = [score.later(part, studio.sound_after_s, duration_s) for part in parts]
    score.write_midi(folder / f"Sco_{name}.mid", instruments, heard)
    films, sounds = [], []
    for number, (instrument, part) in enumerate(zip(instruments, parts, strict=True)):
        rng = np.random.default_rng([studio.seed, index, number])
        player = _player(index, number, instrument, studio, rng)
        performance = motion.perform(instrument, player, part, duration_s, studio.fps, size_px, rng)
        part = heard[number]  # from here on, what sounds
        sound = synthesis.synthesise(instrument, part, duration_s, rate_hz, rng)
        films.append(figure.draw(performance, player, size_px))
        sounds.append(sound)

        track = f"{number + 1}_{instrument.code}_{short}"
        soundfile.write(folder / f"AuSep_{track}.wav", sound, rate_hz, subtype="PCM_16")
        np.savetxt(folder / f"Notes_{track}.txt", score.notes_table(part), fmt="%.6f", delimiter="\t")
        np.savetxt(folder / f"F0s_{track}.txt", score.f0_table(part, duration_s), fmt=("%.2f", "%.3f"), delimiter="\t")
        in_whole_picture = performance.joints + np.array([number * size_px[0], 0], dtype=np.float32)
        np.save(folder / f"Joints_{track}.npy", np.dstack([in_whole_picture, performance.depths]))
    soundfile.write(folder / f"AuMix_{name}.wav", synthesis.mix(sounds), rate_hz, subtype="PCM_16")

    path = folder / f"Vid_{name}.mp4"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"mp4v"), studio.fps, (size_px[0] * len(codes), size_px[1])
    )
    if not writer.isOpened():
        raise OSError(f"{path}: OpenCV cannot write this video; is the disk full, or the folder read-only?")
    for pictures in zip(*films, strict=True):
        writer.write(np.hstack(pictures))
    writer.release()


def _player(index: int, number: int, instrument: Instrument, studio: params.Studio, rng: np.random.Generator) -> Player:
    """Draw a player of a piece. What most corpora do not ask for has its own generator, so that nothing else depends on it."""
    player = players.draw_player(rng)
    own = np.random.default_rng([studio.seed, index, number, 1])
    turned, usual = studio.turned_degrees * own.uniform(-1, 1), instrument.yaw + player.yaw
    turned = float(np.clip(turned, -_FARTHEST_DEGREES - usual, _FARTHEST_DEGREES - usual))
    return replace(player, yaw=player.yaw + turned, left_handed=bool(own.random() < studio.left_handed))


def solo(
    index: int, instrument: Instrument, turned_degrees: float, studio: params.Studio
) -> tuple[motion.Performance, np.ndarray]:
    """A player's performance and its sound, float32 [samples], without pictures.

    Args:
        index: of the piece, as of `make_piece`.
        turned_degrees: how far the player is turned to their left, more than they would be.
    """
    (part,) = score.compose([instrument], studio.duration_s, np.random.default_rng([studio.seed, index]))
    rng = np.random.default_rng([studio.seed, index, 0])
    player = _player(index, 0, instrument, studio, rng)
    player = replace(player, yaw=player.yaw + turned_degrees)
    size_px = (studio.player_width_px, studio.player_height_px)
    performance = motion.perform(instrument, player, part, studio.duration_s, studio.fps, size_px, rng)
    heard = score.later(part, studio.sound_after_s, studio.duration_s)
    return performance, synthesis.synthesise(instrument, heard, studio.duration_s, studio.sample_rate_hz, rng)
