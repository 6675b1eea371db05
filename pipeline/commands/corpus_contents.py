"""What the files of a corpus hold, and what is wrong with them, one by one."""

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
from pipeline.notes import annotations, midi

PLAYERS = 24  # that the detector looks at, all of them on the contact sheet
SAMPLE_S = 1.0  # how much of each
TIMED_S = 10.0  # of each sound, transformed to see how long that takes
UNEVEN_S = 1.0  # further apart, the ends of a recording's picture and sound are worth a remark
SHOWN_PX = 480  # height of a player on the contact sheet
BROKEN = "replace it with a whole copy, or delete it"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sound:
    """A sound file: its length, a hash of its samples, and how long a second of it takes to be read and transformed."""

    duration_s: float
    digest: str
    cost: float


@dataclass(frozen=True)
class Checked:
    """A track that can be used, and how much of it there is."""

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
    """What the detector found in a second of a track.

    Attributes:
        shares: of the pictures, in which body and hands were found.
        cost_s: time a picture took; NaN where there was one alone, with which the models are loaded.
        picture, joints: the middle one, uint8 [height, width, 3], red first, and float32 [47, 3] in its px.
    """

    track: Track
    shares: dict[str, float]
    cost_s: float
    picture: np.ndarray
    joints: np.ndarray


def spread_over_cores(work: Callable[..., Result], items: Sequence[tuple[Any, ...]], title: str) -> Iterable[Result]:
    """What `work` gives for each item, spread over the cores, with a progress bar."""
    jobs = (joblib.delayed(work)(*item) for item in items)
    results = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")(jobs)
    return tqdm(results, title, len(items), mininterval=0.5)


def last_picture(video: Path) -> tuple[Path, float | str]:
    """When the picture of a video ends, s; or what is wrong with it."""
    try:
        probe = probing.probe(video)
        for start_s in (probe.duration_s - 1, 0):  # from the start where only the sound goes on to the end of the file
            times_s = [time_s for time_s, _ in picture_files.frames(video, max(start_s, 0))]
            if times_s:
                return video, times_s[-1] + (1 / probe.fps if probe.fps else 0)
    except FileError as error:
        return video, error.what
    return video, "no picture in it can be decoded"


def listen(file: Path, tracks: list[Track], p: params.Params) -> tuple[Path, Sound | None, list[SetAside]]:
    """The sound of some tracks, None where no track can use it; and what there is to say of it."""
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
    """What is wrong with the lengths of a track's picture and sound."""
    file, name = relative(each.track.video, root), each.track.name
    if each.seconds < shortest_s:
        what = f"{name} is {max(each.seconds, 0):.1f} s long, shorter than a window of {shortest_s:g} s"
        return [SetAside(file, what, "record longer, or lower windows.duration_s")]
    if abs(each.picture_s - each.sound_s) > UNEVEN_S:
        what = f"its picture is {each.picture_s:.1f} s long, the sound of {name} {each.sound_s:.1f} s"
        return [SetAside(file, what, "check that both are whole and of one recording")]
    return []


def wrong_annotations(tracks: Iterable[Track], root: Path) -> list[SetAside]:
    """What is wrong with notes, pitches and scores."""
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
            midi.parts(path, count)
        except FileError as error:
            aside.append(SetAside(relative(path, root), error.what, BROKEN))
    return aside


def spread(checked: Sequence[Checked]) -> list[Checked]:
    """`PLAYERS` tracks at most: of each instrument in turn, and of an instrument's those that lie evenly in its list."""
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
    """A track, and what is found in a second from its middle; or what is wrong."""
    track = part = each.track
    if track.skeleton is None:  # one that is there takes no time, and begins where its track does
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
