"""Bad data never stops good data and never passes silently: each fault is named with its file and what to do."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_media import blank, players, run_stage, tone, workplace, write_video, write_wav

from pipeline import params
from pipeline.dataset.set_aside import read_set_aside
from pipeline.dataset.shards import Shards
from pipeline.media import picture_files

pytestmark = pytest.mark.slow

DURATION_S = 4.5  # just longer than a window of 4 s


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Pictures with a player in them, (time s, picture) each."""
    corpus = players(tmp_path_factory.mktemp("person"), [("cl",)], DURATION_S)
    return list(picture_files.frames(next(corpus.glob("*/Vid_*.mp4"))))


@pytest.fixture(scope="module")
def folder_run(tmp_path_factory, person):
    """The first stages over a folder with two good videos (one of an odd name) and every kind of bad one."""
    root = tmp_path_factory.mktemp("videos")
    good = write_video(root / "clarinet" / "good.mp4", person, tone(DURATION_S))
    shutil.copy(good, root / "clarinet" / "café.mp4")
    shutil.copy(good, os.fsdecode(os.fsencode(root) + b"/latin\xe9.mp4"))
    (root / "zero.mp4").write_bytes(b"")
    (root / "text.mp4").write_text("this is no video\n" * 100)
    Path(os.fsdecode(os.fsencode(root) + b"/odd\xff.mp4")).write_text("nor is this")
    write_video(root / "mute.mp4", person[:20])
    write_video(root / "sound_only.mp4", None, tone(DURATION_S))
    write_wav(root / "sound.wav", tone(DURATION_S))
    write_video(root / "nobody.mp4", blank(DURATION_S), tone(DURATION_S))
    write_video(root / "short.mp4", person[:20], tone(1))
    return run_stages(workplace(tmp_path_factory.mktemp("folder"), corpus={"name": "folder", "root": str(root)}))


@pytest.fixture(scope="module")
def sounds_run(tmp_path_factory):
    """stages.spectrograms over pieces in URMP's layout whose sounds are each of another kind."""
    root = tmp_path_factory.mktemp("pieces")
    noise = np.random.default_rng(0).normal(0, 0.1, round(DURATION_S * 48000)).astype(np.float32)
    holed = noise.copy()
    holed[1000] = np.nan
    sounds = {
        "Good": (noise, 48000),
        "Nan": (holed, 48000),
        "Silent": (noise * 1e-4, 48000),
        "Narrow": (tone(DURATION_S, 8000), 8000),
        "Stereo": (np.stack([noise, noise], axis=1), 48000),
        "Clipped": (np.clip(noise * 20, -1, 1), 48000),
    }
    for name, (sound, rate_hz) in sounds.items():
        write_video(root / name / f"Vid_{name}_vn.mp4", blank(1))
        write_wav(root / name / f"AuSep_1_vn_{name}.wav", sound, rate_hz)
    return run_stages(
        workplace(tmp_path_factory.mktemp("sounds"), corpus={"name": "studio", "root": str(root)}),
        ["tracks", "spectrograms"],
    )


class Outcome:
    """What stages left: the text they printed, the tracks they kept, and the reasons they gave, by stage and file."""

    def __init__(self, place: Path, outputs: dict[str, str]) -> None:
        folders = {"extract": "keypoints", "clean": "motion", "spectrograms": "spectrograms"}
        files = {"tracks": "tracks_set_aside.csv"} | {name: f"{place}/set_aside.csv" for name, place in folders.items()}
        self.place, self.printed = place, outputs
        self.tracks, self.reasons = {}, {}
        for stage in outputs:
            if stage in folders:
                self.tracks[stage] = list(pd.read_parquet(place / "data" / folders[stage] / "index.parquet")["track"])
            for item in read_set_aside(place / "data" / files[stage]):
                self.reasons[stage, item.file] = item
                assert str(item) in outputs[stage], "a reason that is kept is also shown"


def run_stages(place: Path, names: Iterable[str] = ("tracks", "extract", "clean", "spectrograms")) -> Outcome:
    printed = {}
    for name in names:
        done = run_stage(place, name)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        printed[name] = done.stdout
    return Outcome(place, printed)


def test_good_videos_come_through_every_stage(folder_run):
    accented, good = folder_run.tracks["clean"]
    assert good == "clarinet__good"
    assert accented.startswith("clarinet__caf_-")
    assert folder_run.tracks["spectrograms"] == [accented, good, "nobody"]
    assert folder_run.tracks["extract"] == [accented, good, "short"]


