"""Readers find who plays what from file names, and name what they cannot use."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from make_media import REAL, blank, corpus_params, tone, write_video, write_wav

from pipeline.corpus import folder, reading, urmp
from pipeline.corpus.files import safe_name
from pipeline.errors import NothingLeft
from pipeline.keypoints.people_finder import finder


def piece(root: Path, place: str, name: str, codes: list[str]) -> Path:
    """A piece of URMP's: name is that of the piece, place that of its folder."""
    home = root / place
    write_video(home / f"Vid_{name}_{'_'.join(codes)}.mp4", blank(0.5))
    for player, code in enumerate(codes, start=1):
        write_wav(home / f"AuSep_{player}_{code}_{name}.wav", tone(0.5))
    return home


def test_urmp_reads_players_strips_and_what_belongs_to_them(tmp_path):
    home = piece(tmp_path, "01_Jupiter_vn_vc_db", "01_Jupiter", ["vn", "vc", "db"])
    (home / "Sco_01_Jupiter_vn_vc_db.mid").write_bytes(b"MThd")
    for part in ("1_vn", "2_vc", "3_db"):
        (home / f"Notes_{part}_01_Jupiter.txt").write_text("0 440 1\n")
    (home / "Joints_3_db_01_Jupiter.npy").write_bytes(b"x")
    write_wav(home / "AuMix_01_Jupiter_vn_vc_db.wav", tone(0.5))
    tracks, aside = urmp.read(tmp_path)
    assert aside == []
    assert [t.name for t in tracks] == ["01_Jupiter_1_vn", "01_Jupiter_2_vc", "01_Jupiter_3_db"]
    assert [t.instrument for t in tracks] == ["violin", "cello", "double bass"]
    assert [(t.left, t.right) for t in tracks] == [(0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)]
    assert {t.piece for t in tracks} == {"01_Jupiter"}
    assert {t.midi for t in tracks} == {home / "Sco_01_Jupiter_vn_vc_db.mid"}
    assert [t.notes and t.notes.name for t in tracks] == [
        f"Notes_{part}_01_Jupiter.txt" for part in ("1_vn", "2_vc", "3_db")
    ]
    assert [t.joints and t.joints.name for t in tracks] == [None, None, "Joints_3_db_01_Jupiter.npy"]
    assert [t.audio.name for t in tracks][1] == "AuSep_2_vc_01_Jupiter.wav"


def test_urmp_trusts_file_names_and_passes_over_what_is_no_piece(tmp_path):
    piece(tmp_path, "15_Surprise_tpt_tpt_tbn", "15_Surprise", ["tpt", "tpt", "tpt"])
    (tmp_path / "Supplementary_Files").mkdir()
    (tmp_path / "Supplementary_Files" / "readme.txt").write_text("more")
    (tmp_path / "notes.txt").write_text("beside the pieces")
    tracks, aside = urmp.read(tmp_path)
    assert [t.instrument for t in tracks] == ["trumpet"] * 3
    assert aside == []


def test_urmp_knows_all_instruments_of_its_own_and_of_the_studio(tmp_path):
    for number, code in enumerate(urmp.INSTRUMENTS):
        piece(tmp_path, f"{number:02d}", f"{number:02d}_Solo", [code])
    tracks, aside = urmp.read(tmp_path)
    assert (len(tracks), aside) == (22, [])
    assert [t.instrument for t in tracks] == list(urmp.INSTRUMENTS.values())


def test_urmp_names_missing_parts_and_keeps_the_others_where_they_are(tmp_path):
    gap = piece(tmp_path, "02_Sonata", "02_Sonata", ["vn", "fl", "ob"])
    (gap / "AuSep_2_fl_02_Sonata.wav").unlink()
    hollow = piece(tmp_path, "03_Dance", "03_Dance", ["cl", "sax"])
    (hollow / "AuSep_1_cl_03_Dance.wav").write_bytes(b"")
    unseen = piece(tmp_path, "04_Fugue", "04_Fugue", ["vn", "va"])
    next(unseen.glob("Vid_*")).unlink()
    torn = piece(tmp_path, "05_March", "05_March", ["tba"])
    next(torn.glob("Vid_*")).write_text("not a video")
    stray = piece(tmp_path, "06_Waltz", "06_Waltz", ["hn"])
    write_wav(stray / "AuSep_2_hn_06_Waltz.wav", tone(0.5))
    tracks, aside = urmp.read(tmp_path)
    assert [(t.name, t.left, t.right) for t in tracks] == [
        ("02_Sonata_1_vn", 0, 1 / 3),
        ("02_Sonata_3_ob", 2 / 3, 1),
        ("03_Dance_2_sax", 0.5, 1),
        ("06_Waltz_1_hn", 0, 1),
    ]
    assert {(a.file, a.what.split(",")[0]) for a in aside} == {
        ("02_Sonata/AuSep_2_fl_02_Sonata.wav", "missing"),
        ("03_Dance/AuSep_1_cl_03_Dance.wav", "empty"),
        ("04_Fugue", "no video of the form Vid_<piece>_<instruments>.mp4 in it"),
        ("05_March/Vid_05_March_tba.mp4", "broken"),
        ("06_Waltz/AuSep_2_hn_06_Waltz.wav", "of no player in Vid_06_Waltz_hn.mp4"),
    }
    assert all(a.advice for a in aside)


