"""The stages of dvc.yaml, a module each: read the parameters, call the library, write the outs."""

import sys
from collections.abc import Callable

from pipeline.params import ParamsError
from pipeline.set_aside import NothingLeft


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
