"""What a corpus holds, before hours are spent on it: `make check-corpus`, or `python -m pipeline.check_corpus`.

Reads the corpus that params.yaml names: decodes all sound, the end of every video and, with the detector, a second of up to
`PLAYERS` players. Nothing is trained, and nothing that a run uses is read or written.
"""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import annotations, corpus, media, notes, params, set_aside, sound_check, spectrogram
from pipeline.corpus import urmp
from pipeline.corpus.files import relative
from pipeline.corpus.track import Track
from pipeline.keypoints import detection
from pipeline.keypoints.openpose_json import OpenPoseError
from pipeline.keypoints.skeleton import JOINTS
from pipeline.set_aside import NothingLeft, SetAside
from pipeline.work import WORK

OUT = WORK / "check_corpus"  # not reports/, which is DVC's: with a file more in it, the next run would make it anew
PLAYERS = 24  # that the detector looks at, all of them on the contact sheet
SAMPLE_S = 1.0  # how much of each
TIMED_S = 10.0  # of each sound, transformed to see how long that takes
UNEVEN_S = 1.0  # further apart, the ends of a recording's picture and sound are worth a remark
SHOWN_PX = 480  # height of a player on the contact sheet
BROKEN = "replace it with a whole copy, or delete it"


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


def main() -> None:
    try:
        check(params.load())
    except (params.ParamsError, NothingLeft) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")


def check(p: params.Params) -> None:
    """Print what there is and what is wrong, a table and an estimate; write `OUT`/tracks.csv, set_aside.csv, contact_sheet.png.

    Raises:
        NothingLeft: nothing of the corpus can be used.
    """
    root = Path(p.corpus.root)
    tracks, aside = corpus.read(p.corpus)
    by_sound: dict[Path, list[Track]] = {}
    for track in tracks:
        by_sound.setdefault(track.audio, []).append(track)
    videos = dict(_each(_last_picture, [(path,) for path in sorted({track.video for track in tracks})], "videos"))
    sounds = {}
    for file, sound, remarks in _each(_listen, [(*item, p) for item in by_sound.items()], "sounds"):
        sounds[file] = sound
        aside += remarks
    aside += [SetAside(relative(path, root), end, BROKEN) for path, end in videos.items() if isinstance(end, str)]
    checked = [
        _measure(track, end, sound)
        for track in tracks
        if not isinstance(end := videos[track.video], str) and (sound := sounds[track.audio])
    ]
    aside += [remark for each in checked for remark in _lengths(each, p.windows.duration_s, root)]
    checked = [each for each in checked if each.seconds >= p.windows.duration_s]
    aside += _annotations([each.track for each in checked], root)

    samples: list[Sample] = []
    for track, sample in _each(_look, [(each, p.keypoints) for each in _spread(checked)], "players looked at"):
        if isinstance(sample, Sample):
            samples.append(sample)
        if isinstance(sample, str) or not sample.shares["body_found"]:
            what = sample if isinstance(sample, str) else "nobody found in the second that was looked at"
            aside.append(SetAside(relative(track.video, root), f"{track.name}: {what}", "look at it before a run does"))

    OUT.mkdir(parents=True, exist_ok=True)
    set_aside.write(OUT, aside)
    if not samples:
        raise NothingLeft(f"{media.shown(root)}: no track that can be used; {OUT}/set_aside.csv says why")
    table = _table(checked, root)
    table.to_csv(OUT / "tracks.csv", index=False)
    _draw(samples)
    print(f"\ncorpus.name = {p.corpus.name}, corpus.root = {media.shown(root)}")
    if p.corpus.name == "urmp":
        print(urmp.held(root)[0])
    print("Minutes of all tracks, and of the shortest, mean and longest; notes, f0s, score: tracks that have them")
    print(f"\n{_by_instrument(table).to_string()}\n")
    if twice := int(table.duplicated("sound", keep=False).sum()):
        print(f"{twice} tracks have the very sound of another (one hash in tracks.csv); the split may part them.\n")
    print("\n".join(_estimate(checked, samples, p)))
    print(f"\n{len(aside)} notes: {OUT}/set_aside.csv; a row a track: {OUT}/tracks.csv")
    print(f"{len(samples)} players with the joints found, to look at: {OUT}/contact_sheet.png")


Result = TypeVar("Result")


def _each(work: Callable[..., Result], items: Sequence[tuple[Any, ...]], title: str) -> Iterable[Result]:
    """What `work` gives for each item, spread over the cores, with a progress bar."""
    jobs = (joblib.delayed(work)(*item) for item in items)
    results = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")(jobs)
    return tqdm(results, title, len(items), mininterval=0.5)


