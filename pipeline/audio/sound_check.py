"""What is wrong with a recorded sound, in words: (the fault, what to do about it)."""

import numpy as np

from pipeline.media.sound_files import SILENT_PEAK

CLIPPED_SHARE = 1e-3  # share of the samples; any loud recording has a few clipped peaks
FLAT_SAMPLES = 3  # this many equal samples in a row at the peak are a flat top, a sign of clipping


def unusable(sound: np.ndarray, sample_rate_hz: int, shortest_s: float) -> tuple[str, str] | None:
    """Why nothing can be learned from a sound, float32 [samples]; None if something can.

    Args:
        shortest_s: a shorter sound has no window to train on.
    """
    if not np.isfinite(sound).all():
        share = 1 - np.isfinite(sound).mean()
        return f"{share:.1%} of its samples are NaN or infinite", "export the sound again"
    if len(sound) < shortest_s * sample_rate_hz:
        what = f"its sound is {len(sound) / sample_rate_hz:.1f} s long, shorter than a window of {shortest_s:g} s"
        return what, "record longer, or lower windows.duration_s"
    if np.abs(sound).max() < SILENT_PEAK:
        return "silent (nothing above -60 dB)", "check the recording's microphone or channel"
    return None


def weak(sound: np.ndarray, sample_rate_hz: int, wanted_hz: int) -> list[tuple[str, str]]:
    """Faults of a sound, float32 [samples], that can be used all the same."""
    remarks = []
    if (share := clipped_share(sound)) > CLIPPED_SHARE:
        remarks.append((f"used, but {share:.1%} of its samples are clipped", "record at a lower level"))
    if sample_rate_hz < wanted_hz:
        what = f"used, but sampled at {sample_rate_hz} Hz: nothing above {sample_rate_hz // 2} Hz in it"
        remarks.append((what, f"record at {wanted_hz} Hz or more"))
    return remarks


def clipped_share(sound: np.ndarray) -> float:
    """Share of the samples of a sound [samples] that lie on flat tops at its positive or negative peak."""
    clipped = 0
    for at_peak in (sound >= sound.max() - 1e-6, sound <= sound.min() + 1e-6):
        places = np.flatnonzero(at_peak)
        runs = np.diff(np.flatnonzero(np.diff(places, prepend=-2, append=len(sound) + 1) > 1))
        clipped += int(runs[runs >= FLAT_SAMPLES].sum())
    return clipped / len(sound)
