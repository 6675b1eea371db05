"""The skeleton of the paper (section 3): 47 joints of the upper body and both hands.

Order: neck; right shoulder, right elbow, right hand 0..20; left shoulder, left elbow, left hand 0..20.
Joint 0 of a hand is its wrist. Four joints per finger follow, from the thumb to the little finger, each from the palm
to the tip. This is the numbering of OpenPose and MediaPipe. Left and right are the player's own.
"""

JOINTS = 47
NECK = 0
RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST = 1, 2, 3
LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 24, 25, 26
RIGHT_HAND = slice(3, 24)
LEFT_HAND = slice(26, 47)
BODY = (NECK, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST)

# In a hand, the parent of joints 1, 5, 9, 13 and 17 is the wrist. The parent of any other joint is the one before it.
_HAND_PARENTS = tuple(0 if joint % 4 == 1 else joint - 1 for joint in range(1, 21))


def _arm_parents(shoulder: int) -> tuple[int, ...]:
    wrist = shoulder + 2
    return (NECK, shoulder, shoulder + 1, *(wrist + parent for parent in _HAND_PARENTS))


# The parent of every joint; the neck is its own. Parents come before their children.
PARENTS: tuple[int, ...] = (NECK, *_arm_parents(RIGHT_SHOULDER), *_arm_parents(LEFT_SHOULDER))
BONES: tuple[tuple[int, int], ...] = tuple((PARENTS[joint], joint) for joint in range(1, JOINTS))
