"""The page of the demo: one video with its sounds, the player's skeleton and the spectrograms. The videos lie beside it."""

import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import params
from pipeline.keypoints.skeleton import BONES
from pipeline.report import page


@dataclass(frozen=True)
class Sound:
    """A video whose sound can be heard on the page.

    Attributes:
        video: its name, in the folder of the page.
        spectrogram: [frames, bins], normalised as in `pipeline.audio.spectrogram`, over the whole video; at most 16383 frames.
    """

    title: str
    video: str
    spectrogram: np.ndarray


def write(
    path: Path, remark: str, sounds: list[Sound], motion: np.ndarray, duration_s: float, settings: params.Params
) -> None:
    """Write the page.

    Args:
        remark: what can be seen and heard, in plain text. It is shown at the top of the page.
        sounds: in the order in which they are shown. All have the same picture.
        motion: float32 [rows, 47, 2] at `motion.fps`, shoulder widths, y downwards.
        duration_s: duration of the spectrograms.
    """
    data = {
        "fps": settings.motion.fps,
        "duration_s": duration_s,
        "bones": BONES,
        "motion": page.whole_steps(motion),
        "sounds": [
            {
                "title": sound.title,
                "video": sound.video,
                "picture": page.picture(sound.spectrogram, settings.audio.sample_rate_hz),
            }
            for sound in sounds
        ],
    }
    path.write_text(page.filled("demo.html", data, {"remark": html.escape(remark)}), encoding="utf-8")
