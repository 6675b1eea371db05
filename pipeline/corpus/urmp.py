"""The layout of URMP.

Source: Li, Liu, Dinesh, Duan, Sharma, "Creating a Multitrack Classical Music Performance Dataset" (IEEE TMM 2019).

One folder per piece, here 01_Jupiter_vn_vc:

    Vid_01_Jupiter_vn_vc.mp4        all players side by side
    AuSep_1_vn_01_Jupiter.wav       the sound of player 1; player 2 has AuSep_2_vc_01_Jupiter.wav
    Notes_1_vn_01_Jupiter.txt       lines of onset s, pitch Hz, duration s
    F0s_1_vn_01_Jupiter.txt         lines of time s, pitch Hz or 0
    Sco_01_Jupiter_vn_vc.mid        the score, one part per player
    Joints_1_vn_01_Jupiter.npy      true joints; in made corpora only

File names decide, not folder names: the folder's name of URMP's piece 15 is wrong. Folders with neither a video nor
separate sound are not pieces and are ignored (URMP has one, with supplementary files). Player 1 is taken to sit on the
left. That is common practice, but the authors do not say so. corpus.player_order overrides it.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pipeline.corpus.files import safe_name, unusable
from pipeline.corpus.track import Track, relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import ParamsError, shown

# After URMP's 13 instruments come those that only the studio has.
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
    "gt": "guitar",
    "uk": "ukulele",
    "bg": "bass guitar",
    "pno": "piano",
    "dr": "drums",
    "hd": "hand drums",
    "xyl": "xylophone",
    "acc": "accordion",
    "hp": "harp",
}
_CODES = "|".join(INSTRUMENTS)
_VIDEO = re.compile(rf"Vid_(?P<piece>.+?)(?P<codes>(_({_CODES}))+)\.mp4")
_SUFFIXES = {"AuSep": ".wav", "Notes": ".txt", "F0s": ".txt"}  # of each player's files
_OF_A_PLAYER = re.compile(r"(AuSep_.*\.wav|(Notes|F0s)_.*\.txt)")
_COPY_AGAIN = "copy the piece again from URMP's archive"

PIECES = 44  # number of URMP's pieces, which are numbered from 1
# Number of players, and how many such pieces URMP has.
SIZES = {
    "duets": (2, 11),
    "trios": (3, 12),
    "quartets": (4, 14),
    "quintets": (5, 7),
}
# (piece, player): the one player in URMP whose own files name another instrument (tpt) than the piece does (tbn).
MISNAMED = ("15_Surprise", 3)


def read(root: Path, player_order: Mapping[str, list[int]] | None = None) -> tuple[list[Track], list[SetAside]]:
    """The tracks of a corpus in URMP's layout, sorted by folder and player, and the files that cannot be used.

    Args:
        player_order: a piece's name or number → its players' numbers from left to right. In other pieces the players
            sit in the order of their numbers.

    Raises:
        ParamsError: player_order names a piece that is not there, or does not name each of its players once.
    """
    tracks: list[Track] = []
    aside: list[SetAside] = []
    seen: dict[str, Path] = {}
    orders = dict(player_order or {})
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        names = sorted(path.name for path in folder.iterdir())
        videos = [match for match in map(_VIDEO.fullmatch, names) if match]
        belonging_to_players = {name for name in names if _OF_A_PLAYER.fullmatch(name)}
        if not videos and not any(name.startswith("AuSep_") for name in belonging_to_players):
            continue
        if not videos:
            what = "no video of the form Vid_<piece>_<instruments>.mp4 in it"
            aside.append(SetAside(relative(folder, root), what, _COPY_AGAIN))
            continue
        if len(videos) > 1:
            what = f"one of {len(videos)} videos in its folder, where one belongs"
            aside += [SetAside(relative(folder / video.string, root), what, "keep the right one") for video in videos]
            continue
        piece, video = videos[0]["piece"], folder / videos[0].string
        if piece in seen:
            what = f"holds the piece of {relative(seen[piece], root)} again"
            aside.append(SetAside(relative(folder, root), what, "delete one of the two"))
            continue
        seen[piece] = folder
        codes = _codes(piece, videos[0]["codes"].strip("_").split("_"), belonging_to_players)
        places = _places(piece, len(codes), orders)
        if bad_video := unusable(video, root, picture=True):
            aside.append(bad_video)
            continue
        parts = {f"{player}_{code}_{piece}" for player, code in enumerate(codes, start=1)}
        for stray in sorted(belonging_to_players - {_file(kind, part) for kind in _SUFFIXES for part in parts}):
            what = f"of no player in {video.name}"
            aside.append(SetAside(relative(folder / stray, root), what, "correct its name, or delete it"))
        for player in range(1, len(codes) + 1):
            found = _player(root, video, piece, player, codes, places[player - 1])
            if isinstance(found, Track):
                tracks.append(found)
            else:
                aside.append(found)
    if orders:
        key, order = orders.popitem()
        raise ParamsError(f"corpus.player_order.{key} = {order}: no piece of that name or number in {shown(root)}")
    return tracks, aside + _not_annotated(root, tracks)


def held(root: Path) -> tuple[str, bool]:
    """How much of URMP is there, in one line, and whether that is all of it. The names of its videos decide."""
    videos = [match for path in root.glob("*/Vid_*.mp4") if (match := _VIDEO.fullmatch(path.name))]
    players = {_number(video["piece"]): video["codes"].count("_") for video in videos}
    missing = [number for number in range(1, PIECES + 1) if number not in players]
    sizes = Counter(count for number, count in players.items() if number in range(1, PIECES + 1))
    counts = ", ".join(f"{sizes[size]} of {count} {name}" for name, (size, count) in SIZES.items())
    text = f"{PIECES - len(missing)} of URMP's {PIECES} pieces are in it ({counts})"
    text += f"; missing: {', '.join(f'{number:02d}' for number in missing)}" if missing else ""
    return text, all(sizes[size] == count for size, count in SIZES.values())


def _number(piece: str) -> int | None:
    """The number with which a piece's name begins."""
    digits = re.match(r"\d+", piece)
    return int(digits[0]) if digits else None