def _last_picture(video: Path) -> tuple[Path, float | str]:
    """When the picture of a video ends, s; or what is wrong with it."""
    try:
        probe = media.probe(video)
        for start_s in (probe.duration_s - 1, 0):  # from the start where only the sound goes on to the end of the file
            times_s = [time_s for time_s, _ in media.frames(video, max(start_s, 0))]
            if times_s:
                return video, times_s[-1] + (1 / probe.fps if probe.fps else 0)
    except media.MediaError as error:
        return video, error.what
    return video, "no picture in it can be decoded"


def _listen(file: Path, tracks: list[Track], p: params.Params) -> tuple[Path, Sound | None, list[SetAside]]:
    """The sound of some tracks, None where no track can use it; and what there is to say of it."""
    name = relative(file, Path(p.corpus.root))
    started = time.perf_counter()
    try:
        sound, rate_hz = media.decode_audio(file)
    except media.MediaError as error:
        return file, None, [SetAside(name, error.what, BROKEN)]
    duration_s = len(sound) / rate_hz
    cost = (time.perf_counter() - started) / duration_s
    if fault := sound_check.unusable(sound, rate_hz, p.windows.duration_s):
        return file, None, [SetAside(name, *fault)]
    remarks = [SetAside(name, *remark) for remark in sound_check.weak(sound, rate_hz, p.audio.sample_rate_hz)]
    head = sound[: round(TIMED_S * rate_hz)]
    started = time.perf_counter()
    spectrogram.log_spectrogram(media.resample(head, rate_hz, p.audio.sample_rate_hz), p.audio)
    cost += (time.perf_counter() - started) / (len(head) / rate_hz)
    return file, Sound(duration_s, hashlib.sha256(sound.tobytes()).hexdigest()[:12], cost), remarks


def _measure(track: Track, picture_end_s: float, sound: Sound) -> Checked:
    picture_s, sound_s = (
        min(end_s, end_s if track.end_s is None else track.end_s) - track.start_s
        for end_s in (picture_end_s, sound.duration_s)
    )
    return Checked(track, picture_s, sound_s, media.probe(track.video).fps, sound)


def _lengths(each: Checked, shortest_s: float, root: Path) -> list[SetAside]:
    """What is wrong with the lengths of a track's picture and sound."""
    file, name = relative(each.track.video, root), each.track.name
    if each.seconds < shortest_s:
        what = f"{name} is {max(each.seconds, 0):.1f} s long, shorter than a window of {shortest_s:g} s"
        return [SetAside(file, what, "record longer, or lower windows.duration_s")]
    if abs(each.picture_s - each.sound_s) > UNEVEN_S:
        what = f"its picture is {each.picture_s:.1f} s long, the sound of {name} {each.sound_s:.1f} s"
        return [SetAside(file, what, "check that both are whole and of one recording")]
    return []


def _annotations(tracks: Iterable[Track], root: Path) -> list[SetAside]:
    """What is wrong with notes, pitches and scores."""
    aside = []
    players: dict[Path, int] = {}
    for track in tracks:
        for path, read in ((track.notes, annotations.read_notes), (track.f0s, annotations.read_f0s)):
            if path is None:
                continue
            try:
                read(path)
            except annotations.AnnotationError as error:
                aside.append(SetAside(relative(path, root), error.what, BROKEN))
        if track.midi:
            players[track.midi] = max(players.get(track.midi, 0), track.part + 1)
    for path, count in players.items():
        try:
            notes.parts(path, count)
        except notes.MidiError as error:
            aside.append(SetAside(relative(path, root), error.what, BROKEN))
    return aside


def _spread(checked: Sequence[Checked]) -> list[Checked]:
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


def _look(each: Checked, keypoints: params.Keypoints) -> tuple[Track, Sample | str]:
    """A track, and what is found in a second from its middle; or what is wrong."""
    track = part = each.track
    if track.skeleton is None:  # one that is there takes no time, and begins where its track does
        start_s = track.start_s + max((each.picture_s - SAMPLE_S) / 2, 0)
        part = replace(track, start_s=start_s, end_s=start_s + SAMPLE_S)
    ticks: list[float] = []
    try:
        found = detection.detect(part, keypoints, tick=lambda: ticks.append(time.perf_counter()))
        middle = len(found.times) // 2
        _, picture = next(iter(media.frames(track.video, part.start_s + found.times[middle])))
    except media.MediaError as error:
        return track, error.what
    except OpenPoseError as error:
        return track, str(error)
    left_px, right_px = (round(side * found.width_px) for side in (track.left, track.right))
    scale = min(SHOWN_PX / found.height_px, 1)
    strip = cv2.cvtColor(picture[:, left_px:right_px], cv2.COLOR_BGR2RGB)
    strip = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    joints = found.keypoints[middle].copy()
    joints[:, 0] -= left_px
    joints[:, :2] *= scale
    cost_s = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else np.nan
    return track, Sample(track, detection.found_shares(found.keypoints), cost_s, strip, joints)


