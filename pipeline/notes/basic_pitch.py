"""basic-pitch: where notes start and sound, on each key of a piano, as a small network hears it.

Its weights lie in its wheel, which asks for TensorFlow only for what is not used here. So it is installed without its
dependencies (`INSTALL`), and ONNX Runtime runs it.

Source: Bittner, Bosch, Rubinstein, Meseguer-Brocal and Ewert, "A Lightweight Instrument-Agnostic Model for Polyphonic Note
Transcription and Multipitch Estimation" (ICASSP 2022, arXiv 2203.09893).
"""

from functools import cache
from importlib import metadata
from typing import Any

import librosa
import numpy as np

from pipeline.errors import ParamsError

INSTALL = ".venv/bin/pip install onnxruntime && .venv/bin/pip install --no-deps basic-pitch==0.4.0"
LOWEST, KEYS = 21, 88  # MIDI number of the lowest key
RATE_HZ, HOP_LENGTH = 22050, 256  # the network's own
WINDOW, EDGE_FRAMES = (
    43844,
    15,
)  # samples of a window; frames at either end of it that hear too little of their surroundings
FPS = RATE_HZ / HOP_LENGTH


def hear(sound: np.ndarray, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """How likely a note starts, and how likely one sounds.

    Args:
        sound: float32 [samples].

    Returns:
        Two float32 [frames, 88], each from 0 to 1. Frame i is at i / `FPS` s.

    Raises:
        ParamsError: it is not installed.
    """
    session = network()
    sound = librosa.resample(sound, orig_sr=rate_hz, target_sr=RATE_HZ)
    edge = EDGE_FRAMES * HOP_LENGTH
    frames = -(-len(sound) // HOP_LENGTH)
    starts, sounds = (np.zeros((frames, KEYS), np.float32) for _ in range(2))
    for first in range(-edge, len(sound), WINDOW // HOP_LENGTH * HOP_LENGTH - 2 * edge):
        window = np.zeros(WINDOW, np.float32)
        piece = sound[max(first, 0) : first + WINDOW]
        window[max(-first, 0) :][: len(piece)] = piece
        names = ["StatefulPartitionedCall:2", "StatefulPartitionedCall:1"]
        heard = session.run(names, {"serving_default_input_2:0": window[None, :, None]})
        here = slice((first + edge) // HOP_LENGTH, None)
        for all_frames, (part,) in zip((starts, sounds), heard, strict=True):
            inner = part[EDGE_FRAMES:-EDGE_FRAMES]
            there = all_frames[here][: len(inner)]
            there[:] = inner[: len(there)]
    return starts, sounds


@cache
def network() -> Any:
    """The network in ONNX Runtime.

    Raises:
        ParamsError: it is not installed.
    """
    try:
        import onnxruntime

        files = metadata.files("basic-pitch") or []
        (weights,) = (file for file in files if file.name == "nmp.onnx")
    except (ImportError, metadata.PackageNotFoundError, ValueError):
        raise ParamsError(f"basic-pitch is not installed; install it with: {INSTALL}") from None
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights.locate()), settings, providers=["CPUExecutionProvider"])