def test_urmp_names_a_stem_whose_instrument_is_not_the_videos(tmp_path):
    home = piece(tmp_path, "07_Aria", "07_Aria", ["vn", "vc"])
    (home / "AuSep_2_vc_07_Aria.wav").rename(home / "AuSep_2_va_07_Aria.wav")
    tracks, aside = urmp.read(tmp_path)
    assert [t.name for t in tracks] == ["07_Aria_1_vn"]
    assert {a.file for a in aside} == {"07_Aria/AuSep_2_va_07_Aria.wav", "07_Aria/AuSep_2_vc_07_Aria.wav"}


def test_urmp_takes_a_piece_only_once(tmp_path):
    piece(tmp_path, "01_Jupiter", "01_Jupiter", ["vn"])
    piece(tmp_path, "01_Jupiter (copy)", "01_Jupiter", ["vn"])
    tracks, aside = urmp.read(tmp_path)
    assert len(tracks) == 1
    assert [a.file for a in aside] == ["01_Jupiter (copy)"]


@pytest.mark.parametrize(
    ("place", "instrument"),
    [
        ("violin/recital.mp4", "violin"),
        ("Double-Bass/monday/take 1.mp4", "double bass"),
        ("double_bass.mp4", "double bass"),
        ("MyViola02.mp4", "unknown"),
        ("my_viola_02.mp4", "viola"),
        ("bassoon solo.MOV", "bassoon"),
        ("violin_guitar_duo.mp4", "unknown"),
        ("holiday.mp4", "unknown"),
    ],
)
def test_folder_takes_the_instrument_from_the_place(place, instrument):
    assert folder.instrument(Path(place)) == instrument


def test_folder_reads_all_videos_and_names_the_rest(tmp_path):
    for place in ["b/one.mp4", "one.mp4", "one.mkv", "a b.mp4", "a_b.mp4", "Ünïcode.mp4", "x" * 150 + ".mp4"]:
        kind = "matroska" if place.endswith("mkv") else "mp4"
        write_video(tmp_path / place, blank(0.5), tone(0.5), container_format=kind)
    write_video(tmp_path / "mute.mp4", blank(0.5))
    write_video(tmp_path / "dark.mp4", None, tone(0.5))
    write_wav(tmp_path / "alone.wav", tone(0.5))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "readme.txt").write_text("passed over")
    (tmp_path / "._one.mp4").write_text("passed over")
    tracks, aside = folder.read(tmp_path)
    names = [t.name for t in tracks]
    assert len(set(names)) == len(names) == 7
    assert all(name.isascii() and "/" not in name and " " not in name and len(name) < 120 for name in names)
    assert {"a_b", "b__one"} < set(names)
    assert all(t.video == t.audio and (t.left, t.right) == (0, 1) for t in tracks)
    assert {a.file: a.what.split(" (")[0] for a in aside} == {
        "alone.wav": "a sound without a picture",
        "dark.mp4": "no picture in it",
        "empty.mp4": "empty, 0 bytes",
        "mute.mp4": "no sound in it",
        "text.mp4": "broken, or no media file",
        "*.txt": "1 file of this name, no video in it",
    }


def test_a_name_does_not_depend_on_the_other_files(tmp_path):
    for place in ["new/b.mp4", "old/a b.mp4", "old/a_b.mp4", "old/ä.mp4"]:
        write_video(tmp_path / place, blank(0.5), tone(0.5))
    before = {t.video: t.name for t in folder.read(tmp_path)[0]}
    write_video(tmp_path / "aa.mp4", blank(0.5), tone(0.5))
    write_video(tmp_path / "old" / "ü.mp4", blank(0.5), tone(0.5))
    after = {t.video: t.name for t in folder.read(tmp_path)[0]}
    assert before.items() <= after.items()


def test_a_name_that_is_no_utf8_gives_a_track_that_can_be_named(tmp_path):
    write_video(tmp_path / "good.mp4", blank(0.5), tone(0.5))
    (tmp_path / "good.mp4").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.mp4")).write_text("no video")
    (track,), (item,) = folder.read(tmp_path)
    assert track.name.isascii()
    assert track.name.startswith("caf_-")
    assert item.file == r"bad\xff.mp4"
    str(item).encode("utf-8")


def test_different_texts_keep_different_safe_names():
    texts = ["a b", "a_b", "a-b", "ä", "ö", "x" * 200, "x" * 201, "a/b"]
    assert len({safe_name(text) for text in texts}) == len(texts)
    assert safe_name("01_Jupiter_1_vn") == "01_Jupiter_1_vn"


