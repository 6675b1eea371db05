"""Pictures and sounds keep their times, and a file that is no good is one clear error."""

import contextlib
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from make_media import REAL, blank, tone, write_video, write_wav

from pipeline.errors import FileError, shown
from pipeline.media import picture_files, probing, sound_files


def flash(at: int, count: int, fps: float) -> list[tuple[float, np.ndarray]]:
    """Dark pictures, with a bright one at number `at`."""
    return [(i / fps, np.full((64, 64, 3), 250 if i == at else 5, np.uint8)) for i in range(count)]


def brightest_s(path: Path) -> float:
    return max((picture.mean(), time_s) for time_s, picture in picture_files.frames(path))[1]


def test_frames_have_the_containers_times_at_an_uneven_rate(tmp_path):
    times = [0.0, 0.04, 0.1, 0.11, 0.5, 0.75]
    path = write_video(tmp_path / "v.mp4", [(t, blank(1)[0][1]) for t in times])
    assert [t for t, _ in picture_files.frames(path)] == pytest.approx(times, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts", "avi", "flv"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_a_stretch_of_a_video_is_what_lies_there_in_the_whole(tmp_path, container, codec):
    """Tracks that are parts of one file keep its clock, wherever the file can be entered."""
    if (container, codec) == ("flv", "mpeg4"):
        pytest.skip("flv cannot hold mpeg4")
    path = tmp_path / "v"
    with open(path, "wb") as file, av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=20, options={"g": "30", "bf": "2"})  # B-frames are stored out of order
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for i, (_, picture) in enumerate(flash(50, 100, 20)):
            picture[:, : i % 60] = 250
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = i, Fraction(1, 20)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    for start_s, end_s in [(0.9, 2.0), (1.7, 1.9), (2.5, 3.6), (3.02, 3.3), (4.0, None)]:
        whole = [each for each in picture_files.frames(path) if start_s - 1e-6 <= each[0] < (end_s or 9) - 1e-6]
        part = list(picture_files.frames(path, start_s, end_s))
        assert [time_s for time_s, _ in part] == [time_s for time_s, _ in whole]
        assert len(part) >= 3
        for (_, a), (_, b) in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("turn", ["as it is", "90", "180", "270", "mirrored", "90 and mirrored"])
@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_pictures_come_upright(tmp_path, container, turn):
    """A phone writes lying pictures and says how to turn them: players must not lie on their side."""
    stored = {  # what the camera writes, and the matrix that makes a bright upper left quarter of it again
        "as it is": (lambda shown: shown, (1, 0, 0, 1)),
        "90": (lambda shown: np.rot90(shown, 1), (0, 1, -1, 0)),
        "180": (lambda shown: np.rot90(shown, 2), (-1, 0, 0, -1)),
        "270": (lambda shown: np.rot90(shown, 3), (0, -1, 1, 0)),
        "mirrored": (lambda shown: shown[:, ::-1], (-1, 0, 0, 1)),
        "90 and mirrored": (lambda shown: shown.transpose(1, 0, 2), (0, 1, 1, 0)),
    }
    shown = np.full((96, 64, 3), 5, np.uint8)
    shown[:48, :32] = 250
    store, (a, b, c, d) = stored[turn]
    picture = np.ascontiguousarray(store(shown))
    one = 1 << 16
    path = tmp_path / "v"
    with open(path, "wb") as file, av.open(file, "w", format=container) as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
        stream.set_display_matrix((a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30))
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode())
    ((_, seen),) = picture_files.frames(path)
    assert seen.shape == shown.shape
    assert np.abs(seen.astype(int) - shown).mean() < 10


def test_frames_are_blue_first(tmp_path):
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[..., 0] = 255
    _, picture = next(picture_files.frames(write_video(tmp_path / "v.mp4", [(0.0, blue), (0.1, blue)])))
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    assert picture[..., 0].mean() > 200 > 50 > picture[..., 2].mean()


