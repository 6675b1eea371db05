"""Films of many kinds: picture and sound are read in step, and what is written is whole or refused before any work."""

import os
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from make_media import REAL, blank, tone, write_video

from benchmarks import films
from benchmarks.films import CLAP, CONTAINERS, Film
from pipeline.errors import FileError
from pipeline.media import muxing, picture_files, probing, sound_files

FILMS = 60  # of the made films; `python -m benchmarks.films 300` tries more
DAMAGED = 150
LEVEL_DB = 1.0


def test_picture_and_sound_of_made_films_are_read_in_step(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    for _ in range(FILMS):
        film = films.drawn(generator)
        path = tmp_path / f"film{film.suffix}"
        films.write(path, film)
        clap_s, level = films.clap_s(path)
        assert abs(films.jump_s(path) - clap_s) <= film.period_s / 2, film
        assert abs(20 * np.log10(level / CLAP)) <= LEVEL_DB, film


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_a_film_in_av1_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """Root's encoder asks to go before all others, and two trainings that never wait for each other take for ever."""
    before = os.sched_getscheduler(0)
    films.write(tmp_path / "film.mkv", Film(".mkv", "libsvtav1"))
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize("suffix", [*CONTAINERS])
def test_what_is_written_plays_with_every_picture(tmp_path: Path, suffix: str) -> None:
    """From each kind of file, in each of its codecs. `write_video` itself looks at every picture; here is that it is in step."""
    pictures, sounds = CONTAINERS[suffix]
    for number, picture in enumerate(pictures):
        path, out = tmp_path / f"film{suffix}", tmp_path / f"out{('.mp4', '.mkv')[number % 2]}"
        film = Film(suffix, picture, sounds[0], heard=(0,))
        films.write(path, film)
        sound, rate_hz = sound_files.decode_audio(path)
        muxing.write_video(out, path, sound, rate_hz, None, muxing.plan(out, path, drawn=False))
        assert (
            len(picture_files.shown_times(out)) == len(picture_files.shown_times(path)) == films.DURATION_S * film.fps
        ), film
        assert abs(films.jump_s(out) - films.clap_s(out)[0]) <= film.period_s / 2, film


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".ts", ".flv", ".avi", ".nut", ".3gp"])
def test_each_kind_of_file_is_written_whole(tmp_path: Path, suffix: str) -> None:
    path, out = tmp_path / "film.mkv", tmp_path / f"out{suffix}"
    films.write(path, Film(".mkv", "libx264", "libopus", b_frames=2))
    way = muxing.plan(out, path, drawn=False)
    sound, rate_hz = sound_files.decode_audio(path)
    muxing.write_video(out, path, sound, rate_hz, None, way)
    assert abs(films.jump_s(out) - films.clap_s(out)[0]) <= 0.02
    assert set(tmp_path.iterdir()) == {path, out}, "no trial is left"


@pytest.mark.parametrize("name", ["out.gif", "out.xyz", "out", "out.wav", "out.png", "out.txt"])
def test_a_name_that_cannot_hold_both_is_refused_at_once_with_one_that_can(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / "film.mp4", blank(2), tone(2))
    begin = time.perf_counter()
    with pytest.raises(FileError) as error:
        muxing.plan(tmp_path / name, path, drawn=False)
    assert time.perf_counter() - begin < 5
    assert error.value.advice == "choose a name that ends in .mp4 or .mkv"
    for better in (".mp4", ".mkv"):
        muxing.plan(tmp_path / f"out{better}", path, drawn=False)
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_lacks_pictures_is_not_called_done(tmp_path: Path) -> None:
    """The reader of the written file is not the writer: a file that is short, late, turned or another one is seen."""
    path = tmp_path / "film.mp4"
    films.write(path, Film())
    whole_s = films.DURATION_S
    first = next(picture_files.frames(path))[1]
    times_s = picture_files.shown_times(path)
    muxing.look_at_pictures(path, times_s, first, unlike=0)
    muxing.look_at_sound(path, whole_s, 0.01, begins_s=films.CLAP_S)
    others = {
        "short.mp4": "75 pictures can be shown",
        "late.mp4": "early or late",
        "turned.mp4": "another size or lie on their side",
        "dark.mp4": "not those of the video",
    }
    write_video(tmp_path / "short.mp4", [(n / 25, np.zeros((64, 96, 3), np.uint8)) for n in range(70)], tone(whole_s))
    films.write(tmp_path / "late.mp4", Film(picture_start_s=0.4))
    turned = [(t, np.ascontiguousarray(p.transpose(1, 0, 2))) for t, p in picture_files.frames(path)]
    write_video(tmp_path / "turned.mp4", turned, tone(whole_s))
    write_video(tmp_path / "dark.mp4", [(n / 25, np.zeros((64, 96, 3), np.uint8)) for n in range(75)], tone(whole_s))
    for name, what in others.items():
        with pytest.raises(FileError, match=what):
            muxing.look_at_pictures(tmp_path / name, times_s, first, muxing.LIKE)
    with pytest.raises(FileError, match="s long instead of"):
        muxing.look_at_sound(path, whole_s + 0.5, 0.01)
    with pytest.raises(FileError, match="s late"):
        muxing.look_at_sound(path, whole_s, 0.01, begins_s=films.CLAP_S - 0.1)


