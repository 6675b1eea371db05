"""A folder's videos are cut where a shot ends and divided among their players; pictures, sound and notes stay together."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_media import PROFILE, REAL, USUAL, corpus_params, players, tone, workplace, write_video

from pipeline import params
from pipeline.corpus import reading
from pipeline.corpus.cuts import REACH, cuts
from pipeline.corpus.look import Looked, _look, shots, strips
from pipeline.corpus.track import Track
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import FileError
from pipeline.keypoints import cleaning, detection
from pipeline.keypoints.people_finder import finder
from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, NECK, RIGHT_SHOULDER, RIGHT_WRIST
from pipeline.media import picture_files
from stages import notes as notes_stage
from stages import spectrograms
from stages import split as split_stage


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """No worker processes, which would keep the first test's folder."""
    with joblib.parallel_config(backend="threading"):
        yield


def scene(seed: int, size_px: tuple[int, int] = (96, 64)) -> np.ndarray:
    """A picture of its own arrangement and colours, uint8 [height, width, 3]."""
    rough = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(rough, size_px, interpolation=cv2.INTER_CUBIC)


def moving(seed: int, count: int) -> list[np.ndarray]:
    """A scene in which something moves."""
    pictures = [scene(seed).copy() for _ in range(count)]
    for i, picture in enumerate(pictures):
        cv2.circle(picture, (20 + 2 * i % 60, 30), 8, (255, 255, 255), -1)
    return pictures


def timed(pictures: list[np.ndarray], fps: float = 20) -> list[tuple[float, np.ndarray]]:
    return [(i / fps, picture) for i, picture in enumerate(pictures)]


def lit(picture: np.ndarray, gain: float) -> np.ndarray:
    return cv2.convertScaleAbs(picture, alpha=gain, beta=40 * (gain > 1))


def found(pictures: list[np.ndarray]) -> list[int]:
    return [round(time_s) for time_s in cuts(timed(pictures, fps=1))]


@pytest.mark.parametrize("length", [REACH, 12, 40])
def test_cuts_are_found_where_they_are(length):
    assert found(moving(1, length) + moving(2, length) + moving(3, length)) == [length, 2 * length]


def test_a_cut_is_found_beside_another_cut_or_a_flash():
    """A short insert must not hide both of its cuts: the shots about it would be one track."""
    assert found(moving(1, 20) + moving(2, 5) + moving(3, 20)) == [20, 25]
    after = moving(2, 20)
    after[3] = lit(after[3], 2.5)
    assert found(moving(1, 20) + after) == [20]


def test_what_is_no_cut_is_none():
    a, b = moving(1, 60), moving(2, 60)
    flash = [lit(picture, 2.5) if 20 <= i < 23 else picture for i, picture in enumerate(a)]
    fade = [cv2.addWeighted(x, 1 - i / 59, y, i / 59, 0) for i, (x, y) in enumerate(zip(a, b, strict=True))]
    light = [lit(picture, 0.5) if i < 20 else picture for i, picture in enumerate(a)]
    wide = scene(3, (960, 64))
    pan = [wide[:, 10 * i : 10 * i + 96] for i in range(60)]
    for pictures in (a, flash, fade, light, pan, [np.zeros((64, 96, 3), np.uint8)] * 40, a[: REACH - 1]):
        assert found(pictures) == []


@given(st.lists(st.floats(0.1, 30), max_size=6), st.floats(0.5, 5))
def test_shots_lie_apart_and_are_long_enough(lengths, shortest_s):
    """The short ones are left out, none is lost, and a name does not hang on what is too short."""
    edges = np.cumsum([1.0, *lengths])
    looked = Looked(edges[:-1] if lengths else np.zeros(0), np.zeros(0), np.zeros((0, 3)), float(edges[-1]))
    kept = shots(looked, shortest_s)
    if not lengths:
        assert kept == [(1, 0.0, None)]
        return
    every = shots(looked, 1e-9)
    assert [number for number, _, _ in every] == list(range(1, len(lengths) + 2))
    assert set(kept) <= set(every)
    ends = [looked.end_s if end_s is None else end_s for _, _, end_s in every]
    assert [start_s for _, start_s, _ in every] == [0.0, *ends[:-1]]
    for each, end_s in zip(every, ends, strict=True):
        assert (each in kept) == (end_s - each[1] >= shortest_s - 1e-6)


