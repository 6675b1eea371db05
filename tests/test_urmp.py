"""URMP at its real layout, all 44 pieces with their names and quirks: read without a word; each fault is named with its file."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from make_media import URMP, blank, corpus_params, tone, write_video

from pipeline.corpus import reading, urmp
from pipeline.errors import ParamsError
from pipeline.keypoints.people_finder import finder
from pipeline.media import sound_files


def moved_to_the_front(video: Path) -> Path:
    """Put the list of packets before the packets, as files made for the web have it."""
    front = video.with_name("front.mp4")
    with av.open(str(video)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    front.replace(video)
    return video


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 44 pieces, each file hardly longer than nothing; sound of 48 kHz and 24 bit. One file of a kind, linked."""
    root = tmp_path_factory.mktemp("urmp") / "Dataset"
    made = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    pictures = [(time_s, rng.integers(0, 255, (64, 64, 3), np.uint8)) for time_s, _ in blank(1)]
    video = moved_to_the_front(write_video(made / "video.mp4", pictures))
    soundfile.write(made / "sound.wav", tone(1, 48000), 48000, subtype="PCM_24")
    (made / "notes.txt").write_text("0.1\t440.12\t0.4\n")
    (made / "f0s.txt").write_text("0.023\t0.000\n0.033\t440.5\n")
    (made / "score.mid").write_bytes(b"MThd")
    for piece, codes in URMP.items():
        # In piece 15 the folder, and here all that is named after the whole piece, says tbn.
        name = f"{piece}_{codes.replace(' ', '_')}" if piece != "15_Surprise" else f"{piece}_tpt_tpt_tbn"
        home = root / name
        home.mkdir(parents=True)
        os.link(video, home / f"Vid_{name}.mp4")
        os.link(made / "sound.wav", home / f"AuMix_{name}.wav")
        os.link(made / "score.mid", home / f"Sco_{name}.mid")
        (home / f"Sco_{name}.pdf").touch()
        for player, code in enumerate(codes.split(), start=1):
            os.link(made / "sound.wav", home / f"AuSep_{player}_{code}_{piece}.wav")
            os.link(made / "notes.txt", home / f"Notes_{player}_{code}_{piece}.txt")
            os.link(made / "f0s.txt", home / f"F0s_{player}_{code}_{piece}.txt")
    extra = root / "Supplementary_Files"
    extra.mkdir()
    (extra / "README.pdf").touch()
    (extra / "Sco_all.mid").touch()
    (root / "readme.txt").touch()
    (root / "._01_Jupiter_vn_vc").touch()
    return root


def test_the_whole_corpus_is_read_without_a_word(whole: Path) -> None:
    tracks, aside = reading.read(corpus_params("urmp", whole), finder)
    assert aside == []
    assert len(tracks) == len({track.name for track in tracks}) == 149
    assert Counter(track.piece for track in tracks) == {piece: len(codes.split()) for piece, codes in URMP.items()}
    assert {track.instrument for track in tracks} == set(list(urmp.INSTRUMENTS.values())[:13])
    assert [track.instrument for track in tracks if track.piece == "15_Surprise"] == ["trumpet"] * 3
    assert all(track.notes and track.f0s and track.midi for track in tracks)
    for track in tracks:
        players = len(URMP[track.piece].split())
        assert (track.left, track.right) == (track.part / players, (track.part + 1) / players)


def test_48_khz_of_24_bit_becomes_16_khz(whole: Path) -> None:
    sound = sound_files.read_audio(whole / "01_Jupiter_vn_vc" / "AuSep_1_vn_01_Jupiter.wav", 16000)
    assert len(sound) == 16000
    assert np.abs(sound[100:-100] - tone(1, 16000)[100:-100]).max() < 1e-3


def test_what_piece_15_is_called_does_not_matter(whole: Path, tmp_path: Path) -> None:
    """Whether the video is named after the folder or after the players' files."""
    home = tmp_path / "15_Surprise_tpt_tpt_tbn"
    shutil.copytree(whole / home.name, home)
    before = urmp.read(tmp_path)
    assert before[1] == []
    (home / "Vid_15_Surprise_tpt_tpt_tbn.mp4").rename(home / "Vid_15_Surprise_tpt_tpt_tpt.mp4")
    (home / "Sco_15_Surprise_tpt_tpt_tbn.mid").rename(home / "Sco_15_Surprise_tpt_tpt_tpt.mid")
    after = urmp.read(tmp_path)
    assert after[1] == []
    assert [track.name for track in before[0]] == [track.name for track in after[0]]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])


