"""Checks a corpus before a run: `make check-corpus`, or `python -m pipeline.commands.check_corpus`.

Reads the corpus that params.yaml names. Decodes all sounds and the end of every video, and runs the detector on one second of up to
`PLAYERS` players. Nothing is trained. The data of a run are neither read nor written.
"""

import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from pipeline import params
from pipeline.commands.corpus_contents import (
    BROKEN,
    Checked,
    Sample,
    last_picture,
    lengths,
    listen,
    look,
    measure,
    spread,
    spread_over_cores,
    wrong_annotations,
)
from pipeline.compute.work import WORK
from pipeline.corpus import reading, sides, urmp
from pipeline.corpus.track import Track, relative
from pipeline.dataset.artifacts import CODES, KEYPOINTS, MOTION, NOTES, SPECTROGRAMS
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.errors import NothingLeft, ParamsError, shown
from pipeline.keypoints.people_finder import finder
from pipeline.keypoints.skeleton import JOINTS

OUT = WORK / "check_corpus"  # not in reports/, a DVC out: a new file there would make the stage run again


def main() -> None:
    try:
        check(params.load())
    except (ParamsError, NothingLeft) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")


def check(p: params.Params) -> None:
    """Print what is wrong, a table of the corpus and an estimate. Writes tracks.csv, set_aside.csv and contact_sheet.png to `OUT`.

    Raises:
        NothingLeft: no track of the corpus can be used.
    """
    root = Path(p.corpus.root)
    tracks, aside = reading.read(p.corpus, finder)
    by_sound: dict[Path, list[Track]] = {}
    for track in tracks:
        by_sound.setdefault(track.audio, []).append(track)
    videos = dict(
        spread_over_cores(last_picture, [(path,) for path in sorted({track.video for track in tracks})], "videos")
    )
    sounds = {}
    for file, sound, remarks in spread_over_cores(listen, [(*item, p) for item in by_sound.items()], "sounds"):
        sounds[file] = sound
        aside += remarks
    aside += [SetAside(relative(path, root), end, BROKEN) for path, end in videos.items() if isinstance(end, str)]
    checked = [
        measure(track, end, sound)
        for track in tracks
        if not isinstance(end := videos[track.video], str) and (sound := sounds[track.audio])
    ]
    aside += [remark for each in checked for remark in lengths(each, p.windows.duration_s, root)]
    checked = [each for each in checked if each.seconds >= p.windows.duration_s]
    aside += wrong_annotations([each.track for each in checked], root)

    samples: list[Sample] = []
    for track, sample in spread_over_cores(
        look, [(each, p.keypoints) for each in spread(checked)], "players looked at"
    ):
        if isinstance(sample, Sample):
            samples.append(sample)
        if isinstance(sample, str) or not sample.shares["body_found"]:
            what = sample if isinstance(sample, str) else "nobody found in the second that was looked at"
            aside.append(SetAside(relative(track.video, root), f"{track.name}: {what}", "look at it before a run does"))

    OUT.mkdir(parents=True, exist_ok=True)
    write_set_aside(OUT / "set_aside.csv", aside)
    if not samples:
        raise NothingLeft(f"{shown(root)}: no track that can be used; {OUT}/set_aside.csv says why")
    table = _table(checked, root)
    table.to_csv(OUT / "tracks.csv", index=False)
    _draw(samples)
    print(f"\ncorpus.name = {p.corpus.name}, corpus.root = {shown(root)}")
    if p.corpus.name == "urmp":
        print(urmp.held(root)[0])
    print("minutes: of all tracks; shortest, mean, longest: minutes of one; notes, f0s, score: tracks with them")
    print(f"\n{_by_instrument(table).to_string()}\n")
    if twice := int(table.duplicated("sound", keep=False).sum()):
        print(f"{twice} tracks have the very sound of another (one hash in tracks.csv); the split may part them.\n")
    print("\n".join(_estimate(checked, samples, p)))
    print(f"\n{len(aside)} notes: {OUT}/set_aside.csv; one row per track: {OUT}/tracks.csv")
    print(f"{len(samples)} players with the joints found, to look at: {OUT}/contact_sheet.png")


def _table(checked: Iterable[Checked], root: Path) -> pd.DataFrame:
    """One row per track."""
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
    """Tracks and minutes: one row per instrument, and one for all."""
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
    """The time and disk space that a run needs for this corpus, as lines of text."""
    cores = joblib.cpu_count()
    frames = sum(each.picture_s * each.fps for each in checked)
    detected = sides.detected([each.track for each in checked], p.split, p.keypoints.detected_share)
    looked_at = sum(each.picture_s * each.fps for each in checked if each.track.name in detected)
    seconds = sum(each.seconds for each in checked)
    windows = sum(1 for _ in p.variants.baseline) * p.generate.samples * p.windows.duration_s
    cost_s = float(np.nanmean([sample.cost_s for sample in samples]))
    transform = float(np.median([each.sound.cost for each in checked]))
    spectrum = p.audio.fps * p.audio.n_fft  # bytes per second: a frame has n_fft / 2 values of 2 bytes
    disk = {
        str(KEYPOINTS): frames * (JOINTS * 3 * 4 + 8),
        str(MOTION): seconds * p.motion.fps * JOINTS * 2 * 4,
        str(SPECTROGRAMS): seconds * spectrum,
        f"{NOTES} and {CODES}": seconds * p.audio.fps * (2 + 1 + 2 + 4),  # index and onset; code and strength
        "samples of the baselines": windows * spectrum,
    }
    free = shutil.disk_usage(".").free
    total = sum(disk.values())
    lines = [
        f"Estimate for this machine ({cores} cores), from {len(samples)} players looked at:",
        f"  extract       {_time(looked_at * cost_s / min(cores, len(detected)))} "
        f"({looked_at:.0f} pictures of players at {1 / cost_s:.1f} a second and core, with {p.keypoints.detector})",
        f"  spectrograms  {_time(seconds * transform / min(cores, len(checked)))}",
        "  training      not estimated: it depends on the steps and sizes in params.yaml, not on the corpus",
        f"  disk          {_size(total)}, and the same again in DVC's cache if the disk cannot share blocks; "
        f"{_size(free)} are free here",
        *(f"    {_size(size):>9}   {name}" for name, size in disk.items()),
    ]
    if 2 * total > free:
        lines.append("  The disk may be too small: free some space, or put the checkout on a larger disk.")
    return lines


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(seconds, 1):.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _draw(samples: Sequence[Sample]) -> None:
    from pipeline.report import pictures  # imports matplotlib

    panels = []
    for sample in samples:
        body, left, right = (
            round(100 * sample.shares[f"{part}_found"]) for part in ("body", "left_hand", "right_hand")
        )
        name = sample.track.name if len(sample.track.name) <= 26 else sample.track.name[:25] + "…"
        panels.append(
            (f"{sample.track.instrument}\n{name}\nbody {body}, hands {left}, {right} %", sample.picture, sample.joints)
        )
    pictures.contact_sheet(OUT / "contact_sheet.png", panels)


if __name__ == "__main__":
    main()