def sightings(*pictures: list[tuple[float, float]]) -> Looked:
    """People seen once a second: (x, score) each."""
    rows = [(float(i), x, score) for i, people in enumerate(pictures) for x, score in people]
    return Looked(np.zeros(0), np.arange(len(pictures), dtype=float), np.array(rows).reshape(-1, 3), len(pictures))


def test_strips_end_halfway_between_neighbours():
    duo = [(0.2, 0.9), (0.6, 0.9)]
    assert strips(sightings(duo, duo, duo), 0, None) == [(0, pytest.approx(0.4)), (pytest.approx(0.4), 1)]
    # One is missed in a picture, and a lamp is taken for a third in another.
    seen = sightings(duo, duo[1:], [*duo, (0.9, 0.5)], duo)
    assert strips(seen, 0, None) == strips(sightings(duo), 0, None)
    assert strips(sightings(duo, duo[:1], duo[:1], duo[:1]), 0, None) == [(0, 1)]
    assert strips(sightings([], [], duo), 0, None) == [(0, 1)]
    assert strips(sightings(duo[:1], duo, duo), 0, 1.0) == [(0, 1)]  # alone in the first shot
    assert len(strips(sightings(duo[:1], duo, duo), 1.0, None)) == 2


def read(root: Path, **changes: object) -> tuple[list[Track], list[SetAside]]:
    return reading.read(corpus_params("folder", root, **{"shortest_shot_s": 1.0, **changes}), finder)


def of_folder(root: Path) -> params.Params:
    """The demo's settings for a folder."""
    return PROFILE.model_copy(update={"corpus": corpus_params("folder", root)})


