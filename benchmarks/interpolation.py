"""How accurately are hidden joints interpolated? `python -m benchmarks.interpolation SKELETON.npy`

Reads one skeleton as Solos publishes it, float32 [frames, 3, 47] with NumPy's header. Hides a tenth of the measured hand joints,
in runs of 1 to 25 frames, interpolates them and measures their distance from the true position. There are two protocols: runs of
single joints, whose neighbours stay visible, and runs of a whole hand, of which only the wrist stays visible.
"""

import sys

import numpy as np

from pipeline.corpus import solos
from pipeline.keypoints import cleaning
from pipeline.keypoints.skeleton import LEFT_HAND, RIGHT_HAND

HANDS = tuple(range(hand.start + 1, hand.stop) for hand in (RIGHT_HAND, LEFT_HAND))  # wrists belong to the arms
PROTOCOLS = {
    "single joints": [[joint] for hand in HANDS for joint in hand],
    "whole hands": [list(hand) for hand in HANDS],
}
HIDDEN = 0.1  # share of the measured hand joints
LONGEST = 25  # frames of the longest run
LENGTHS = ((1, 1), (2, 5), (6, 10), (11, 15), (16, 20), (21, 25))  # rows of the table
SEEDS = 50


def load(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions float64 [frames, 47, 2] in px and measured joints bool [frames, 47], between the first and last detected frames."""
    rows = np.load(path, allow_pickle=False)
    somebody = np.flatnonzero((rows[:, 2] > 0).any(axis=1))
    rows = rows[somebody[0] : somebody[-1] + 1][:, :, list(solos.joint_columns(rows))].transpose(0, 2, 1)
    return rows[:, :, :2].astype(np.float64), rows[:, :, 2] > solos.MEASURED_ABOVE


def hide(measured: np.ndarray, groups: list[list[int]], generator: np.random.Generator) -> np.ndarray:
    """Choose the joints to hide: int [frames, 47], the length of a hidden joint's run, or 0.

    A run hides all joints of a group. It never includes the first or the last frame, and does not touch another run of its joints.
    A single joint is measured in all frames of its run and in the frame on each side, so the gap is as long as the run. For a
    whole hand, the measured joints are hidden, and a gap may be longer than the run.
    """
    lengths = np.zeros(measured.shape, int)
    wanted = HIDDEN * measured[:, [joint for hand in HANDS for joint in hand]].sum()
    while (lengths > 0).sum() < wanted:
        joints = groups[generator.integers(len(groups))]
        frames = int(generator.integers(1, LONGEST + 1))
        first = int(generator.integers(1, len(measured) - frames))
        here, around = slice(first, first + frames), slice(first - 1, first + frames + 1)
        if lengths[around, joints].any() or (len(joints) == 1 and not measured[around, joints].all()):
            continue
        lengths[here, joints] = frames * measured[here, joints]
    return lengths


def absolute(positions: np.ndarray, is_seen: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Linear interpolation in time of the positions in the picture."""
    filled = positions.copy()
    for joint in np.flatnonzero(is_seen.any(axis=0)):
        here = is_seen[:, joint]
        for axis in range(2):
            filled[:, joint, axis] = np.interp(times, times[here], positions[here, joint, axis])
    return filled


def hold(positions: np.ndarray, is_seen: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The last visible position; before the first visible position, that one."""
    last = np.maximum.accumulate(np.where(is_seen, np.arange(len(times))[:, None], -1))
    last = np.where(last < 0, is_seen.argmax(axis=0), last)
    return np.take_along_axis(positions, last[:, :, None], axis=0)


METHODS = {"relative to the parent": cleaning.interpolate, "absolute": absolute, "hold the last": hold}


def errors(
    positions: np.ndarray, measured: np.ndarray, protocol: str, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """For every hidden joint: the length of its run in frames, and the error of each method in px."""
    lengths = hide(measured, PROTOCOLS[protocol], np.random.default_rng(seed))
    hidden = lengths > 0
    is_seen, times = measured & ~hidden, np.arange(len(positions)) / solos.FPS
    shown = np.where(is_seen[:, :, None], positions, 0)  # the methods do not see hidden positions
    off = {name: np.linalg.norm(fill(shown, is_seen, times) - positions, axis=-1) for name, fill in METHODS.items()}
    return lengths[hidden], {name: each[hidden] for name, each in off.items()}


def main() -> None:
    positions, measured = load(sys.argv[1])
    width_px = cleaning.shoulder_width(positions, measured)
    shares = ", ".join(f"{measured[:, list(hand)].mean():.0%}" for hand in HANDS)
    print(
        f"{len(positions)} frames, shoulders {width_px:.0f} px wide; measured joints of the right and the left hand: {shares}"
    )
    for protocol in PROTOCOLS:
        runs = [errors(positions, measured, protocol, seed) for seed in range(SEEDS)]
        lengths = np.concatenate([length for length, _ in runs])
        off = {name: np.concatenate([each[name] for _, each in runs]) for name in METHODS}
        below = np.array([1 - each["relative to the parent"].mean() / each["absolute"].mean() for _, each in runs])
        print(f"\n{protocol}: mean error in px over {SEEDS} seeds, {len(lengths) // SEEDS} hidden joints per seed\n")
        print(f"| frames in a run | joints | {' | '.join(METHODS)} | below absolute |")
        print("|---" * (len(METHODS) + 3) + "|")
        for low, high in (*LENGTHS, (1, LONGEST)):
            here = (lengths >= low) & (lengths <= high)
            means = {name: each[here].mean() for name, each in off.items()}
            gain = 1 - means["relative to the parent"] / means["absolute"]
            name = "all" if (low, high) == (1, LONGEST) else str(low) if low == high else f"{low} to {high}"
            print(f"| {name} | {here.sum()} | {' | '.join(f'{mean:.2f}' for mean in means.values())} | {gain:.0%} |")
        print(f"\nbelow absolute, by seed: {below.min():.0%} to {below.max():.0%}")


if __name__ == "__main__":
    main()
