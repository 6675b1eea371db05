"""A click and a jump at the same moment of a video are at the same place of a window, within half a motion frame."""

from pathlib import Path

import numpy as np
import pytest
from make_media import write_video

from pipeline import params
from pipeline.audio.spectrogram import log_spectrogram
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_WRIST
from pipeline.media import picture_files, sound_files

SETTINGS = params.load(Path(__file__).parent.parent / "profiles" / "demo.yaml")
DURATION_S = 12.0


@pytest.mark.parametrize("video_fps", [20.0, 29.97, 25.0])
@pytest.mark.parametrize("sound_start_s", [0.0, 0.3])
@pytest.mark.parametrize("at_s", [2.02, 5.0, 6.333])
def test_click_and_jump(tmp_path: Path, video_fps: float, sound_start_s: float, at_s: float) -> None:
    """Through a container, both decoders, cleaning, the spectrogram, shards and windows: each could shift one against the other."""
    times_s = np.arange(round(DURATION_S * video_fps)) / video_fps
    jump_s = float(times_s[np.searchsorted(times_s, at_s)])  # a picture changes only where a frame is
    pictures = [(t, np.full((64, 64, 3), 200 if t >= jump_s - 1e-6 else 50, np.uint8)) for t in times_s]
    sound = np.zeros(round((DURATION_S - sound_start_s) * 16000), np.float32)
    click = round((jump_s - sound_start_s) * 16000)
    sound[click : click + 400] = 0.5 * np.sign(np.sin(np.arange(400)))
    path = write_video(tmp_path / "v.mp4", pictures, sound, sound_start_s=sound_start_s)

    # The jump: a hand that is where the picture is bright, so that the times of the frames decide.
    seen = [(time_s, image.mean() > 125) for time_s, image in picture_files.frames(path)]
    joints = np.full((len(seen), JOINTS, 3), (50.0, 50.0, 1.0), np.float32)
    joints[:, RIGHT_SHOULDER, 0], joints[:, LEFT_SHOULDER, 0] = 40.0, 60.0
    joints[:, RIGHT_WRIST, 1] = [90.0 if bright else 10.0 for _, bright in seen]
    motion, _ = clean(joints, np.array([t for t, _ in seen]), SETTINGS.motion.fps, SETTINGS.motion.min_confidence)
    spectrogram = log_spectrogram(sound_files.read_audio(path, 16000), SETTINGS.audio)
    for name, array in (("motion", motion), ("spectrogram", spectrogram)):
        with ShardWriter(tmp_path / name) as writer:
            writer.add("t", {name: array})
    sources = {
        "spectrogram": Source(Shards(tmp_path / "spectrogram"), "spectrogram", SETTINGS.audio.fps),
        "motion": Source(Shards(tmp_path / "motion"), "motion", SETTINGS.motion.fps),
    }
    windows = Windows(sources, ["t"], 4.0)
    checked = 0
    for start in (round((jump_s - 2) * 62.5), round((jump_s - 1.3) * 62.5)):
        if not 0 <= start < windows.starts["t"]:
            continue
        checked += 1
        window = windows.at("t", start)
        loudness = window["spectrogram"].astype(np.float32).mean(1)
        heard_s = (
            loudness.argmax() - 400 / 2 / 256
        ) / SETTINGS.audio.fps  # the loudest frame lies on the click's middle
        height = window["motion"][:, RIGHT_WRIST, 1]
        middle = (height.min() + height.max()) / 2
        after = int((height > middle).argmax())
        part = (middle - height[after - 1]) / (height[after] - height[after - 1])
        # A jump between two frames of the video is seen half a frame of it before the second.
        seen_s = (after - 1 + part) / SETTINGS.motion.fps + 0.5 / video_fps
        # Half a motion frame, and half a spectrogram frame by which a loudest frame can only be told.
        assert abs(heard_s - seen_s) <= 0.5 / SETTINGS.motion.fps + 0.5 / SETTINGS.audio.fps
    assert checked