def test_a_shot_is_a_track_and_short_ones_are_one_line_a_video(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = moving(1, 40) + moving(2, 10) + moving(3, 30) + moving(4, 12)
    root = tmp_path / "corpus"
    write_video(root / "song.mp4", timed(pictures), tone(4.6))
    write_video(root / "whole.mp4", timed(moving(5, 30)), tone(1.5))
    tracks, aside = read(root)
    assert [(t.name, t.start_s, t.end_s) for t in tracks] == [
        ("song__shot_1", 0, pytest.approx(2.0)),
        ("song__shot_3", pytest.approx(2.5), pytest.approx(4.0)),
        ("whole", 0, None),
    ]
    assert {t.piece for t in tracks} == {"song", "whole"}
    assert [(a.file, a.what) for a in aside] == [
        ("song.mp4", "2 of its 4 shots, 1.1 s in all, are shorter than 1 s and were left out")
    ]


def test_names_stay_different(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = moving(1, 30) + moving(2, 30)
    for name in ("song", "song__shot_1", "song__shot_1__shot_1"):
        write_video(tmp_path / "corpus" / f"{name}.mp4", timed(pictures), tone(3))
    tracks, _ = read(tmp_path / "corpus")
    assert len({t.name for t in tracks}) == 6


def test_a_video_is_decoded_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "corpus"
    video = write_video(root / "song.mp4", timed(moving(1, 30) + moving(2, 30)), tone(3))
    first = read(root)
    (kept,) = (tmp_path / "work/look").glob("*.npz")
    written = kept.stat().st_mtime_ns
    assert read(root) == first
    assert kept.stat().st_mtime_ns == written
    write_video(video, timed(moving(1, 60)), tone(3))
    assert [t.name for t in read(root)[0]] == ["song"]


def test_a_video_that_breaks_off_is_left_to_the_stage_that_decodes_it(tmp_path, monkeypatch):
    def broken(path: Path) -> Iterator[tuple[float, np.ndarray]]:
        yield from timed(moving(1, 20))
        raise FileError(path, "broken")

    monkeypatch.chdir(tmp_path)
    path = write_video(tmp_path / "song.mp4", timed(moving(1, 60)), tone(3))
    monkeypatch.setattr(picture_files, "frames", broken)
    assert _look(path, None) is None


def test_both_players_of_a_drawn_duo_are_tracks_with_their_part_of_the_score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    piece = next(players(tmp_path / "studio", [("ob", "cl")], duration_s=2).iterdir())
    root = tmp_path / "corpus"
    root.mkdir()
    next(piece.glob("Vid_*")).rename(root / "duo.mp4")
    next(piece.glob("Sco_*")).rename(root / "duo.mid")
    pictures = list(picture_files.frames(root / "duo.mp4"))
    write_video(root / "duo.mp4", pictures, tone(2))
    (one, two), aside = read(root, people="each")
    assert aside == []
    assert [(t.name, t.part, t.midi) for t in (one, two)] == [
        ("duo__player_1", 0, root / "duo.mid"),
        ("duo__player_2", 1, root / "duo.mid"),
    ]
    assert (one.left, two.right) == (0, 1)
    assert one.right == two.left == pytest.approx(0.5, abs=0.06)
    (whole,), _ = read(root)
    assert (whole.name, whole.left, whole.right) == ("duo", 0, 1)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips are not on this machine")
@pytest.mark.parametrize("name", ["violin_guitar_duo", "guitar_keyboard_duo"])
def test_both_players_of_a_real_duo_are_two_people(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "duo.mp4").symlink_to(REAL / "clips" / f"{name}.mp4")
    tracks, _ = read(tmp_path / "corpus", people="each")
    assert [t.name for t in tracks] == ["duo__player_1", "duo__player_2"]
    necks = []
    for track in tracks:
        joints = detection.detect(replace(track, end_s=1.0), USUAL)
        seen = joints.keypoints[:, NECK, 2] > 0
        assert seen.mean() > 0.9
        neck = joints.keypoints[seen, NECK, 0] / joints.width_px
        assert ((track.left < neck) & (neck < track.right)).mean() > 0.95
        necks.append(np.median(neck))
    assert necks[1] - necks[0] > 0.2


def waving(pictures: Iterator[np.ndarray], _: params.Keypoints) -> Iterator[np.ndarray]:
    """A detector for the tests: a player whose right wrist is up where the picture is bright."""
    for picture in pictures:
        joints = np.zeros((JOINTS, 3), np.float32)
        joints[:, 2] = 1
        joints[RIGHT_SHOULDER, 0], joints[LEFT_SHOULDER, 0] = 10, 30
        joints[RIGHT_WRIST, 1] = -50 if picture.mean() > 200 else 50
        yield joints


def test_movement_of_a_video_whose_rate_varies_is_at_its_time(tmp_path, monkeypatch):
    """A phone takes fewer pictures in the dark: by their number the second flash would come at 1.9 s, not at 3."""
    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, waving))
    times = np.concatenate([np.arange(0, 1, 1 / 30), np.arange(1, 2.5, 1 / 8), np.arange(2.5, 4.5, 1 / 24)])
    bright = ((times > 0.5) & (times < 0.8)) | ((times > 3.0) & (times < 3.3))
    pictures = [(t, np.full((64, 64, 3), 250 if b else 5, np.uint8)) for t, b in zip(times, bright, strict=True)]
    video = write_video(tmp_path / "v.mp4", pictures)
    found = detection.detect(Track("t", "p", "unknown", video, video), USUAL)
    motion, _ = cleaning.clean(found.keypoints, found.times, 25, 0.1)
    up = np.flatnonzero(motion[:, RIGHT_WRIST, 1] < 0) / 25
    assert [up[up < 2].min(), up[up < 2].max()] == pytest.approx([0.5, 0.8], abs=0.06)
    assert [up[up > 2].min(), up[up > 2].max()] == pytest.approx([3.0, 3.3], abs=0.06)


