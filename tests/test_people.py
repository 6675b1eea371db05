"""People keep who they are from frame to frame, whatever the order in which they are listed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.keypoints.people import follow, player, sizes
from pipeline.keypoints.skeleton import BODY, JOINTS, LEFT_SHOULDER, NECK, RIGHT_SHOULDER

WIDTH_PX = 1000.0


def person(x_px: float, y_px: float = 200, size_px: float = 100) -> np.ndarray:
    """A body around its neck, float32 [47, 3]: about size_px from the neck to the wrists, hands included."""
    joints = np.zeros((JOINTS, 3), np.float32)
    shape = np.array([[0, 0], [-0.3, 0.1], [-0.4, 0.5], [-0.3, 0.9], [0.3, 0.1], [0.4, 0.5], [0.3, 0.9]])
    joints[list(BODY), :2] = [x_px, y_px] + size_px * shape
    joints[list(BODY), 2] = 0.8
    return joints


def band(frames: int, seed: int, players: int = 3) -> list[np.ndarray]:
    """Players who sway in their places, now and then one of them not seen, or no neck: [people, 47, 3] a frame."""
    generator = np.random.default_rng(seed)
    sway = generator.normal(0, 2, (frames, players, 2)).cumsum(axis=0)
    sway -= sway.mean(axis=0)
    everybody = []
    for frame in range(frames):
        here = [
            person(WIDTH_PX * (index + 0.5) / players + sway[frame, index, 0], 200 + sway[frame, index, 1])
            for index in range(players)
            if generator.random() > 0.2
        ]
        for joints in here:
            if generator.random() < 0.2:
                joints[generator.choice([NECK, RIGHT_SHOULDER, LEFT_SHOULDER], 2, replace=False)] = 0
        everybody.append(np.array(here, np.float32).reshape(-1, JOINTS, 3))
    return everybody


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_shuffling_people_in_each_frame_changes_nothing(seed):
    """OpenPose lists people in another order in every picture."""
    everybody = band(20, seed)
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(people)) for people in everybody]
    shuffled = [people[order] for people, order in zip(everybody, orders, strict=True)]
    for identity, order, again in zip(follow(everybody), orders, follow(shuffled), strict=True):
        np.testing.assert_array_equal(identity[order], again)
    for left, right in ((0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)):
        one, other = (player(each, left * WIDTH_PX, right * WIDTH_PX) for each in (everybody, shuffled))
        np.testing.assert_array_equal(one, other)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_players_beside_each_other_are_told_apart_over_gaps(seed):
    """Each is one person from beginning to end, though one is not always seen: no number is lost, none is swapped."""
    everybody = band(40, seed)
    identities = np.concatenate(follow(everybody))
    neck_or_shoulder = np.concatenate(everybody)[:, [NECK, RIGHT_SHOULDER, LEFT_SHOULDER]]
    x_px = np.where(neck_or_shoulder[..., 2] > 0, neck_or_shoulder[..., 0], np.nan)
    place = np.floor(np.nanmean(x_px, axis=1) / (WIDTH_PX / 3))
    assert set(identities) == {0, 1, 2}
    assert len(set(zip(identities, place, strict=True))) == 3


def test_two_who_pass_near_each_other_keep_their_numbers():
    """Matching one after the other would give the second what the first left over; the sum of all ways decides."""
    frames = [np.stack([person(400 + 8 * i), person(560 + 8 * i)]) for i in range(30)]
    frames[10:20] = [people[::-1] for people in frames[10:20]]
    expected = [[0, 1]] * 10 + [[1, 0]] * 10 + [[0, 1]] * 10
    np.testing.assert_array_equal(follow(frames), expected)


def test_a_newcomer_does_not_push_everybody_one_place_on():
    """A leaves as C comes in beside B: B is still B, and C is not taken for A, who is far away."""
    frames = [np.stack([person(100), person(300)]), np.stack([person(302), person(390)])]
    assert [list(identity) for identity in follow(frames)] == [[0, 1], [1, 2]]


def test_who_has_neither_neck_nor_shoulder_is_nobody():
    ghost = person(300)
    ghost[[NECK, RIGHT_SHOULDER, LEFT_SHOULDER]] = 0
    identities = follow([np.stack([ghost, person(500)]), ghost[None], np.zeros((0, JOINTS, 3), np.float32)])
    assert [list(identity) for identity in identities] == [[-1, 0], [-1], []]
    assert (player([ghost[None]], -np.inf, np.inf) == 0).all()


def test_a_neck_alone_and_a_shoulder_alone_are_one_person():
    """A body of which one joint is found has no size of its own; that it was larger before is remembered."""
    neck, shoulder = person(500), person(500)
    neck[1:] = 0
    shoulder[:RIGHT_SHOULDER] = 0
    shoulder[RIGHT_SHOULDER + 1 :] = 0
    identities = follow([person(500)[None], neck[None], shoulder[None], neck[None]])
    assert [list(identity) for identity in identities] == [[0]] * 4


def test_a_joint_is_measured_from_where_that_joint_was_last_seen():
    """Two close to each other of whom little is seen: A's left shoulder lies nearer to B's middle than to A's own."""
    left, right = person(500), person(540)
    necks, shoulders = np.stack([left, right]), np.stack([left, right])
    necks[:, 1:] = 0
    shoulders[0, [NECK, RIGHT_SHOULDER]] = shoulders[1, [NECK, LEFT_SHOULDER]] = 0
    identities = follow([np.stack([left, right]), necks, shoulders[::-1], necks, shoulders])
    assert [list(identity) for identity in identities] == [[0, 1], [0, 1], [1, 0], [0, 1], [0, 1]]


def test_the_player_is_who_takes_up_most_of_the_strip_over_time():
    """Not the first in the list, not who walks by in front, not who sits small behind the player, not the neighbour."""
    frames = []
    for i in range(40):
        here = [person(600, 150, size_px=40), person(500, size_px=120), person(1500, size_px=300)]
        if 10 <= i < 16:
            here.insert(0, person(200 + 60 * (i - 10), 600, size_px=250))
        if i in (20, 21, 35):
            del here[1]
        if i == 30:
            here[1] = person(445, size_px=120)  # leans out of the strip
        frames.append(np.stack(here))
    joints = player(frames, 450, 1000)
    seen = joints[:, NECK, 2] > 0
    assert list(np.flatnonzero(~seen)) == [20, 21, 35]
    assert (joints[~seen] == 0).all()
    assert (joints[30] == person(445, size_px=120)).all()
    seen[30] = False
    assert (joints[seen] == person(500, size_px=120)).all()


def test_an_empty_strip_is_empty():
    joints = player([person(900)[None]] * 3, 0, 500)
    assert joints.shape == (3, JOINTS, 3)
    assert (joints == 0).all()
    assert player([], 0, 500).shape == (0, JOINTS, 3)


def test_size_is_the_diagonal_of_what_was_found():
    joints = person(0, 0, size_px=100)
    assert sizes(joints[None])[0] == pytest.approx(np.hypot(80, 90))
    assert sizes(np.zeros((1, JOINTS, 3), np.float32))[0] == 0
