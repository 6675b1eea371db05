"""What every corpus reader needs: safe names, and a check of a file from its header."""

import hashlib
import os
import re
from pathlib import Path

from pipeline.corpus.track import relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import FileError
from pipeline.media import probing

LONGEST_NAME = 100  # characters of a track's name; file systems allow 255 bytes, and suffixes are added


def safe_name(text: str) -> str:
    """The text with only ASCII letters, digits, dot, dash and underscore, so that it can be part of any file's name.

    A text that has to be changed gets a hash of the original at its end, so that different texts keep different names.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", text)[:LONGEST_NAME]
    if safe == text:
        return text
    return f"{safe}-{hashlib.sha256(os.fsencode(text)).hexdigest()[:8]}"


def is_utf8(path: str | Path) -> bool:
    """Whether a file's name is valid UTF-8. DVC and Parquet cannot store any other name."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def unusable(path: Path, root: Path, *, picture: bool = False, sound: bool = False) -> SetAside | None:
    """Why a file cannot be used, judged by its header alone; None if it looks fine.

    Args:
        picture, sound: whether the file must hold them.
    """
    try:
        probe = probing.probe(path)
        cut_off, break_s = probing.cut_off(path), probing.clock_break_s(path)
    except FileError as error:
        return SetAside(relative(path, root), error.what, "replace it with a whole copy, or delete it")
    if picture and sound and not (probe.has_video or probe.has_audio):
        what, advice = "neither picture nor sound in it", "replace it with a whole copy, or delete it"
    elif picture and not probe.has_video:
        what, advice = "no picture in it", "add the video, or move the sound out of the corpus"
    elif sound and not probe.has_audio:
        what, advice = "no sound in it", "add its sound, or move it out of the corpus"
    elif cut_off:
        what, advice = "cut off: it ends before its header says", "replace it with a whole copy, or delete it"
    elif break_s is not None:
        what, advice = probing.broken_clock(break_s)
    else:
        return None
    return SetAside(relative(path, root), what, advice)