def _codes(piece: str, codes: list[str], names: set[str]) -> list[str]:
    """The players' instruments as the video's name gives them, corrected for the player in `MISNAMED`."""
    name, player = MISNAMED
    if piece == name and len(codes) >= player and _file("AuSep", f"{player}_tpt_{piece}") in names:
        return [*codes[: player - 1], "tpt", *codes[player:]]
    return codes


def _places(piece: str, players: int, orders: dict[str, list[int]]) -> list[int]:
    """Where each player sits, counted from 0 at the left. The entry of this piece is removed from `orders`."""
    for key in [key for key in orders if key == piece or (key.isdecimal() and int(key) == _number(piece))]:
        order = orders.pop(key)
        if sorted(order) != list(range(1, players + 1)):
            raise ParamsError(
                f"corpus.player_order.{key} = {order}: must name each of the players 1 to {players} of {piece} once"
            )
        return [order.index(player) for player in range(1, players + 1)]
    return list(range(players))


def _file(kind: str, part: str) -> str:
    return f"{kind}_{part}{_SUFFIXES[kind]}"


def _player(root: Path, video: Path, piece: str, player: int, codes: list[str], place: int) -> Track | SetAside:
    folder, code = video.parent, codes[player - 1]
    part = f"{player}_{code}_{piece}"
    sound = folder / _file("AuSep", part)
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
        left=place / len(codes),
        right=(place + 1) / len(codes),
        midi=_score(folder, piece, video.stem.replace("Vid_", "Sco_", 1)),
        part=player - 1,
        notes=_if_there(folder / _file("Notes", part)),
        f0s=_if_there(folder / _file("F0s", part)),
        joints=_if_there(folder / f"Joints_{part}.npy"),
    )


def _score(folder: Path, piece: str, like_the_video: str) -> Path | None:
    """The piece's score. Its name may hold other instruments than the video's name."""
    named = re.compile(rf"Sco_{re.escape(piece)}(_({_CODES}))+\.mid")
    scores = [path for path in folder.iterdir() if named.fullmatch(path.name)]
    return min(scores, key=lambda path: (path.stem != like_the_video, path.name), default=None)


def _not_annotated(root: Path, tracks: list[Track]) -> list[SetAside]:
    """One item for each annotation that a player lacks while others have theirs. If nobody has any, none is missing."""
    aside = []
    for kind, files in (("Notes", [t.notes for t in tracks]), ("F0s", [t.f0s for t in tracks])):
        for track, file in zip(tracks, files, strict=True):
            if file is None and any(files):
                name = track.audio.name.replace("AuSep_", f"{kind}_", 1).replace(".wav", _SUFFIXES[kind])
                what = "missing, though other players have theirs; its player is used without it"
                aside.append(SetAside(relative(track.audio.with_name(name), root), what, _COPY_AGAIN))
    return aside


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None
