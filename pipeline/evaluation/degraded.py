"""Movement as it might be seen of others or elsewhere: of another size, turned, mirrored, in part, with noise, with gaps, late."""

from collections.abc import Iterator

import numpy as np
import torch

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.corpus.track import read_tracks, true_depths, true_joints
from pipeline.dataset.artifacts import KEYPOINTS, MODELS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, Windows, to_tensors
from pipeline.evaluation import cells
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.skeleton import (
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_WRIST,
    NECK,
    RIGHT_ELBOW,
    RIGHT_HAND,
    RIGHT_WRIST,
)
from pipeline.keypoints.variation import mirrored
from pipeline.sampling import batches, codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import priors

Case = tuple[str, float | None, np.ndarray]  # kind, amount, movement [windows, frames, joints, 2]


def cases(windows: Windows, places: Places, settings: params.Params) -> Iterator[Case]:
    """The movement of the windows in every condition of `degrade`."""
    motion, degrade = windows.batch(places)["motion"], settings.degrade
    generator = np.random.default_rng(settings.seed)
    frames_s = np.arange(motion.shape[1]) / settings.motion.fps
    starts_s = [start / settings.audio.fps for _, start in places]

    def of_tracks(movements: dict[str, np.ndarray]) -> np.ndarray:
        """The windows of whole tracks' movements."""
        each = zip(places, starts_s, strict=True)
        rows = [(movements[track], start_s) for (track, _), start_s in each]
        return np.stack([interpolate(frames_s + s, np.arange(len(m)) / settings.motion.fps, m) for m, s in rows])

    yield "as it is", None, motion
    true = true_motion(places, settings)
    if true:
        yield "true joints", None, of_tracks(true)
    for amount in degrade.size:
        yield "size", amount, amount * motion
    for amount in degrade.turned_degrees:
        turned = true_motion(places, settings, turned_degrees=amount)
        if turned:
            # The difference of the true joints: what the detector adds to them stays.
            yield "turned", amount, motion + of_tracks(turned) - of_tracks(true)
    for amount in degrade.tilted_degrees:
        cos, sin = np.cos(np.radians(amount)), np.sin(np.radians(amount))
        yield "tilted", amount, motion @ np.array([[cos, sin], [-sin, cos]], np.float32)
    yield "mirrored", None, mirrored(motion)
    yield "left hand unseen", None, without_hand(motion, LEFT_HAND, LEFT_WRIST)
    yield "right hand unseen", None, without_hand(motion, RIGHT_HAND, RIGHT_WRIST)
    cropped = without_hand(without_hand(motion, LEFT_HAND, LEFT_ELBOW), RIGHT_HAND, RIGHT_ELBOW)
    yield "nothing below the elbows", None, cropped
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
def hear(name: str, first: int, motion: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
    """Onsets in s of what a prior makes for movements [windows, frames, joints, 2], and the instruments that are heard.

    Args:
        first: number of the first window.
    """
    settings, device = batches.prepare()
    model = priors.load(MODELS / name).to(device)
    vqvae = codec.load().to(device)
    # The same random numbers in every case.
    generator = batches.generator_of(settings.seed, first, device=device)
    moved = to_tensors({"motion": motion})["motion"].to(device)
    steps = round(settings.windows.duration_s * settings.audio.fps)
    codes = sample(model, moved, None, steps, as_set(settings, vqvae), generator)
    made = codec.decode(vqvae, codes.cpu().numpy())
    onsets_s = [onset_detector.detect(window, settings.audio.fps) for window in made]
    return onsets_s, cells.hear(cells.load_classifier(), made)


def without_hand(motion: np.ndarray, hand: slice, last_seen: int) -> np.ndarray:
    """Movement in which a hand is never seen: as `cleaning` does, its joints lie on the last one of the arm that is."""
    unseen = motion.copy()
    unseen[:, :, hand] = motion[:, :, [last_seen]]
    return unseen


def known_at(window: np.ndarray, frames_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """A window [frames, joints, 2] that is known at some times only, and interpolated between them."""
    return interpolate(frames_s, times_s, interpolate(times_s, frames_s, window))


def interpolate(wanted_s: np.ndarray, times_s: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Positions [times, joints, 2], linearly interpolated at other times: [wanted, joints, 2]. Ends are held."""
    flat = positions.reshape(len(positions), -1)
    columns = [np.interp(wanted_s, times_s, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(-1, *positions.shape[1:]).astype(np.float32)


def true_motion(places: Places, settings: params.Params, turned_degrees: float = 0) -> dict[str, np.ndarray]:
    """Track → movement of its true joints, cleaned like the detected ones, or {} if a track has none.

    Args:
        turned_degrees: turns the player to their left, which needs the depth of the joints.
    """
    keypoints, true = Shards(KEYPOINTS), {}
    needed = {track for track, _ in places}
    for track in read_tracks():
        if track.name not in needed:
            continue
        if track.joints is None:
            return {}
        joints = true_joints(track.joints)
        if turned_degrees:
            depths = true_depths(track.joints)
            if depths is None:
                return {}
            joints = turn(joints, depths, turned_degrees)
        certain = np.concatenate([joints, np.ones_like(joints[:, :, :1])], axis=2)
        times_s = keypoints.rows("times", track.name)
        true[track.name], _ = clean(certain, times_s, settings.motion.fps, settings.motion.min_confidence)
    return true


def turn(joints: np.ndarray, depths: np.ndarray, degrees: float) -> np.ndarray:
    """Joints [frames, joints, 2] of a player who turns to their left, about the upright line through their mean neck.

    The camera is taken to be far away, so that nothing grows as it comes nearer.
    """
    axis, depth = joints[:, NECK, 0].mean(), depths[:, NECK].mean()
    angle, turned = np.radians(degrees), joints.copy()
    turned[..., 0] = axis + (joints[..., 0] - axis) * np.cos(angle) + (depths - depth) * np.sin(angle)
    return turned
