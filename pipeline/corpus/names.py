"""File names that DVC cannot store: `python -m pipeline.corpus.names` names them before a run.

DVC 3.67 stops at a name that is not UTF-8 anywhere in a folder that a stage depends on, and does not say which it is.
"""

import os
import sys
from pathlib import Path

from pipeline import params
from pipeline.media import shown


def unstorable(root: Path) -> list[Path]:
    """Files and folders under root whose names are not UTF-8, sorted."""
    found = [Path(folder) / name for folder, folders, files in os.walk(root) for name in (*folders, *files)]
    return sorted(path for path in found if not _is_utf8(path.name))


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def main() -> None:
    try:
        root = Path(params.load().corpus.root)
    except params.ParamsError as error:
        sys.exit(f"error: {error}")
    for path in (bad := unstorable(root)):
        print(f"error: {shown(path)}: its name is not UTF-8, and DVC cannot store it; rename it", file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