@pytest.mark.parametrize("sound_start_s", [0.0, 0.4])
@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_in_a_shot_in_the_middle_a_jump_its_click_and_its_note_stay_together(
    tmp_path, monkeypatch, container, sound_start_s
):
    """From the file to rows of movement, spectrogram frames and note frames, wherever the sound's stream starts."""
    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, waving))
    monkeypatch.chdir(tmp_path)
    at_s = 5.0
    dark = [np.clip(scene(seed) // 3, 0, 80) for seed in (1, 2, 3)]
    pictures = [dark[0]] * 60 + [dark[1]] * 100 + [dark[2]] * 60
    pictures[100:103] = [np.full_like(dark[0], 250)] * 3  # at 5 s, 2 s into the second shot
    sound = np.zeros(round((11 - sound_start_s) * 16000), np.float32)
    sound[round((at_s - sound_start_s) * 16000) :][:160] = 0.9
    path = tmp_path / "corpus/v.mkv"
    late_s = 5 if container == "mpegts" else 0  # its clock may start anywhere
    film = [(late_s + time_s, picture) for time_s, picture in timed(pictures)]
    write_video(path, film, sound, sound_start_s=late_s + sound_start_s, container_format=container)
    tracks, _ = read(tmp_path / "corpus", shortest_shot_s=4.0)
    (track,) = tracks
    assert (track.name, track.start_s, track.end_s) == (
        "v__shot_2",
        pytest.approx(3, abs=0.07),
        pytest.approx(8, abs=0.07),
    )
    found = detection.detect(track, USUAL)
    motion, _ = cleaning.clean(found.keypoints, found.times, PROFILE.motion.fps, 0.1)
    jump_s = np.flatnonzero(motion[:, RIGHT_WRIST, 1] < 0)[0] / PROFILE.motion.fps
    spectrogram, remarks = spectrograms.transform(track, of_folder(tmp_path / "corpus"))
    assert spectrogram is not None, remarks
    click_s = spectrogram.astype(float).mean(axis=1).argmax() / PROFILE.audio.fps
    assert jump_s == pytest.approx(2.0, abs=0.07)
    # The coder of the sound holds 64 ms ahead of it, and only mp4 keeps note of that.
    assert click_s == pytest.approx(jump_s, abs=0.05 if container == "mp4" else 0.12)
    assert len(spectrogram) / PROFILE.audio.fps == pytest.approx(5.0, abs=0.1)


def test_notes_of_a_shot_are_those_that_sound_in_it(tmp_path):
    import mido

    file, line = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()  # 120 beats a minute: 960 ticks a second
    for pitch in (60, 62, 64, 65):  # 2 s each
        line += [mido.Message("note_on", note=pitch, velocity=64), mido.Message("note_off", note=pitch, time=1920)]
    file.tracks.append(line)
    file.save(tmp_path / "v.mid")
    shot = Track("v", "v", "unknown", Path("v"), Path("v"), start_s=3.0, end_s=7.0, midi=tmp_path / "v.mid")
    read, remarks = notes_stage.transform(shot, 1, 250, of_folder(tmp_path))
    assert read is not None
    assert remarks == []
    index, onsets, _ = read
    sounds = [62] * 63 + [64] * 125 + [65] * 62  # 62 goes on for a second; frame 62.5 is rounded up
    assert (index + 20).tolist() == sounds
    assert onsets.nonzero()[0].tolist() == [63, 188]


def test_what_was_one_recording_is_in_one_part_of_the_split(tmp_path, monkeypatch):
    """Shots and players of one video share their sound: in training and test at once they would tell nothing."""
    names = [f"v{i}__shot_{shot}" for i in range(20) for shot in (1, 2, 3)]
    tracks = [Track(name, name.split("__")[0], "violin", Path(name[:3]), Path(name.split("__")[0])) for name in names]
    monkeypatch.chdir(workplace(tmp_path, corpus={"name": "folder", "root": str(tmp_path)}))
    monkeypatch.setattr(split_stage, "read_tracks", lambda: tracks)
    index = pd.DataFrame({"detected": True}, index=names)
    monkeypatch.setattr(split_stage, "Shards", lambda _: type("Any", (), {"index": index}))
    monkeypatch.setattr(split_stage, "read_set_aside", lambda _: [])
    Path("data").mkdir()
    split_stage.main()
    table = pd.read_parquet("data/splits.parquet")
    sides = table.groupby(table.track.str.split("__").str[0]).part.nunique()
    assert (sides == 1).all()
    assert set(table.part) == {"train", "choose", "test"}
    assert len(table) == len(names)