def _table(checked: Iterable[Checked], root: Path) -> pd.DataFrame:
    """A row a track."""
    return pd.DataFrame(
        [
            {
                "track": each.track.name,
                "instrument": each.track.instrument,
                "minutes": round(each.seconds / 60, 3),
                "picture_s": round(each.picture_s, 3),
                "sound_s": round(each.sound_s, 3),
                "fps": round(each.fps, 3),
                "video": relative(each.track.video, root),
                "audio": relative(each.track.audio, root),
                "notes": each.track.notes is not None,
                "f0s": each.track.f0s is not None,
                "score": each.track.midi is not None,
                "sound": each.sound.digest,
            }
            for each in checked
        ]
    )


def _by_instrument(table: pd.DataFrame) -> pd.DataFrame:
    """Tracks and minutes, a row an instrument and one for all."""
    rows = {}
    for name, group in (*table.groupby("instrument"), ("all", table)):
        rows[name] = {
            "tracks": len(group),
            "minutes": round(group.minutes.sum(), 1),
            "shortest": round(group.minutes.min(), 2),
            "mean": round(group.minutes.mean(), 2),
            "longest": round(group.minutes.max(), 2),
            "notes": int(group.notes.sum()),
            "f0s": int(group.f0s.sum()),
            "score": int(group.score.sum()),
        }
    return pd.DataFrame(rows).T.convert_dtypes()


def _estimate(checked: Sequence[Checked], samples: Sequence[Sample], p: params.Params) -> list[str]:
    """Time and disk that a run takes for this corpus, in words."""
    cores = joblib.cpu_count()
    frames = sum(each.picture_s * each.fps for each in checked)
    seconds = sum(each.seconds for each in checked)
    windows = sum(1 for _ in p.variants.baseline) * p.generate.samples * p.windows.duration_s
    cost_s = float(np.nanmean([sample.cost_s for sample in samples]))
    transform = float(np.median([each.sound.cost for each in checked]))
    spectrum = p.audio.fps * p.audio.n_fft  # bytes of a second: n_fft / 2 values of 2 bytes a frame
    disk = {
        "data/keypoints": frames * (JOINTS * 3 * 4 + 8),
        "data/motion": seconds * p.motion.fps * JOINTS * 2 * 4,
        "data/spectrograms": seconds * spectrum,
        "data/notes and data/codes": seconds * p.audio.fps * (2 + 1 + 2 + 4),  # index and onset; code and strength
        "samples of the baselines": windows * spectrum,
    }
    free = shutil.disk_usage(".").free
    total = sum(disk.values())
    lines = [
        f"Estimate for this machine ({cores} cores), from {len(samples)} players looked at:",
        f"  extract       {_time(frames * cost_s / min(cores, len(checked)))} "
        f"({frames:.0f} pictures of players at {1 / cost_s:.1f} a second and core, with {p.keypoints.detector})",
        f"  spectrograms  {_time(seconds * transform / min(cores, len(checked)))}",
        "  training      not estimated: it depends on steps and sizes in params.yaml, not on the corpus",
        f"  disk          {_size(total)}, and as much again in DVC's cache where files cannot share blocks; "
        f"{_size(free)} are free here",
        *(f"    {_size(size):>9}   {name}" for name, size in disk.items()),
    ]
    if 2 * total > free:
        lines.append("  That may not fit: free some, or put the checkout on a larger disk.")
    return lines


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(seconds, 1):.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _draw(samples: Sequence[Sample]) -> None:
    from pipeline.report import figures  # matplotlib: only where it is used

    panels = []
    for sample in samples:
        body, left, right = (
            round(100 * sample.shares[f"{part}_found"]) for part in ("body", "left_hand", "right_hand")
        )
        name = sample.track.name if len(sample.track.name) <= 26 else sample.track.name[:25] + "…"
        panels.append(
            (f"{sample.track.instrument}\n{name}\nbody {body}, hands {left}, {right} %", sample.picture, sample.joints)
        )
    figures.contact_sheet(OUT / "contact_sheet.png", panels)


if __name__ == "__main__":
    main()
