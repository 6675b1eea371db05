"""Reads the sound of sound and video files. Sample 0 is at time 0 of the file, even if the sound starts later."""

import os
from pathlib import Path

import av
import librosa
import numpy as np
import soundfile

from pipeline.errors import FileError
from pipeline.media.probing import audio_stream, opened, zero_s

# If sound continues later than this, the gap is filled with silence. Less is rounding of the container's times.
GAP_S = 0.05
MAX_GAP_S = 3600.0  # a longer gap comes from broken times, and would fill the memory with silence


def read_audio(path: str | Path, sample_rate_hz: int) -> np.ndarray:
    """The sound of a sound or video file, mixed down to mono and resampled. Sample 0 is at time 0.

    Returns:
        float32 [samples], full scale at -1 and 1.

    Raises:
        FileError: the file is missing, empty, broken, or has no sound.
    """
    sound, native_hz = decode_audio(path)
    return resample(sound, native_hz, sample_rate_hz)


def decode_audio(path: str | Path) -> tuple[np.ndarray, int]:
    """As `read_audio`, at the file's own sample rate: float32 [samples], and the rate in Hz."""
    if plain := _plain_wav(path):
        return plain
    with opened(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise FileError(path, "no sound in it")
        begins_s = zero_s(container)
        to_float = av.AudioResampler(format="fltp")
        chunks: list[np.ndarray] = []
        length = rate_hz = 0
        for frame in container.decode(stream):
            rate_hz = frame.sample_rate
            start = length if frame.time is None else round((frame.time - begins_s) * rate_hz)
            if start > MAX_GAP_S * rate_hz + length:
                raise FileError(path, "the times of its sound are broken")
            try:
                mono = np.concatenate([part.to_ndarray() for part in to_float.resample(frame)], axis=1).mean(axis=0)
            except ValueError:
                raise FileError(path, "its sound changes its rate or its channels on the way") from None
            if start - length > GAP_S * rate_hz or not chunks:
                chunks.append(np.zeros(max(start - length, 0), np.float32))
                length += len(chunks[-1])
            chunks.append(mono)
            length += len(mono)
    if not length:
        raise FileError(path, "its sound is empty")
    return np.concatenate(chunks), rate_hz


def _plain_wav(path: str | Path) -> tuple[np.ndarray, int] | None:
    """As `decode_audio`, for the WAV files that libsndfile and FFmpeg read bit-identically; None for others.

    It takes a tenth of the time, because FFmpeg reads further into every file to learn what else is in it.
    """
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if file.format not in ("WAV", "WAVEX") or file.subtype not in ("PCM_16", "PCM_24", "FLOAT"):
                return None
            sound = file.read(dtype="float32", always_2d=True)  # [samples, channels]
            if file.channels > 1:
                sound = np.ascontiguousarray(sound.T).mean(axis=0)
            return (sound.ravel(), file.samplerate) if sound.size else None
    except (soundfile.LibsndfileError, OSError):
        return None


def resample(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resample sound [samples] to another rate: float32 [ceil(samples * to_hz / from_hz)]."""
    if from_hz == to_hz:
        return sound
    return librosa.resample(sound, orig_sr=from_hz, target_sr=to_hz, res_type="soxr_hq").astype(np.float32, copy=False)


def write_audio(path: str | Path, sound: np.ndarray, sample_rate_hz: int) -> None:
    """Write sound [samples], full scale at -1 and 1, as a 16 bit mono WAV; louder samples are clipped."""
    soundfile.write(path, np.clip(sound, -1, 1), sample_rate_hz, subtype="PCM_16", format="WAV")
