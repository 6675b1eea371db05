"""The recorded sound of a track."""

import numpy as np

from pipeline.corpus.track import Track
from pipeline.media import sound_files


def of_track(track: Track, rate_hz: int) -> np.ndarray:
    """The stretch of the file's sound that belongs to a track, float32 [samples] at `rate_hz`.

    Raises:
        FileError: the file cannot be read, or has no sound.
    """
    sound, native_hz = sound_files.decode_audio(track.audio)
    end = None if track.end_s is None else round(track.end_s * native_hz)
    return sound_files.resample(sound[round(track.start_s * native_hz) : end], native_hz, rate_hz)
