"""Lists file names that DVC cannot store, before a run: `python -m pipeline.commands.file_names`.

DVC 3.67 stops if a name in a folder that a stage depends on is not UTF-8, and does not say which name.
"""

import os
import sys
from pathlib import Path

from pipeline import params
from pipeline.corpus.files import is_utf8
from pipeline.errors import ParamsError, shown


def unstorable(root: Path) -> list[Path]:
    """Files and folders under root whose names are not UTF-8, sorted."""
    found = [Path(folder) / name for folder, folders, files in os.walk(root) for name in (*folders, *files)]
    return sorted(path for path in found if not is_utf8(path.name))


def main() -> None:
    try:
        root = Path(params.load().corpus.root)
    except ParamsError as error:
        sys.exit(f"error: {error}")
    for path in (bad := unstorable(root)):
        print(f"error: {shown(path)}: its name is not UTF-8, and DVC cannot store it; rename it", file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