TRIO = "12_Spring_vn_vn_vc"
FAULTS: dict[str, tuple[Callable[[Path], object], dict[str, str], int]] = {
    # name: what is done to the trio, what is said of which file, how many of its tracks are left
    "missing_stem": (
        lambda home: (home / "AuSep_2_vn_12_Spring.wav").unlink(),
        {"AuSep_2_vn_12_Spring.wav": "missing, though Vid_12_Spring_vn_vn_vc.mp4 shows this player"},
        2,
    ),
    "truncated_video": (lambda home: _cut(home / f"Vid_{TRIO}.mp4"), {f"Vid_{TRIO}.mp4": "cut off"}, 0),
    "truncated_sound": (
        lambda home: _cut(home / "AuSep_3_vc_12_Spring.wav"),
        {"AuSep_3_vc_12_Spring.wav": "cut off"},
        2,
    ),
    "swapped_code": (
        lambda home: (home / "AuSep_3_vc_12_Spring.wav").rename(home / "AuSep_3_va_12_Spring.wav"),
        {"AuSep_3_va_12_Spring.wav": f"of no player in Vid_{TRIO}.mp4", "AuSep_3_vc_12_Spring.wav": "missing"},
        2,
    ),
    "unknown_code": (
        lambda home: (home / f"Vid_{TRIO}.mp4").rename(home / "Vid_12_Spring_vn_vn_kazoo.mp4"),
        {"": "no video of the form"},
        0,
    ),
    "sound_of_nobody": (
        lambda home: shutil.copy(home / "AuSep_3_vc_12_Spring.wav", home / "AuSep_4_db_12_Spring.wav"),
        {"AuSep_4_db_12_Spring.wav": f"of no player in Vid_{TRIO}.mp4"},
        3,
    ),
    "notes_of_nobody": (
        lambda home: shutil.copy(home / "Notes_3_vc_12_Spring.txt", home / "Notes_4_db_12_Spring.txt"),
        {"Notes_4_db_12_Spring.txt": f"of no player in Vid_{TRIO}.mp4"},
        3,
    ),
    "missing_f0s": (
        lambda home: (home / "F0s_1_vn_12_Spring.txt").unlink(),
        {"F0s_1_vn_12_Spring.txt": "missing, though other players have theirs"},
        3,
    ),
    "missing_notes": (
        lambda home: (home / "Notes_1_vn_12_Spring.txt").unlink(),
        {"Notes_1_vn_12_Spring.txt": "missing, though other players have theirs"},
        3,
    ),
    "two_videos": (
        lambda home: shutil.copy(home / f"Vid_{TRIO}.mp4", home / "Vid_12_Spring_vn_vn_va.mp4"),
        {f"Vid_{TRIO}.mp4": "one of 2 videos", "Vid_12_Spring_vn_vn_va.mp4": "one of 2 videos"},
        0,
    ),
    "text_for_a_video": (
        lambda home: (home / f"Vid_{TRIO}.mp4").write_text("404"),
        {f"Vid_{TRIO}.mp4": "broken"},
        0,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_its_file_and_harms_no_other_piece(whole: Path, tmp_path: Path, fault: str) -> None:
    for name in (TRIO, "11_Maria_ob_vc"):
        shutil.copytree(whole / name, tmp_path / name)
    spoil, expected, left = FAULTS[fault]
    spoil(tmp_path / TRIO)
    tracks, aside = urmp.read(tmp_path)
    said = {item.file: item for item in aside}
    assert set(said) == {f"{TRIO}/{file}" if file else TRIO for file in expected}
    for file, what in expected.items():
        assert what in said[f"{TRIO}/{file}" if file else TRIO].what
    assert all(item.advice for item in aside)
    assert Counter(track.piece for track in tracks) == Counter({"12_Spring": left, "11_Maria": 2})


def test_a_download_that_is_not_finished_is_seen_at_once(whole: Path, tmp_path: Path) -> None:
    for name in sorted(path.name for path in whole.iterdir() if path.is_dir()):
        if name[:2] not in ("03", "38", "44"):
            shutil.copytree(whole / name, tmp_path / name, copy_function=os.link)
    tracks, (item,) = reading.read(corpus_params("urmp", tmp_path), finder)
    assert len(tracks) == 149 - 2 - 5 - 5
    assert item.what == (
        "41 of URMP's 44 pieces are in it (10 of 11 duets, 12 of 12 trios, 14 of 14 quartets, 5 of 7 quintets); "
        "missing: 03, 38, 44"
    )
    tracks, aside = reading.read(corpus_params("studio", tmp_path), finder)
    assert aside == [], "the studio is laid out as URMP is, and is not URMP"


def test_players_sit_where_player_order_says(whole: Path) -> None:
    """By the piece's number or name; the sound, the notes and the part of the score stay the player's own."""
    by_number, _ = urmp.read(whole)
    for key in ("12", "12_Spring"):
        moved, _ = urmp.read(whole, {key: [3, 1, 2], "1": [2, 1]})
        strips = {track.name: round(3 * track.left) for track in moved if track.piece == "12_Spring"}
        assert strips == {"12_Spring_3_vc": 0, "12_Spring_1_vn": 1, "12_Spring_2_vn": 2}
        assert {track.name: track.left for track in moved if track.piece == "01_Jupiter"} == {
            "01_Jupiter_1_vn": 0.5,
            "01_Jupiter_2_vc": 0,
        }
        for before, after in zip(by_number, moved, strict=True):
            same = ("name", "instrument", "audio", "notes", "f0s", "midi", "part")
            assert all(getattr(before, field) == getattr(after, field) for field in same)
            assert before.left == after.left or before.piece in ("12_Spring", "01_Jupiter")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"45": [2, 1]}, r"corpus\.player_order\.45 = \[2, 1\]: no piece of that name or number in "),
        ({"Jupiter": [2, 1]}, "no piece of that name"),
        ({"01_Jupiter": [1, 1]}, "must name each of the players 1 to 2 of 01_Jupiter once"),
        ({"01_Jupiter": [0, 1]}, "must name each of the players"),
        ({"12": [2, 1]}, "must name each of the players 1 to 3 of 12_Spring once"),
    ],
)
def test_an_order_that_does_not_fit_is_one_line(whole: Path, order: dict[str, list[int]], said: str) -> None:
    with pytest.raises(ParamsError, match=said) as error:
        urmp.read(whole, order)
    assert "\n" not in str(error.value)


def test_an_order_is_kept_to_where_the_piece_is_broken(whole: Path, tmp_path: Path) -> None:
    """Bad data does not turn a good parameter into an error."""
    for name in (TRIO, "11_Maria_ob_vc"):
        shutil.copytree(whole / name, tmp_path / name)
    _cut(tmp_path / TRIO / f"Vid_{TRIO}.mp4")
    tracks, _ = urmp.read(tmp_path, {"12_Spring": [3, 2, 1]})
    assert [track.piece for track in tracks] == ["11_Maria"] * 2
