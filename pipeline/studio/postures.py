"""The posture of each instrument."""

from collections.abc import Callable
from functools import partial

from pipeline.studio import brass, keyboards, plucked, strings, struck, woodwinds
from pipeline.studio.pose import Cues, Pose

POSTURES: dict[str, Callable[[Cues], Pose]] = {
    "vn": partial(strings.bowed, strings.VIOLIN),
    "va": partial(strings.bowed, strings.VIOLA),
    "vc": partial(strings.bowed, strings.CELLO),
    "db": partial(strings.bowed, strings.DOUBLE_BASS),
    "fl": woodwinds.flute,
    "ob": partial(woodwinds.reed, woodwinds.OBOE),
    "cl": partial(woodwinds.reed, woodwinds.CLARINET),
    "bn": woodwinds.bassoon,
    "sax": woodwinds.saxophone,
    "tpt": brass.trumpet,
    "hn": brass.horn,
    "tbn": brass.trombone,
    "tba": brass.tuba,
    "gt": partial(plucked.necked, plucked.GUITAR),
    "uk": partial(plucked.necked, plucked.UKULELE),
    "bg": partial(plucked.necked, plucked.BASS_GUITAR),
    "pno": keyboards.piano,
    "dr": struck.drums,
    "hd": struck.hand_drums,
    "xyl": struck.xylophone,
    "acc": keyboards.accordion,
    "hp": plucked.harp,
}