@pytest.mark.parametrize("name", list(reading.READERS))
def test_a_root_without_anything_is_said_in_one_line(tmp_path, name):
    with pytest.raises(NothingLeft, match="no such folder"):
        reading.read(corpus_params(name, tmp_path / "nowhere"), finder)
    (tmp_path / "readme.txt").write_text("nothing else")
    with pytest.raises(NothingLeft, match="nothing in it") as error:
        reading.read(corpus_params(name, tmp_path), finder)
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips are not on this machine")
def test_real_clips_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracks, aside = reading.read(corpus_params("folder", REAL / "clips", shortest_shot_s=1.0), finder)
    assert aside == []
    assert {t.name: t.instrument for t in tracks} == {
        "double_bass__shot_1": "double bass",
        "double_bass__shot_2": "double bass",
        "drums": "drums",
        "electric_guitar": "guitar",
        "guitar_keyboard_duo": "unknown",
        "guitar_voice": "unknown",
        "harp": "harp",
        "tabla": "tabla",
        "violin_guitar_duo": "unknown",
    }
    assert [(t.start_s, t.end_s) for t in tracks[:2]] == [(0, pytest.approx(6.4)), (pytest.approx(6.4), None)]


def test_urmp_gives_every_player_a_part_of_the_score(tmp_path):
    """By the player's number, not by the place among the tracks: a missing stem must not move the others' notes."""
    home = piece(tmp_path, "01_Jupiter", "01_Jupiter", ["vn", "vc", "db"])
    (home / "AuSep_1_vn_01_Jupiter.wav").unlink()
    tracks, _ = urmp.read(tmp_path)
    assert {t.name: t.part for t in tracks} == {"01_Jupiter_2_vc": 1, "01_Jupiter_3_db": 2}


def test_folder_takes_a_midi_beside_a_video_for_its_score(tmp_path):
    for place in ["a/song.mp4", "a/both.mp4", "b/song.mp4", "b/other.mov", "none.mp4"]:
        write_video(tmp_path / place, blank(0.5), tone(0.5), container_format="mp4")
    for place in ["a/song.mid", "a/both.midi", "a/both.mid", "b/other.MIDI", "stray.mid"]:
        (tmp_path / place).write_bytes(b"MThd")
    tracks, aside = folder.read(tmp_path)
    found = {
        t.video.relative_to(tmp_path).as_posix(): t.midi and t.midi.relative_to(tmp_path).as_posix() for t in tracks
    }
    assert found == {
        "a/song.mp4": "a/song.mid",
        "a/both.mp4": "a/both.mid",
        "b/song.mp4": None,
        "b/other.mov": "b/other.MIDI",
        "none.mp4": None,
    }
    assert {t.part for t in tracks} == {0}
    assert [(a.file, a.what) for a in aside] == [("stray.mid", "a score without a video")]


def test_folder_takes_every_kind_of_video_whatever_its_name(tmp_path):
    for place in ["a.m2ts", "b.ts", "c.vob", "d.insv", "e"]:
        write_video(tmp_path / place, blank(0.5), tone(0.5), container_format="mpegts" if "ts" in place else "mp4")
    (tmp_path / "f.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    (tmp_path / "g.srt").write_text("")
    cv2.imwrite(str(tmp_path / "poster.png"), np.zeros((64, 64, 3), np.uint8))
    tracks, aside = folder.read(tmp_path)
    assert sorted(t.video.name for t in tracks) == ["a.m2ts", "b.ts", "c.vob", "d.insv", "e"]
    assert [(a.file, a.what) for a in aside] == [
        ("*.png", "1 file of this name, no video in it"),
        ("*.srt", "2 files of this name, no video in them"),
    ]


def test_linked_folders_are_entered_once_and_loops_end(tmp_path):
    write_video(tmp_path / "elsewhere" / "violin" / "one.mp4", blank(0.5), tone(0.5))
    root = tmp_path / "corpus"
    write_video(root / "cello" / "two.mp4", blank(0.5), tone(0.5))
    (root / "violin").symlink_to(tmp_path / "elsewhere" / "violin")
    (root / "again").symlink_to(tmp_path / "elsewhere")
    (root / "cello" / "loop").symlink_to(root)
    (root / "nowhere").symlink_to(tmp_path / "missing")
    tracks, aside = folder.read(root)
    assert sorted(t.name for t in tracks) == ["again__violin__one", "cello__two"]
    assert not aside


def test_a_file_of_joined_parts_is_set_aside_with_the_reason(tmp_path):
    parts = [write_video(tmp_path / f"{n}.mts", blank(2), tone(2), container_format="mpegts") for n in range(2)]
    (tmp_path / "joined.mts").write_bytes(b"".join(part.read_bytes() for part in parts))
    tracks, (item,) = folder.read(tmp_path)
    assert [t.name for t in tracks] == ["0", "1"], "the advice: the parts of their own"
    assert item.file == "joined.mts"
    assert item.what.startswith("its clock starts anew after 2")
