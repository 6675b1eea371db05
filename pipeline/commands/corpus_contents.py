"""Checks of the single files of a corpus."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import joblib
import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.audio import sound_check, spectrogram
from pipeline.corpus.track import Track, relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import FileError
from pipeline.keypoints import detection
from pipeline.media import picture_files, probing, sound_files
from pipeline.notes import annotations, score

PLAYERS = 24  # largest number of players for the detector and the contact sheet
SAMPLE_S = 1.0  # duration of each player's sample
TIMED_S = 10.0  # part of each sound that is transformed to measure the time
UNEVEN_S = 1.0  # a larger difference between the lengths of picture and sound is reported
SHOWN_PX = 480  # height of a player on the contact sheet
BROKEN = "replace it with a whole copy, or delete it"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sound:
    """A sound file: its duration, a hash of its samples, and the time to read and transform one second, s."""

    duration_s: float
    digest: str
    cost: float


@dataclass(frozen=True)
class Checked:
    """A usable track, with the durations of its picture and sound."""

    track: Track
    picture_s: float
    sound_s: float
    fps: float
    sound: Sound

    @property
    def seconds(self) -> float:
        return min(self.picture_s, self.sound_s)


@dataclass(frozen=True)
class Sample:
    """What the detector found in one second of a track.

    Attributes:
        shares: shares of the pictures in which body and hands were found.
        cost_s: time per picture. NaN if there is only one picture, since the first also loads the models.
        picture: the middle picture, uint8 [height, width, 3], RGB.
        joints: its joints, float32 [47, 3] = x px, y px, confidence.
    """

    track: Track
    shares: dict[str, float]
    cost_s: float
    picture: np.ndarray
    joints: np.ndarray


def spread_over_cores(work: Callable[..., Result], items: Sequence[tuple[Any, ...]], title: str) -> Iterable[Result]:
    """The results of `work` for each item, computed on all cores, with a progress bar."""
    jobs = (joblib.delayed(work)(*item) for item in items)
    results = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")(jobs)
    return tqdm(results, title, len(items), mininterval=0.5)


def last_picture(video: Path) -> tuple[Path, float | str]:
    """A video, with the time at which its picture ends, s, or with what is wrong."""
    try:
        probe = probing.probe(video)
        for start_s in (probe.duration_s - 1, 0):  # all of it if the last second has sound only
            times_s = [time_s for time_s, _ in picture_files.frames(video, max(start_s, 0))]
            if times_s:
                return video, times_s[-1] + (1 / probe.fps if probe.fps else 0)
    except FileError as error:
        return video, error.what
    return video, "no picture in it can be decoded"


def listen(file: Path, tracks: list[Track], p: params.Params) -> tuple[Path, Sound | None, list[SetAside]]:
    """A sound file of one or more tracks, its `Sound` (None if it is unusable), and remarks."""
    name = relative(file, Path(p.corpus.root))
    started = time.perf_counter()
    try:
        sound, rate_hz = sound_files.decode_audio(file)
    except FileError as error:
        return file, None, [SetAside(name, error.what, BROKEN)]
    duration_s = len(sound) / rate_hz
    cost = (time.perf_counter() - started) / duration_s
    if fault := sound_check.unusable(sound, rate_hz, p.windows.duration_s):
        return file, None, [SetAside(name, *fault)]
    remarks = [SetAside(name, *remark) for remark in sound_check.weak(sound, rate_hz, p.audio.sample_rate_hz)]
    head = sound[: round(TIMED_S * rate_hz)]
    started = time.perf_counter()
    spectrogram.log_spectrogram(sound_files.resample(head, rate_hz, p.audio.sample_rate_hz), p.audio)
    cost += (time.perf_counter() - started) / (len(head) / rate_hz)
    return file, Sound(duration_s, hashlib.sha256(sound.tobytes()).hexdigest()[:12], cost), remarks


def measure(track: Track, picture_end_s: float, sound: Sound) -> Checked:
    picture_s, sound_s = (
        min(end_s, end_s if track.end_s is None else track.end_s) - track.start_s
        for end_s in (picture_end_s, sound.duration_s)
    )
    return Checked(track, picture_s, sound_s, probing.probe(track.video).fps, sound)


def lengths(each: Checked, shortest_s: float, root: Path) -> list[SetAside]:
    """Remarks on the durations of a track's picture and sound."""
    file, name = relative(each.track.video, root), each.track.name
    if each.seconds < shortest_s:
        what = f"{name} is {max(each.seconds, 0):.1f} s long, shorter than a window of {shortest_s:g} s"
        return [SetAside(file, what, "record longer, or lower windows.duration_s")]
    if abs(each.picture_s - each.sound_s) > UNEVEN_S:
        what = f"its picture is {each.picture_s:.1f} s long, the sound of {name} {each.sound_s:.1f} s"
        return [SetAside(file, what, "check that both are whole and of one recording")]
    return []


def wrong_annotations(tracks: Iterable[Track], root: Path) -> list[SetAside]:
    """Remarks on unusable notes, pitches and scores."""
    aside = []
    players: dict[Path, int] = {}
    for track in tracks:
        for path, read in ((track.notes, annotations.read_notes), (track.f0s, annotations.read_f0s)):
            if path is None:
                continue
            try:
                read(path)
            except FileError as error:
                aside.append(SetAside(relative(path, root), error.what, BROKEN))
        if track.midi:
            players[track.midi] = max(players.get(track.midi, 0), track.part + 1)
    for path, count in players.items():
        try:
            score.of_players(path, count)
        except FileError as error:
            aside.append(SetAside(relative(path, root), error.what, BROKEN))
    return aside


def spread(checked: Sequence[Checked]) -> list[Checked]:
    """Up to `PLAYERS` tracks: as many of each instrument as possible, spread evenly over the instrument's list."""
    groups: dict[str, list[Checked]] = {}
    for each in checked:
        groups.setdefault(each.track.instrument, []).append(each)
    counts = dict.fromkeys(groups, 0)
    while sum(counts.values()) < min(PLAYERS, len(checked)):
        counts[min((name for name in groups if counts[name] < len(groups[name])), key=lambda name: counts[name])] += 1
    return [
        group[round(place)]
        for name, group in sorted(groups.items())
        for place in np.linspace(0, len(group) - 1, counts[name] + 2)[1:-1]
    ]


def look(each: Checked, keypoints: params.Keypoints) -> tuple[Track, Sample | str]:
    """A track, with what is found in one second from its middle, or with what is wrong."""
    track = part = each.track
    if track.skeleton is None:  # a given skeleton is read without a detector, and starts with its track
        start_s = track.start_s + max((each.picture_s - SAMPLE_S) / 2, 0)
        part = replace(track, start_s=start_s, end_s=start_s + SAMPLE_S)
    ticks: list[float] = []
    try:
        found = detection.detect(part, keypoints, tick=lambda: ticks.append(time.perf_counter()))
        middle = len(found.times) // 2
        _, picture = next(iter(picture_files.frames(track.video, part.start_s + found.times[middle])))
    except FileError as error:
        return track, error.what if error.file == track.video else str(error)
    left_px, right_px = (round(side * found.width_px) for side in (track.left, track.right))
    scale = min(SHOWN_PX / found.height_px, 1)
    strip = cv2.cvtColor(picture[:, left_px:right_px], cv2.COLOR_BGR2RGB)
    strip = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    joints = found.keypoints[middle].copy()
    joints[:, 0] -= left_px
    joints[:, :2] *= scale
    cost_s = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else np.nan
    return track, Sample(track, detection.found_shares(found.keypoints), cost_s, strip, joints)