@pytest.mark.parametrize(
    ("stage", "file", "what"),
    [
        ("tracks", "zero.mp4", "empty, 0 bytes"),
        ("tracks", "text.mp4", "no media file"),
        ("tracks", r"odd\xff.mp4", "no media file"),
        ("tracks", r"latin\xe9.mp4", "its name is not UTF-8"),
        ("tracks", "mute.mp4", "no sound in it"),
        ("tracks", "sound_only.mp4", "no picture in it"),
        ("tracks", "sound.wav", "a sound without a picture"),
        ("extract", "nobody.mp4", "nobody in view in 100% of its pictures"),
        ("clean", "short.mp4", "1.0 s long, shorter than a window of 4 s"),
        ("spectrograms", "short.mp4", "shorter than a window of 4 s"),
    ],
)
def test_every_bad_video_is_named_with_what_is_wrong_and_what_to_do(folder_run, stage, file, what):
    item = folder_run.reasons[stage, file]
    assert what in item.what
    assert item.advice


def test_nothing_good_is_set_aside(folder_run):
    assert not [file for _, file in folder_run.reasons if "clarinet" in file]


def test_good_tracks_are_not_harmed_by_the_bad_ones(folder_run, tmp_path):
    root = Path(params.load(folder_run.place / "params.yaml").corpus.root)
    shutil.copytree(root / "clarinet", tmp_path / "videos" / "clarinet")
    alone = workplace(tmp_path / "alone", corpus={"name": "folder", "root": str(tmp_path / "videos")})
    only = run_stages(alone, ["tracks", "spectrograms"])
    for track in only.tracks["spectrograms"]:
        one, other = (
            Shards(place / "data/spectrograms").rows("spectrogram", track) for place in (alone, folder_run.place)
        )
        assert (np.array(one) == np.array(other)).all()


def test_sounds_that_can_be_used_are_and_the_others_are_named(sounds_run):
    assert sounds_run.tracks["spectrograms"] == ["Clipped_1_vn", "Good_1_vn", "Narrow_1_vn", "Stereo_1_vn"]
    reasons = {Path(file).parts[0]: item.what for (_, file), item in sounds_run.reasons.items()}
    assert set(reasons) == {"Nan", "Silent", "Narrow", "Clipped"}
    assert "NaN or infinite" in reasons["Nan"]
    assert "silent" in reasons["Silent"]
    assert reasons["Narrow"].startswith("used, but sampled at 8000 Hz")
    assert reasons["Clipped"].startswith("used, but")
    assert "clipped" in reasons["Clipped"]


def test_stereo_is_mixed_down_to_what_mono_is(sounds_run):
    shards = Shards(sounds_run.place / "data/spectrograms")
    mono, stereo = (shards.rows("spectrogram", f"{name}_1_vn") for name in ("Good", "Stereo"))
    assert (np.array(mono) == np.array(stereo)).all()


def test_8_khz_has_sound_below_4_khz_and_the_floor_above(sounds_run):
    narrow = Shards(sounds_run.place / "data/spectrograms").rows("spectrogram", "Narrow_1_vn")[10:-10]
    assert narrow[:, 440 * 2048 // 16000].min() > 0.5
    assert narrow[:, 530:].max() < -0.9


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such folder"),
        ({}, "nothing in it"),
        ({"a.mp4": "", "b.mp4": "text"}, "set_aside.csv says why"),
    ],
)
def test_where_nothing_is_left_the_run_fails_in_one_line(tmp_path, content, says):
    root = tmp_path / "videos"
    if content is not None:
        root.mkdir()
        for name, text in content.items():
            (root / name).write_text(text)
    done = run_stage(workplace(tmp_path / "work", corpus={"name": "folder", "root": str(root)}), "tracks")
    assert done.returncode == 1
    last = done.stderr.rstrip().rpartition("\n")[2]
    assert last.startswith("error: ")
    assert says in last
    assert "Traceback" not in done.stderr
    assert done.stdout.count("note: ") == len(content or {})


def test_a_video_with_nobody_in_it_alone_fails_and_says_so(tmp_path):
    write_video(tmp_path / "videos" / "v.mp4", blank(1), tone(1))
    done = run_stage(workplace(tmp_path, corpus={"name": "folder", "root": "videos"}), "tracks", "extract")
    assert done.returncode == 1
    assert "note: v.mp4: nobody in view" in done.stdout
    assert "no track with a player in view" in done.stderr
