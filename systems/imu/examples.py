"""Windows of readings, and how sensors may be worn."""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.dataset.artifacts import CODES
from pipeline.dataset.artifacts import NOTES as NOTE_INDICES
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source, Windows
from pipeline.params import Params
from pipeline.sensors.virtual import ACCELERATIONS, TURN_RATE
from systems.imu import paths
from systems.imu.params import Wearing, Worn


def on_sensors(sensors: Shards, names: Iterable[str], settings: Params) -> Windows:
    """Windows that start on any frame of readings."""
    source = Source(sensors, "sensors", settings.motion.fps)
    return Windows({"sensors": source}, sorted(names), settings.windows.duration_s)


def as_generated(names: Sequence[str], settings: Params, *, codes: bool = False) -> Windows:
    """Windows that start on frames of sound: with `spread(generate.samples)`, those for which the other models generate.

    If nobody has written down the notes of any of the tracks, they start on frames of readings.

    Args:
        codes: whether they also hold the codes of the sound.
    """
    indices = Shards(NOTE_INDICES)
    if not codes and not any(track in indices for track in names):
        return on_sensors(Shards(paths.TRACKS), names, settings)
    sound = Source(Shards(CODES), "codes", settings.audio.fps)
    first = {"codes": sound} if codes else {"notes": Source(indices, "notes", settings.audio.fps)}
    read = Source(Shards(paths.TRACKS), "sensors", settings.motion.fps, between=True)
    return Windows(first | {"sensors": read}, names, settings.windows.duration_s)


def as_worn(readings: np.ndarray, worn: Worn) -> np.ndarray:
    """Windows of readings [windows, frames, 3, 2] of which only some sensors and channels are there; the others are 0."""
    kept = np.zeros(readings.shape[2:], bool)
    kept[np.ix_(worn.channels, worn.sensors)] = True
    return rescaled(np.where(kept, readings, 0))


def wear(readings: np.ndarray, chosen: Wearing, generator: np.random.Generator) -> np.ndarray:
    """Windows of readings, float32 [windows, frames, 3, 2], each worn in another way; the given ones stay as they are.

    A sensor is turned on the forearm a little; in some windows by any angle, or upside down, so that the signs of what it reads
    say nothing. It is more or less sensitive, and noisy. Some windows have one sensor alone, or one axis, or no turn rates.
    """
    windows = len(readings)
    anyhow = generator.random((windows, 1, 1)) < chosen.anyhow
    angle = np.radians(generator.uniform(-1, 1, (windows, 1, 2)) * np.where(anyhow, 180, chosen.mounting_degrees))
    cos, sin = np.cos(angle), np.sin(angle)
    along, across, turn_rate = np.moveaxis(readings, 2, 0)  # (windows, frames, 2) each
    signs = np.where(anyhow, generator.choice([-1, 1], (2, windows, 1, 2)), 1)
    varied = np.stack(
        [cos * along - sin * across, signs[0] * (sin * along + cos * across), signs[1] * turn_rate], axis=2
    )
    alone, side = generator.random(windows) < chosen.one_sensor, generator.integers(2, size=windows)
    varied[alone, :, :, 1 - side[alone]] = 0
    one_axis = generator.random(windows) < chosen.one_axis
    varied[one_axis, :, 1:] = 0
    varied[generator.random(windows) < chosen.no_turn_rate, :, TURN_RATE] = 0
    varied = rescaled(varied)
    worn = (varied != 0).any(axis=1, keepdims=True)
    gain = np.exp(generator.uniform(-1, 1, (windows, 1, 1, 2)) * np.log(chosen.gain))
    noise = generator.uniform(0, chosen.noise, (windows, 1, 1, 2)) * generator.standard_normal(varied.shape)
    return (gain * varied + noise * worn).astype(np.float32)


def rescaled(readings: np.ndarray) -> np.ndarray:
    """Windows whose sensors have one acceleration alone, as strong as the two of others together: a file is scaled so."""
    accelerations = readings[:, :, ACCELERATIONS]
    one = ~(accelerations != 0).any(axis=1).all(axis=1) & (accelerations != 0).any(axis=(1, 2))  # (windows, 2)
    deviation = accelerations.std(axis=1).sum(axis=1)  # (windows, 2): the other's is 0
    factor = np.where(one, 1 / np.clip(deviation, 0.3, None), 1)
    scaled = readings.copy()
    scaled[:, :, ACCELERATIONS] = accelerations * factor[:, None, None]
    return scaled
