"""What a user is told when a run or a file stops."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

WHOLE_COPY = "replace it with a whole copy, or delete it"


class ParamsError(ValueError):
    """A parameter that cannot be used: its key, its value and what is allowed, in one line."""


class NothingLeft(ValueError):
    """Every track was set aside, or there was none. The message ends in what to do."""


class FileError(ValueError):
    """A file that cannot be used as asked. The message names the file and says what is wrong.

    Attributes:
        file: as it was given.
        what: what is wrong with it.
        advice: what the user can do.
    """

    def __init__(self, file: str | Path, what: str, advice: str = WHOLE_COPY) -> None:
        super().__init__(file, what, advice)  # all of them, so that a worker's error can be pickled
        self.file, self.what, self.advice = file, what, advice

    def __str__(self) -> str:
        return f"{shown(self.file)}: {self.what}"


def shown(path: str | Path) -> str:
    """A path as text that any terminal and file can take, even where the file's name is no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def run(main: Callable[..., None]) -> None:
    """Run a stage's main with what stands on the command line: the name of a variant, or nothing.

    What the user can mend is one line on stderr and exit code 1, never a traceback. Broken input never comes this far: it is
    set aside track by track, and `NothingLeft` says when that was all.
    """
    try:
        main(*sys.argv[1:])
    except (ParamsError, NothingLeft) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to go on")