@pytest.mark.parametrize("sound_start_s", [0.0, 0.3])
@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_a_flash_and_a_click_of_one_moment_stay_together(tmp_path, sound_start_s, container):
    click = np.zeros(32000, np.float32)
    click[round((1.0 - sound_start_s) * 16000) :][:40] = 0.9
    path = write_video(
        tmp_path / "v", flash(20, 40, 20), click, sound_start_s=sound_start_s, container_format=container
    )
    heard_s = np.abs(sound_files.read_audio(path, 16000)).argmax() / 16000
    # The coder of the sound holds its first 1024 samples (64 ms here) ahead of it, and matroska keeps no note of that.
    assert brightest_s(path) == pytest.approx(1.0, abs=0.06)
    assert heard_s - brightest_s(path) == pytest.approx(0.0, abs=0.07 if container == "matroska" else 0.01)


def test_time_0_is_the_start_of_a_file_whose_clock_starts_elsewhere(tmp_path):
    click = np.zeros(32000, np.float32)
    click[16000:16040] = 0.9
    late = [(time_s + 5, picture) for time_s, picture in flash(20, 40, 20)]
    path = write_video(tmp_path / "v.ts", late, click, sound_start_s=5, container_format="mpegts")
    with av.open(path) as container:
        assert container.start_time > 4 * av.time_base  # else the case is not the one that is meant
    assert brightest_s(path) == pytest.approx(1.0, abs=0.07)
    assert np.abs(sound_files.read_audio(path, 16000)).argmax() / 16000 == pytest.approx(1.0, abs=0.07)