def test_a_phones_upright_video_stays_upright_in_any_container(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    films.write(path, Film(turn=90))
    sound, rate_hz = sound_files.decode_audio(path)
    for suffix in (".mp4", ".mkv", ".avi"):
        out = tmp_path / f"out{suffix}"
        muxing.write_video(out, path, sound, rate_hz, None, muxing.plan(out, path, drawn=False))
        assert next(picture_files.frames(out))[1].shape[:2] == films.SIZE_PX
        assert abs(films.jump_s(out) - films.clap_s(out)[0]) <= 0.02


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize("starts_s", [0.0, 0.4])
def test_sound_lies_beside_its_picture_in_a_long_file(tmp_path: Path, suffix: str, starts_s: float) -> None:
    """A player reads a file from its beginning, and cannot wait for a sound that comes after all pictures."""
    path, out = tmp_path / "film.mp4", tmp_path / f"out{suffix}"
    write_video(path, [(starts_s + n / 5, np.full((64, 96, 3), n, np.uint8)) for n in range(150)], tone(30 + starts_s))
    if suffix == ".avi" and starts_s:
        with pytest.raises(FileError, match="at one rate from its start on"):
            muxing.plan(out, path, drawn=False)
        return
    muxing.write_video(out, path, tone(30 + starts_s), 16000, None, muxing.plan(out, path, drawn=False))
    last_s = {"video": 0.0, "audio": 0.0}
    with av.open(str(out)) as file:
        for packet in file.demux():
            if packet.pts is not None and packet.time_base:
                last_s[packet.stream.type] = float(packet.pts * packet.time_base)
                assert abs(last_s["video"] - last_s["audio"]) < 2.5


def test_a_container_without_times_is_refused_for_uneven_pictures(tmp_path: Path) -> None:
    """However late in the video the first uneven one comes: nothing fails after the work."""
    path = write_video(tmp_path / "film.mp4", [(s, p) for s, p in blank(4) if not 3 < s < 3.3], tone(4))
    with pytest.raises(FileError, match="at one rate from its start on"):
        muxing.plan(tmp_path / "out.avi", path, drawn=False)
    muxing.plan(tmp_path / "out.mkv", path, drawn=False)


def two_pictures(path: Path, default: int) -> Path:
    """Two pictures of equal length, the first small and dark, the second larger and bright."""
    with av.open(str(path), "w") as out:
        streams = []
        for number, size in enumerate((64, 128)):
            stream = out.add_stream("mpeg4", rate=10)
            stream.height, stream.width, stream.pix_fmt = size, size, "yuv420p"
            stream.disposition = av.stream.Disposition.default if number == default else av.stream.Disposition(0)
            streams.append(stream)
        for number, stream in enumerate(streams):
            for _ in range(20):
                picture = np.full((stream.height, stream.width, 3), (30, 200)[number], np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("default", [0, 1])
def test_one_picture_of_several_is_looked_at_and_written(tmp_path: Path, default: int) -> None:
    path, out = two_pictures(tmp_path / "two.mp4", default), tmp_path / "out.mp4"
    shown = next(picture_files.frames(path))[1]
    assert (shown.shape[0], round(float(shown.mean()), -1)) == ((64, 30), (128, 200))[default]
    assert probing.size_px(path) == (shown.shape[1], shown.shape[0])
    muxing.write_video(out, path, tone(2), 16000, None, muxing.plan(out, path, drawn=False))
    assert np.abs(next(picture_files.frames(out))[1].astype(int) - shown).max() == 0


def test_a_silent_sound_does_not_win_over_one_that_sounds(tmp_path: Path) -> None:
    """A camera with an empty microphone socket writes silence first."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as out:
        voices = [out.add_stream("pcm_s16le", rate=16000, layout="mono") for _ in range(2)]
        voices[0].disposition = av.stream.Disposition.default
        for voice, level in zip(voices, (0.0, 0.5), strict=True):
            frame = av.AudioFrame.from_ndarray(
                (tone(1, level=level)[None] * 32767).astype(np.int16), format="s16", layout="mono"
            )
            frame.sample_rate = 16000
            out.mux(voice.encode(frame))
            out.mux(voice.encode(None))
    sound, _ = sound_files.decode_audio(path)
    assert np.abs(sound).max() > 0.4
    said = sound_files.said_of_sounds(path)
    assert said is not None and said[0].startswith("2 sounds in it")


def joined(path: Path, jump_s: float) -> Path:
    """Two parts of 2 s, written one after the other, as camcorders' programs join them; the second begins at `jump_s`."""
    parts = []
    for number, start_s in enumerate((0.0, jump_s)):
        part = path.with_name(f"part{number}.ts")
        pictures = [(t + start_s, p) for t, p in blank(2)]
        parts.append(
            write_video(part, pictures, tone(2), sound_start_s=start_s, container_format="mpegts").read_bytes()
        )
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("jump_s", [0.0, 600.0])
def test_a_clock_that_starts_anew_is_named(tmp_path: Path, jump_s: float) -> None:
    break_s = probing.clock_break_s(joined(tmp_path / "joined.mts", jump_s))
    assert break_s == pytest.approx(2, abs=0.3)
    assert probing.clock_break_s(tmp_path / "part0.ts") is None, "the parts of their own are read, as the advice says"


def test_a_sound_card_that_runs_fast_does_not_drift(tmp_path: Path) -> None:
    """Packets of 1000 samples come every 997: 0.3 % more sound than time. A click each 10 s stays where it was."""
    rate_hz, count = 8000, 700
    sound = np.zeros(count * 1000, np.float32)
    for second in range(10, 80, 10):
        sound[round(second * rate_hz * 1000 / 997) :][:80] = 0.5
    chunks = [sound[None, start : start + 1000] for start in range(0, len(sound), 1000)]
    read = sound_files.on_clock(chunks, [number * 997 for number in range(count)], rate_hz)[0]
    clicks = np.flatnonzero(np.abs(read) > 0.25)
    begins = clicks[np.diff(clicks, prepend=-rate_hz) > rate_hz // 2] / rate_hz
    np.testing.assert_allclose(begins, np.arange(10, 80, 10), atol=0.011)


def test_gaps_become_silence_and_overlaps_lose_their_beginning() -> None:
    one = np.ones((1, 1000), np.float32)
    gap = sound_files.on_clock([one, 2 * one], [0, 3000], 8000)[0]
    assert len(gap) == 4000 and gap[:1000].min() == 1 and not gap[1000:3000].any() and gap[3000:].min() == 2
    overlap = sound_files.on_clock([one, 2 * one], [0, 500], 8000)[0]
    assert len(overlap) == 1500 and overlap[:1000].max() == 1 and overlap[1000:].min() == 2


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
@pytest.mark.parametrize("heard", ["all", "one", "turned"])
def test_a_tone_keeps_its_level_whatever_its_channels(layout: str, heard: str) -> None:
    channels = {"stereo": 2, "5.1": 6}[layout]
    planes = np.zeros((channels, 16000), np.float32)
    planes[: 1 if heard == "one" else channels] = tone(1)
    if heard == "turned":
        planes[1] *= -1
    assert 20 * np.log10(np.abs(sound_files.mixed(planes)).max() / 0.5) == pytest.approx(0, abs=LEVEL_DB)


def test_a_damaged_head_is_a_film_or_one_sentence(tmp_path: Path) -> None:
    """Never a traceback, never a success without a playable file, never more than 10 s."""
    generator = np.random.default_rng(1)
    wholes = {}
    for suffix in (".mp4", ".mkv"):
        films.write(tmp_path / f"whole{suffix}", Film(suffix, "libx264", "aac", fps=10))
        wholes[suffix] = (tmp_path / f"whole{suffix}").read_bytes()
    for number, suffix in zip(range(DAMAGED), [*wholes] * DAMAGED, strict=False):
        path, out = tmp_path / f"damaged{suffix}", tmp_path / f"out{number}.mp4"
        path.write_bytes(films.damaged(wholes[suffix], generator))
        begin = time.perf_counter()
        try:
            way = muxing.plan(out, path, drawn=False)
            muxing.write_video(out, path, tone(1), 16000, None, way)
        except FileError as error:
            message = str(error)
            assert "\n" not in message
            assert not out.exists()
        else:
            assert len(picture_files.shown_times(out)) == len(picture_files.shown_times(path))
        assert time.perf_counter() - begin < 10


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips are not on this machine")
@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi", ".mov"])
def test_real_clips_go_through_other_containers_and_back(tmp_path: Path, suffix: str) -> None:
    for clip in sorted((REAL / "clips").iterdir())[:2]:
        there, back = tmp_path / f"{clip.stem}{suffix}", tmp_path / f"{clip.stem}.mp4"
        count = len(picture_files.shown_times(clip))
        sound, rate_hz = sound_files.decode_audio(clip)
        for source, out in ((clip, there), (there, back)):
            muxing.write_video(out, source, sound, rate_hz, None, muxing.plan(out, source, drawn=False))
            assert len(picture_files.shown_times(out)) == count
