"""The line that a command prints where no reader foresaw what a file did."""

import os
import traceback
from typing import TYPE_CHECKING, Optional

from legacy_gbp.cli.limits import Limits, files_read
from legacy_gbp.cli.memory import address_limit
from legacy_gbp.cli.parser import Options
from legacy_gbp.errors import first_line

if TYPE_CHECKING:
    from legacy_gbp.cli.supervisor import End

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LESS_MEMORY = "give a smaller `batch_size`, or use a machine with more memory"
NO_SMALLER = "use a machine with more memory"
DO_NOT_TRUST = "it is damaged, or was made to do this: do not trust it"


def what_went_wrong(options: Options, error: BaseException) -> str:
    """Return the line for an exception that no reader turned into advice.

    Parameters
    ----------
    options : Options
    error : BaseException

    Returns
    -------
    str
    """
    files = files_read(options)
    if isinstance(error, MemoryError):
        remedy = LESS_MEMORY if hasattr(options, "batch_size") else NO_SMALLER
        return f"{files}: there is not enough memory for it; {remedy}"
    if isinstance(error, RecursionError):
        return f"{files}: nested too deeply; {DO_NOT_TRUST}"
    why = type(error).__name__
    if str(error):
        why += f": {first_line(error)}"
    return (
        f"{files}: cannot be read ({why}, {_place(error)}); {DO_NOT_TRUST}; if it is good, report "
        "what --traceback prints"
    )


def what_ended_it(options: Options, limits: Limits, end: "End") -> Optional[str]:
    """Return the line for what ended a supervised command from outside.

    Parameters
    ----------
    options : Options
    limits : Limits
    end : End

    Returns
    -------
    str or None
        None for a command that ended by itself, or by a signal that somebody sent.
    """
    files = files_read(options)
    if end.limit == "time":
        return (
            f"{files}: not finished after {limits.seconds:g} s; raise `time_limit` where the file "
            "is your own"
        )
    if end.limit == "memory":
        smaller = "give a smaller `batch_size`, or raise" if "batch_size" in options else "raise"
        return (
            f"{files}: takes more than {(limits.nbytes or 0) / 1e9:.3g} GB of memory; {smaller} "
            "`memory_limit` where the file is your own"
        )
    if end.limit == "kernel":
        remedy = LESS_MEMORY if "batch_size" in options else NO_SMALLER
        return f"{files}: the system ended this for want of memory; {remedy}"
    if end.crash is None:
        return None
    words = f", {end.words}" if end.words else ""
    limit = address_limit()
    if limit is not None:  # native code does not survive a lack of memory
        smaller = "give a smaller `batch_size`, or raise" if "batch_size" in options else "raise"
        return (
            f"{files}: crashed TensorFlow or HDF5 ({end.crash}{words}), where `ulimit -v` leaves "
            f"{limit / 1e9:.3g} GB of memory; {smaller} that limit"
        )
    return (
        f"{files}: crashed TensorFlow or HDF5 ({end.crash}{words}); {DO_NOT_TRUST}; if it is good, "
        "report it"
    )


def _place(error: BaseException) -> str:
    """Return where in this package the exception was raised or passed through last."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(PACKAGE + os.sep)]
    if not ours:
        return "no place known"
    return f"{os.path.relpath(ours[-1].filename, PACKAGE)} line {ours[-1].lineno}"