def test_a_gap_in_the_sound_stays_as_long_as_it_was(tmp_path):
    path = tmp_path / "gap.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16000, layout="mono")
        for start_s in (0.0, 1.5):
            frame = av.AudioFrame.from_ndarray(tone(0.5)[None], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, round(start_s * 16000), Fraction(1, 16000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    sound = sound_files.read_audio(path, 16000)
    assert len(sound) == pytest.approx(32000, abs=20)
    assert np.abs(sound[8020:23980]).max() == 0
    assert np.abs(sound[24100:]).max() > 0.4


def test_a_video_that_starts_after_its_sound_keeps_its_offset(tmp_path):
    path = write_video(tmp_path / "v.mp4", [(t + 0.5, p) for t, p in blank(1)], tone(2))
    assert next(picture_files.frames(path))[0] == pytest.approx(0.5, abs=0.07)


def test_sound_is_mixed_down_and_resampled(tmp_path):
    stereo = np.stack([tone(1, 48000, level=0.8), np.zeros(48000, np.float32)], axis=1)
    sound = sound_files.read_audio(write_wav(tmp_path / "s.wav", stereo, 48000), 16000)
    assert sound.shape == (16000,)
    assert sound.dtype == np.float32
    assert np.abs(sound[1000:-1000] - tone(1, 16000, level=0.8)[1000:-1000]).max() < 1e-3


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_kind_of_wav_has_its_full_scale_at_one(tmp_path, subtype):
    import soundfile

    soundfile.write(tmp_path / "s.wav", tone(0.5, level=0.5), 16000, subtype=subtype)
    sound = sound_files.read_audio(tmp_path / "s.wav", 16000)
    assert np.abs(sound - tone(0.5, level=0.5)).max() < 0.01


def test_written_sound_comes_back(tmp_path):
    sound_files.write_audio(tmp_path / "s.wav", np.array([0.0, 0.5, -0.5, 2.0, -2.0]), 8000)
    sound, rate_hz = sound_files.decode_audio(tmp_path / "s.wav")
    assert rate_hz == 8000
    assert sound == pytest.approx([0, 0.5, -0.5, 1, -1], abs=1e-4)


def test_probe_says_what_is_there(tmp_path):
    both = probing.probe(write_video(tmp_path / "b.mp4", blank(2, fps=10), tone(2)))
    assert both.has_video
    assert both.has_audio
    assert both.duration_s == pytest.approx(2, abs=0.15)
    assert both.fps == pytest.approx(10, rel=0.1)
    silent = probing.probe(write_video(tmp_path / "s.mp4", blank(1)))
    assert (silent.has_video, silent.has_audio) == (True, False)
    wav = probing.probe(write_wav(tmp_path / "w.wav", tone(1)))
    assert (wav.has_video, wav.has_audio, wav.fps, wav.duration_s) == (False, True, 0, 1)


def good_head(path: Path) -> bytes:
    return write_video(path, blank(2), tone(2)).read_bytes()


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "0 bytes"), (b"not a video\n" * 50, "no media file"), (None, "no such file"), ("half", "no media file")],
)
@pytest.mark.parametrize(
    "use", [probing.probe, lambda path: list(picture_files.frames(path)), sound_files.decode_audio]
)
def test_a_file_that_is_no_good_is_one_clear_error(tmp_path, content, says, use, capfd):
    path = tmp_path / "film.mp4"
    if content == "half":
        whole = good_head(path)
        content = whole[: len(whole) // 2]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError) as error:
        use(path)
    assert "film.mp4" in str(error.value)
    assert says in str(error.value).lower()
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_damage_in_the_middle_is_an_error_or_nothing_but_never_anything_else(tmp_path):
    whole = bytearray(good_head(tmp_path / "v.mp4"))
    rng = np.random.default_rng(0)
    for trial in range(25):
        broken = whole.copy()
        for place in rng.integers(0, len(whole), 20):
            broken[place] = rng.integers(0, 256)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(broken)
        for use in (
            probing.probe,
            lambda path: list(picture_files.frames(path)),
            lambda path: sound_files.read_audio(path, 16000),
        ):
            with contextlib.suppress(FileError):
                use(path)


def test_a_missing_stream_is_said(tmp_path):
    with pytest.raises(FileError, match="no sound"):
        sound_files.read_audio(write_video(tmp_path / "v.mp4", blank(1)), 16000)
    with pytest.raises(FileError, match="no picture"):
        list(picture_files.frames(write_video(tmp_path / "s.mp4", None, tone(1))))


def test_a_name_that_is_no_utf8_is_read_and_shown(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xffme:1.mp4"))
    write_video(path, blank(1), tone(1))
    assert probing.probe(path).has_video
    assert shown(path).endswith(r"na\xffme:1.mp4")
    shown(path).encode("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips are not on this machine")
def test_real_clips_have_even_times_and_sound_as_long_as_the_picture():
    for path in sorted((REAL / "clips").iterdir()):
        times = np.array([t for t, _ in picture_files.frames(path)])
        sound = sound_files.read_audio(path, 16000)
        assert np.diff(times) == pytest.approx(1 / probing.probe(path).fps, abs=1e-3)
        assert len(sound) / 16000 == pytest.approx(times[-1], abs=0.1)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_wav_that_is_cut_off_is_seen(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1), 16000, subtype=subtype)
    assert not probing.cut_off(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert probing.cut_off(path)
    for unknown in (b"\xff\xff\xff\xff", b"\x24\xf0\xff\x7f", b"\x00\x00\x00\x00"):
        path.write_bytes(whole[:4] + unknown + whole[8:])
        assert not probing.cut_off(path), "written into a pipe"


@pytest.mark.parametrize("unknown", [b"\xff\xff\xff\xff", b"\x00\xf0\xff\x7f", b"\x00\x00\x00\x00"])
def test_a_wav_from_a_pipe_is_whole(tmp_path: Path, unknown: bytes) -> None:
    """SoX, FFmpeg and others cannot seek back to write the length, and write different things in its place."""
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1), 16000, subtype="PCM_16")
    whole = path.read_bytes()
    at = whole.index(b"data") + 4
    path.write_bytes(whole[:4] + unknown + whole[8:at] + unknown + whole[at + 4 :])
    assert len(sound_files.read_audio(path, 16000)) == 16000


@pytest.mark.parametrize("container_format", ["mp4", "matroska", "avi", "mpegts", "mov"])
def test_a_whole_video_is_not_taken_for_one_that_is_cut_off(tmp_path: Path, container_format: str) -> None:
    path = write_video(tmp_path / "a.video", blank(2), tone(2), container_format=container_format)
    assert not probing.cut_off(path)
