"""Degraded movement: with noise, with gaps, at fewer frames a second, or late; and the true movement."""

from collections.abc import Iterator

import numpy as np
import torch

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.corpus.track import read_tracks
from pipeline.dataset.artifacts import KEYPOINTS, MODELS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, Windows, to_tensors
from pipeline.keypoints.cleaning import clean
from pipeline.sampling import batches, codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import priors

Case = tuple[str, float | None, np.ndarray]  # kind, amount, movement [windows, frames, joints, 2]


def cases(windows: Windows, places: Places, settings: params.Params) -> Iterator[Case]:
    """The movement of the windows in every condition of `degrade`."""
    motion, degrade = windows.batch(places)["motion"], settings.degrade
    generator = np.random.default_rng(settings.seed)
    frames_s = np.arange(motion.shape[1]) / settings.motion.fps
    yield "as it is", None, motion
    true = true_motion(places, settings)
    if true:
        starts_s = [start / settings.audio.fps for _, start in places]
        tracks = [true[track] for track, _ in places]
        yield (
            "true joints",
            None,
            np.stack(
                [
                    interpolate(frames_s + start_s, np.arange(len(rows)) / settings.motion.fps, rows)
                    for rows, start_s in zip(tracks, starts_s, strict=True)
                ]
            ),
        )
    for amount in degrade.noise:
        yield "noise", amount, motion + generator.normal(0, amount, motion.shape).astype(np.float32)
    for amount in degrade.dropped:
        kept = generator.random((len(places), len(frames_s))) >= amount
        kept[:, 0] = True
        seen = [known_at(window, frames_s, frames_s[here]) for window, here in zip(motion, kept, strict=True)]
        yield "dropped", amount, np.stack(seen)
    for amount in degrade.fps:
        times_s = np.arange(0, frames_s[-1] + 1e-6, 1 / amount)
        yield "fps", amount, np.stack([known_at(window, frames_s, times_s) for window in motion])
    for amount in degrade.late_s:
        yield "late", amount, np.stack([interpolate(frames_s - amount, frames_s, window) for window in motion])


@torch.inference_mode()
def onsets_s(first: int, motion: np.ndarray) -> list[np.ndarray]:
    """Onsets in s of what `degrade.model` makes for movements [windows, frames, joints, 2]; the first is window `first`."""
    settings, device = batches.prepare()
    model = priors.load(MODELS / settings.degrade.model).to(device)
    vqvae = codec.load().to(device)
    # The same random numbers in every case.
    generator = batches.generator_of(settings.seed, first, device=device)
    moved = to_tensors({"motion": motion})["motion"].to(device)
    steps = round(settings.windows.duration_s * settings.audio.fps)
    codes = sample(model, moved, None, steps, as_set(settings, vqvae), generator)
    return [onset_detector.detect(made, settings.audio.fps) for made in codec.decode(vqvae, codes.cpu().numpy())]


def known_at(window: np.ndarray, frames_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """A window [frames, joints, 2] that is known at some times only, and interpolated between them."""
    return interpolate(frames_s, times_s, interpolate(times_s, frames_s, window))


def interpolate(wanted_s: np.ndarray, times_s: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Positions [times, joints, 2], linearly interpolated at other times: [wanted, joints, 2]. Ends are held."""
    flat = positions.reshape(len(positions), -1)
    columns = [np.interp(wanted_s, times_s, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(-1, *positions.shape[1:]).astype(np.float32)


def true_motion(places: Places, settings: params.Params) -> dict[str, np.ndarray]:
    """Track → movement of its true joints, cleaned like the detected ones. Empty if a track has no true joints."""
    keypoints, true = Shards(KEYPOINTS), {}
    needed = {track for track, _ in places}
    for track in read_tracks():
        if track.name not in needed:
            continue
        if track.joints is None:
            return {}
        joints = np.load(track.joints, allow_pickle=False)
        certain = np.concatenate([joints, np.ones_like(joints[:, :, :1])], axis=2)
        times_s = keypoints.rows("times", track.name)
        true[track.name], _ = clean(certain, times_s, settings.motion.fps, settings.motion.min_confidence)
    return true
