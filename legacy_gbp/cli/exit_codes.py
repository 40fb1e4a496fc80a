"""What a command exits with: the only table of exit codes."""

import os
import sys
from typing import Optional

from legacy_gbp.errors import LegacyGbpError, Stopped

DONE = 0
FAILED = 1  # a fault of the program where no file of a stranger is read: Python's traceback
REFUSED = 2  # one line on stderr says why, and what to do
STOPPED = 75  # EX_TEMPFAIL: a signal came; start it again
INTERRUPTED = 130  # by Control-C, or the reader of the output has left


def exit_code_of(error: Optional[BaseException]) -> int:
    """Return the exit code for how a command ended.

    Parameters
    ----------
    error : BaseException or None

    Returns
    -------
    int
    """
    if error is None:
        return DONE
    if isinstance(error, Stopped):
        return STOPPED
    if isinstance(error, (KeyboardInterrupt, BrokenPipeError)):
        return INTERRUPTED
    if isinstance(error, (LegacyGbpError, OSError)):
        return REFUSED
    return FAILED


def end_process(code: int) -> None:
    """End the process at once: it runs no destructors.

    Those of TensorFlow's servers wait for dead tasks. A process that only watched over its
    child has nothing to tidy.

    Parameters
    ----------
    code : int
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
