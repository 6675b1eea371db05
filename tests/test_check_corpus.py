"""A corpus is looked at before hours are spent on it: what is there, what is broken, what a run takes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from make_media import REPO, blank, players, workplace, write_video, write_wav

from pipeline import params
from pipeline.commands import check_corpus, corpus_contents
from pipeline.corpus import urmp
from pipeline.dataset.set_aside import read_set_aside

DURATION_S = 4.5


def run(place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.commands.check_corpus"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(REPO)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn duo in URMP's layout, whole."""
    return players(tmp_path_factory.mktemp("duo"), [("vn", "cl")], DURATION_S)


@pytest.mark.slow
def test_a_whole_corpus_is_described_without_a_note(duo: Path, tmp_path: Path) -> None:
    one_process = {"LOKY_MAX_CPU_COUNT": "1"}  # the other run has several
    done = run(workplace(tmp_path, corpus={"name": "studio", "root": str(duo)}), **one_process)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "note: " not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["violin", "1", "0.1", "0.08", "0.08", "0.08", "1", "1", "1"] in lines
    assert ["all", "2", "0.2", "0.08", "0.08", "0.08", "2", "2", "2"] in lines
    assert "(180 pictures of players at " in done.stdout
    assert "0 notes: " in done.stdout
    table = pd.read_csv(tmp_path / "work/check_corpus/tracks.csv")
    assert table.picture_s.tolist() == table.sound_s.tolist() == [DURATION_S] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "work"], "a run's files are left alone"


def test_joints_are_drawn_on_both_players(duo: Path, tmp_path: Path) -> None:
    """Each on its own half of the picture: a sheet without joints would hide a detector that finds nothing."""
    root, p = duo, params.load(REPO / "profiles" / "demo.yaml")
    tracks, _ = urmp.read(root)
    sound = corpus_contents.Sound(DURATION_S, "", 0.0)
    for track in tracks:
        _, sample = corpus_contents.look(
            corpus_contents.Checked(track, DURATION_S, DURATION_S, 20.0, sound), p.keypoints
        )
        assert isinstance(sample, corpus_contents.Sample)
        assert sample.shares["body_found"] == 1
        assert sample.cost_s > 0
        height, width = sample.picture.shape[:2]
        assert (height, width) == (320, 320)
        found = sample.joints[sample.joints[:, 2] > 0]
        assert ((found[:, :2] > 0) & (found[:, :2] < [width, height])).mean() > 0.95
    check_corpus.OUT, kept = tmp_path, check_corpus.OUT
    try:
        check_corpus._draw([sample])
    finally:
        check_corpus.OUT = kept
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    orange = np.abs(sheet.astype(int) - [0x00, 0x9F, 0xE6]).max(axis=2) < 40
    assert orange.sum() > 100


