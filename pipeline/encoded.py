"""Pictures and sound coded for a page: small, and the same bytes every time."""

import io
from typing import Any

import av
import numpy as np

OPUS_HZ = 48000  # what a browser decodes Opus to, whatever went in


def opus(sound: np.ndarray, rate_hz: int) -> bytes:
    """A mono sound of about 48 kbit/s, Opus in WebM.

    Args:
        sound: float32 [samples], full scale at -1 and 1; louder samples are cut off.
    """
    file = io.BytesIO()
    # Bit-exact: no version in it, no random identifiers.
    with av.open(file, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        voice: Any = container.add_stream("libopus", rate=OPUS_HZ, layout="mono", options={"vbr": "constrained"})
        voice.bit_rate = 48_000
        samples = np.clip(sound, -1, 1).astype(np.float32)[None]
        whole = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        whole.sample_rate = rate_hz
        container.mux(voice.encode(whole))
        container.mux(voice.encode(None))
    return file.getvalue()
