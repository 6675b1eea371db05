"""Errors that a user can fix, and how they are reported."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

WHOLE_COPY = "replace it with a whole copy, or delete it"


class ParamsError(ValueError):
    """A parameter cannot be used. The message is one line: the key, the value and what is allowed."""


class NothingLeft(ValueError):
    """No track is left: there was none, or all were set aside. The message says what to do."""


class FileError(ValueError):
    """A file cannot be used. The message names the file and says what is wrong.

    Attributes:
        file: the path, as given.
        what: what is wrong with the file.
        advice: what the user can do.
    """

    def __init__(self, file: str | Path, what: str, advice: str = WHOLE_COPY) -> None:
        super().__init__(file, what, advice)  # all three, so that the error of a worker process can be pickled
        self.file, self.what, self.advice = file, what, advice

    def __str__(self) -> str:
        return f"{shown(self.file)}: {self.what}"


def shown(path: str | Path) -> str:
    """A path as text that can be printed and written anywhere, even if the file name is not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def run(main: Callable[..., None]) -> None:
    """Run the main function of a stage with the arguments of the command line: the name of a variant, or none.

    An error that the user can fix becomes one line on stderr and exit code 1, without a traceback. Broken tracks do not stop a
    run: each is set aside, and `NothingLeft` is raised if none remains.
    """
    try:
        main(*sys.argv[1:])
    except (ParamsError, NothingLeft) as error:
        sys.exit(f"error: {error}")
    except FileError as error:
        sys.exit(f"error: {error}; {error.advice}")
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to go on")