@pytest.mark.slow
def test_what_is_broken_is_named_and_the_rest_is_counted(duo: Path, tmp_path: Path) -> None:
    root = tmp_path / "pieces"
    shutil.copytree(duo, root)
    (home,) = root.iterdir()
    (home / "Notes_1_vn_01_Prelude.txt").write_text("")
    (home / "F0s_2_cl_01_Prelude.txt").write_text("0.01\tnan\n")
    (home / "Sco_01_Prelude_vn_cl.mid").write_bytes(b"MThd")
    noise = np.random.default_rng(0).normal(0, 0.1, 16000 * 10).astype(np.float32)
    for name, duration_s, sound in [
        ("Long", DURATION_S, noise),
        ("Short", 2, noise[: 16000 * 5]),
        ("Silent", DURATION_S, noise[: 16000 * 5] * 1e-5),
        ("Twin", DURATION_S, noise[: 16000 * 4]),
        ("Sister", DURATION_S, noise[: 16000 * 4]),
    ]:
        write_video(root / name / f"Vid_{name}_tba.mp4", blank(duration_s))
        write_wav(root / name / f"AuSep_1_tba_{name}.wav", sound)
    video = root / "Torn" / "Vid_Torn_hn.mp4"
    shutil.copytree(root / "Long", root / "Torn")
    (root / "Torn" / "Vid_Long_tba.mp4").rename(video)
    (root / "Torn" / "AuSep_1_tba_Long.wav").rename(root / "Torn" / "AuSep_1_hn_Torn.wav")
    video.write_bytes(video.read_bytes()[:1000])
    done = run(workplace(tmp_path, corpus={"name": "urmp", "root": "pieces"}))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    said = {item.file: item.what for item in read_set_aside(tmp_path / "work/check_corpus/set_aside.csv")}
    assert all(f"note: {file}: {what}" in done.stdout for file, what in said.items())
    folder = "01_Prelude_vn_cl"
    for file, what in {
        f"{folder}/Notes_1_vn_01_Prelude.txt": "nothing in it",
        f"{folder}/F0s_2_cl_01_Prelude.txt": "line 1: NaN or infinite",
        f"{folder}/Sco_01_Prelude_vn_cl.mid": "damaged",
        "Short/Vid_Short_tba.mp4": "2.0 s long, shorter than a window of 4 s",
        "Silent/AuSep_1_tba_Silent.wav": "silent",
        "Torn/Vid_Torn_hn.mp4": "broken",
        "Long/Vid_Long_tba.mp4": "its picture is 4.5 s long, the sound of Long_1_tba 10.0 s",
        "Twin/Vid_Twin_tba.mp4": "nobody found",
        "corpus.root": "1 of URMP's 44 pieces are in it (1 of 11 duets, ",
    }.items():
        assert what in said.pop(file), file
    # What else is said is due, too: nobody is in the grey pictures, and most players have no annotations.
    assert all("missing, though other players" in what or "nobody found" in what for what in said.values())
    assert "1 of URMP's 44 pieces" in done.stdout
    assert "2 tracks have the very sound of another" in done.stdout
    assert ["tuba", "3"] in [line.split()[:2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such folder"), ({}, "nothing in it"), ({"a.mp4": "text"}, "set_aside.csv says why")],
)
def test_a_corpus_of_which_nothing_can_be_used_is_one_line(
    tmp_path: Path, content: dict[str, str] | None, says: str
) -> None:
    root = tmp_path / "videos"
    if content is not None:
        root.mkdir()
        for name, text in content.items():
            (root / name).write_text(text)
    done = run(workplace(tmp_path / "place", corpus={"name": "folder", "root": str(root)}))
    assert done.returncode == 1
    assert done.stderr.rstrip().rpartition("\n")[2].startswith("error: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_impossible_parameter_is_one_line(tmp_path: Path) -> None:
    done = run(workplace(tmp_path, corpus={"name": "urmpp"}))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "corpus.name = 'urmpp': must be one of" in done.stderr


def test_the_disk_is_what_the_shards_take() -> None:
    """An hour of one player: 62.5 frames a second of 1024 values of 2 bytes, and so on."""
    p = params.load(REPO / "profiles" / "paper.yaml")
    track = check_corpus.Track("a", "a", "violin", Path("a"), Path("a"))
    each = corpus_contents.Checked(track, 3600, 3600, 30, corpus_contents.Sound(3600, "", 0.01))
    sample = corpus_contents.Sample(track, {}, 0.1, np.zeros(0), np.zeros(0))
    text = "\n".join(check_corpus._estimate([each], [sample], p))
    assert f"{3600 * 62.5 * 1024 * 2 / 1e6:.1f} MB   data/spectrograms" in text
    assert f"{3600 * 30 * (47 * 3 * 4 + 8) / 1e6:.1f} MB   data/keypoints" in text
    assert f"extract       about {3600 * 30 * 0.1 / 3600:.1f} h (108000 pictures of players at 10.0 a second" in text


def test_the_time_is_that_of_the_tracks_that_will_be_detected() -> None:
    """Ten of twelve train, since one tests and one is to choose by. These two are detected, and three of the ten."""
    demo = params.load(REPO / "profiles" / "demo.yaml")
    p = demo.model_copy(update={"split": demo.split.model_copy(update={"test_share": 0.0})})
    sound = corpus_contents.Sound(10, "", 0.01)
    tracks = [
        check_corpus.Track(f"{i}", "a", "violin", Path("a"), Path(f"{i}.wav"), joints=Path("a.npy")) for i in range(12)
    ]
    checked = [corpus_contents.Checked(track, 10, 10, 20, sound) for track in tracks]
    sample = corpus_contents.Sample(tracks[0], {}, 0.1, np.zeros(0), np.zeros(0))
    assert "(1000 pictures of players at 10.0 a second" in "\n".join(check_corpus._estimate(checked, [sample], p))


def test_the_players_looked_at_are_of_every_instrument() -> None:
    sound = corpus_contents.Sound(5, "", 0.0)
    checked = [
        corpus_contents.Checked(check_corpus.Track(f"{name}{i:03d}", "a", name, Path("a"), Path("a")), 5, 5, 25, sound)
        for name, count in (("violin", 100), ("tuba", 1), ("oboe", 3))
        for i in range(count)
    ]
    chosen = [each.track.name for each in corpus_contents.spread(checked)]
    assert len(chosen) == len(set(chosen)) == corpus_contents.PLAYERS
    assert {"tuba000", "oboe000", "oboe001", "oboe002"} < set(chosen)
    assert len(corpus_contents.spread(checked[:5])) == 5
