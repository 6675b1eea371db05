"""DVC stops at a name that is not UTF-8 without saying which; `make repro` names it first."""

import os
from pathlib import Path

from pipeline.commands.file_names import unstorable


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    (tmp_path / "séance").mkdir()
    (tmp_path / "séance" / "naïve.mp4").touch()
    bad = Path(os.fsdecode(os.fsencode(tmp_path / "séance") + b"/na\xffve.mp4"))
    bad.touch()
    assert unstorable(tmp_path) == [bad]
