"""Reads the sound of sound and video files. Sample 0 is at time 0 of the file, even if the sound starts later."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import av
import librosa
import numpy as np
import soundfile

from pipeline.errors import FileError
from pipeline.media import probing
from pipeline.media.probing import audio_stream, opened, zero_s

# A sound that continues this much earlier or later than it should has a gap or an overlap. Less is rounding of times.
GAP_S = 0.05
MAX_GAP_S = 3600.0  # a longer gap comes from broken times, and would fill the memory with silence
STRETCH_S = 60.0  # a sound whose clock runs fast or slow is set right in stretches of this length
DRIFT_S = 0.01  # less is not set right
SILENT_PEAK = 1e-3  # -60 dB; below it there is nothing but noise
TURNED = -0.5  # a channel whose correlation with the loudest is below this has the opposite polarity


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
    """As `read_audio`, at the file's own sample rate: float32 [samples], and the rate in Hz.

    Of several sounds, it is the one that `probing` chooses. If that one is silent, it is the first of the others that is not.
    """
    if plain := _plain_wav(path):
        return plain
    with opened(path) as container:
        first = audio_stream(container)
        if first is None:
            raise FileError(path, "no sound in it")
        streams = [first.index, *(stream.index for stream in container.streams.audio if stream.index != first.index)]
    decoded = (_decode(path, index) for index in streams)
    chosen = next(decoded)
    if _silent(chosen[0]):
        with suppress(FileError):  # of a sound that would only have stood in
            chosen = next((other for other in decoded if not _silent(other[0])), chosen)
    return chosen


def said_of_sounds(path: str | Path) -> tuple[str, str] | None:
    """What to say of a file with several sounds, and what to do about it; None for a file with one."""
    count = probing.probe(path).sounds
    if count < 2:
        return None
    return (
        f"{count} sounds in it; the default one was read, or the first that is not silent",
        "keep one sound in it to choose",
    )


def _silent(sound: np.ndarray) -> bool:
    return bool(np.abs(sound).max() < SILENT_PEAK)


def _decode(path: str | Path, index: int) -> tuple[np.ndarray, int]:
    """The sound of one stream, mixed down to mono, on the clock of the file; and its rate."""
    with opened(path) as container:
        begins_s = zero_s(container)
        to_float = av.AudioResampler(format="fltp")
        chunks: list[np.ndarray] = []
        starts: list[int | None] = []  # where each chunk starts by the file's clock, in samples
        rate_hz = length = 0
        for frame in container.decode(container.streams[index]):
            assert isinstance(frame, av.AudioFrame)
            rate_hz = frame.sample_rate
            start = None if frame.time is None else round((frame.time - begins_s) * rate_hz)
            if start is not None and start > MAX_GAP_S * rate_hz + length:
                raise FileError(path, "the times of its sound are broken")
            try:
                chunks += [part.to_ndarray() for part in to_float.resample(frame)]
            except ValueError:
                raise FileError(path, "its sound changes its rate or its channels on the way") from None
            starts.append(start)
            length = (length if start is None else start) + chunks[-1].shape[1]
    if not chunks or not sum(chunk.shape[1] for chunk in chunks):
        raise FileError(path, "its sound is empty")
    return mixed(on_clock(chunks, starts, rate_hz)), rate_hz


def on_clock(chunks: Sequence[np.ndarray], starts: Sequence[int | None], rate_hz: int) -> np.ndarray:
    """Chunks of sound, float32 [channels, samples] each, put together by their times: float32 [channels, samples].

    Gaps become silence, and of an overlap the later sound loses its beginning. A clock that runs fast or slow, as that of a
    sound card beside a camera's, is set right by resampling, so that the difference never adds up.

    Args:
        starts: where each chunk starts by the clock, in samples; None if the file does not say.
    """
    made: list[np.ndarray] = []
    end = 0  # of what is made
    stretch: list[np.ndarray] = []
    begin = samples = late = (
        0  # where the stretch begins, its samples, and how much later its last chunk was than their sum
    )

    def close() -> None:
        nonlocal end, stretch
        part = np.concatenate(stretch, axis=1)
        gap = begin - end
        if abs(gap) > GAP_S * rate_hz or not made:
            if gap > 0:
                made.append(np.zeros((len(part), gap), np.float32))
                end += gap
            part = part[:, max(-gap, 0) :]
        wanted = begin + samples + late - end
        if part.size and abs(wanted - part.shape[1]) > DRIFT_S * rate_hz:
            part = _stretched(part, max(wanted, 1))
        made.append(part)
        end += part.shape[1]
        stretch = []

    for chunk, start in zip(chunks, starts, strict=True):
        now = late if start is None else start - begin - samples
        if stretch and (abs(now - late) > GAP_S * rate_hz or samples > STRETCH_S * rate_hz):
            jumped = abs(now - late) > GAP_S * rate_hz
            begins = begin + samples + now
            if not jumped:
                late = now
            close()
            begin, samples, now = begins, 0, 0
        elif not stretch:
            begin, now = begin + samples + now, 0
        late = now
        stretch.append(chunk)
        samples += chunk.shape[1]
    close()
    return np.concatenate(made, axis=1)


def _stretched(sound: np.ndarray, samples: int) -> np.ndarray:
    """Sound [channels, samples] resampled to another number of samples."""
    made = librosa.resample(sound, orig_sr=sound.shape[1], target_sr=samples, res_type="soxr_hq")
    return np.ascontiguousarray(librosa.util.fix_length(made, size=samples), dtype=np.float32)


def mixed(channels: np.ndarray) -> np.ndarray:
    """Channels [channels, samples] mixed down to mono: float32 [samples].

    A channel counts by its power, so that a microphone in one channel, or in one of six, keeps its level. A channel of the
    opposite polarity is turned, since it would cancel the others.
    """
    if len(channels) == 1:
        return channels[0]
    products = channels @ channels.T  # [channels, channels]
    power = np.diag(products).astype(np.float64)
    if not np.isfinite(products).all() or not power.any():
        return channels.mean(axis=0)
    loudest = int(power.argmax())
    correlation = products[loudest] / np.sqrt(np.maximum(power * power[loudest], np.finfo(np.float64).tiny))
    weights = np.where(correlation < TURNED, -power, power) / power.sum()
    return weights.astype(np.float32) @ channels


def _plain_wav(path: str | Path) -> tuple[np.ndarray, int] | None:
    """As `decode_audio`, for the WAV files that libsndfile and FFmpeg read bit-identically; None for others.

    It takes a tenth of the time, because FFmpeg reads further into every file to learn what else is in it.
    """
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if file.format not in ("WAV", "WAVEX") or file.subtype not in ("PCM_16", "PCM_24", "FLOAT"):
                return None
            sound = file.read(dtype="float32", always_2d=True)  # [samples, channels]
            return (mixed(np.ascontiguousarray(sound.T)), file.samplerate) if sound.size else None
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
