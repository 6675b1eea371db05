"""When notes start in a movement, as the paper's pipeline reads it: peaks of the onset strength that its movement reader tells."""

import numpy as np
import torch
from scipy.signal import find_peaks

from pipeline.models.movement_reader import MovementReader

APART_S = 0.1  # smallest distance between two onsets, as of the onset detector for sound


def onsets(reader: MovementReader, motion: np.ndarray, motion_fps: float, fps: float, height: float) -> np.ndarray:
    """Onsets in s of a movement, float64 [onsets].

    Args:
        motion: float32 [rows, 47, 2] at motion_fps.
        fps: of the onset strength, steps a second.
        height: least height of a peak, in the reader's unit.
    """
    with torch.inference_mode():
        strength, _ = reader.read(torch.from_numpy(motion)[None], round(len(motion) / motion_fps * fps))
    peaks, _ = find_peaks(strength[0].numpy(), height=height, distance=max(round(APART_S * fps), 1))
    return peaks / fps
