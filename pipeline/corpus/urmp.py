"""The layout of URMP.

Source: Li, Liu, Dinesh, Duan, Sharma, "Creating a Multitrack Classical Music Performance Dataset" (IEEE TMM 2019).

A folder a piece, here 01_Jupiter_vn_vc:

    Vid_01_Jupiter_vn_vc.mp4        all players side by side
    AuSep_1_vn_01_Jupiter.wav       the sound of player 1, AuSep_2_vc_01_Jupiter.wav that of player 2
    Notes_1_vn_01_Jupiter.txt       lines of onset s, pitch Hz, duration s
    Sco_01_Jupiter_vn_vc.mid        the score, a part a player
    Joints_1_vn_01_Jupiter.npy      true joints; in made corpora only

File names decide, not folder names: in URMP's piece 15 the folder is wrong. Folders without video and separate sound
are no pieces and are passed over (URMP has one of supplementary files).
"""

import re
from pathlib import Path

from pipeline.corpus.files import relative, safe_name, unusable
from pipeline.corpus.track import Track
from pipeline.set_aside import SetAside

INSTRUMENTS = {
    "vn": "violin",
    "va": "viola",
    "vc": "cello",
    "db": "double bass",
    "fl": "flute",
    "ob": "oboe",
    "cl": "clarinet",
    "bn": "bassoon",
    "sax": "saxophone",
    "tpt": "trumpet",
    "hn": "horn",
    "tbn": "trombone",
    "tba": "tuba",
}
_CODES = "|".join(INSTRUMENTS)
_VIDEO = re.compile(rf"Vid_(?P<piece>.+?)(?P<codes>(_({_CODES}))+)\.mp4")
_COPY_AGAIN = "copy the piece again from URMP's archive"


def read(root: Path) -> tuple[list[Track], list[SetAside]]:
    """The tracks of a corpus in URMP's layout, sorted by piece and player, and what of it cannot be used."""
    tracks: list[Track] = []
    aside: list[SetAside] = []
    seen: dict[str, Path] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        names = sorted(path.name for path in folder.iterdir())
        videos = [match for match in map(_VIDEO.fullmatch, names) if match]
        sounds = {name for name in names if name.startswith("AuSep_")}
        if not videos and not sounds:
            continue
        if len(videos) != 1:
            what = f"{len(videos)} videos of the form Vid_<piece>_<instruments>.mp4 in it, where one belongs"
            aside.append(SetAside(relative(folder, root), what, _COPY_AGAIN))
            continue
        piece, video = videos[0]["piece"], folder / videos[0].string
        if piece in seen:
            what = f"holds the piece of {relative(seen[piece], root)} again"
            aside.append(SetAside(relative(folder, root), what, "delete one of the two"))
            continue
        seen[piece] = folder
        if bad_video := unusable(video, root, picture=True):
            aside.append(bad_video)
            continue
        codes = videos[0]["codes"].strip("_").split("_")
        belonging = {f"AuSep_{player}_{code}_{piece}.wav" for player, code in enumerate(codes, start=1)}
        for stray in sorted(sounds - belonging):
            what = f"of no player in {video.name}"
            aside.append(SetAside(relative(folder / stray, root), what, "correct its name, or delete it"))
        for player in range(1, len(codes) + 1):
            found = _player(root, video, piece, player, codes)
            if isinstance(found, Track):
                tracks.append(found)
            else:
                aside.append(found)
    return tracks, aside


def _player(root: Path, video: Path, piece: str, player: int, codes: list[str]) -> Track | SetAside:
    folder, code = video.parent, codes[player - 1]
    part = f"{player}_{code}_{piece}"
    sound = folder / f"AuSep_{part}.wav"
    if not sound.exists():
        return SetAside(relative(sound, root), f"missing, though {video.name} shows this player", _COPY_AGAIN)
    if bad_sound := unusable(sound, root, sound=True):
        return bad_sound
    return Track(
        name=safe_name(f"{piece}_{player}_{code}"),
        piece=safe_name(piece),
        instrument=INSTRUMENTS[code],
        video=video,
        audio=sound,
        left=(player - 1) / len(codes),
        right=player / len(codes),
        midi=_if_there(folder / f"{video.stem.replace('Vid_', 'Sco_', 1)}.mid"),
        part=player - 1,
        notes=_if_there(folder / f"Notes_{part}.txt"),
        joints=_if_there(folder / f"Joints_{part}.npy"),
    )


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None
