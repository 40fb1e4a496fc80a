"""What a command that reads files of strangers may take: time and memory."""

import contextlib
import os
from typing import Any, Dict, List, NamedTuple, Optional

from legacy_gbp.cli import option_types
from legacy_gbp.cli.memory import free_bytes
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import shortened
from legacy_gbp.io.atomic import remove_stale

HOUR = 3600.0
SHARE_OF_FREE = 0.9

# The commands that read files of strangers, and how many seconds they take at most: inspect,
# merge, selftest and show are soon done, the others work as long as there is work.
SECONDS: Dict[str, Optional[float]] = {
    "explain": None,
    "gbprop": None,
    "inspect": HOUR,
    "merge": HOUR,
    "predict": None,
    "selftest": HOUR,
    "show": HOUR,
}
# Which options name files that a command writes: a file, or the start of the names of pages.
WRITTEN = ("output", "figure")
# Which options name the files that a command reads.
READ = ("model", "file", "files", "parts", "images", "checkpoint", "data_dir")


class Limits(NamedTuple):
    """What a command may take.

    Attributes
    ----------
    seconds : float or None
        None for no limit.
    nbytes : int or None
        Of memory; None where there is no limit, as the system does not tell what is free.
    """

    seconds: Optional[float] = None
    nbytes: Optional[int] = None


def add_limit_arguments(parser: Parser, command: str) -> None:
    """Add the limits of a command that reads files of strangers; none to the others.

    Parameters
    ----------
    parser : Parser
    command : str
        Its name.
    """
    if command not in SECONDS:
        return
    seconds = SECONDS[command]
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=option_types.positive_number,
        default=seconds,
        help=f"end it after this time ({'none' if seconds is None else f'{seconds:.0f}'})",
    )
    parser.add_argument(
        "--memory-limit",
        metavar="GB",
        type=option_types.positive_number,
        help="end it when it takes more memory (90 %% of what is free when it starts)",
    )
    parser.add_argument(
        "--traceback",
        action="store_true",
        help="let Python print where an unexpected error happened",
    )


def limits_of(options: Options) -> Optional[Limits]:
    """Return the limits of a command.

    Parameters
    ----------
    options : Options

    Returns
    -------
    Limits or None
        None for a command that reads no files of strangers.
    """
    if not hasattr(options, "memory_limit"):
        return None
    if options.memory_limit is not None:
        return Limits(options.time_limit, int(options.memory_limit * 1e9))
    free = free_bytes()
    return Limits(options.time_limit, None if free is None else int(SHARE_OF_FREE * free))


def files_read(options: Options) -> str:
    """Return the names of the files that a command was given to read, for a message.

    Parameters
    ----------
    options : Options

    Returns
    -------
    str
        Such as ``"frozen.pb, cat.png"``.
    """
    names: List[str] = []
    for option in READ:
        value: Any = getattr(options, option, None)
        names += [value] if isinstance(value, str) else value or []
    return shortened(names, 3) or "the files it reads"


def remove_unfinished(options: Options) -> None:
    """Remove the temporary files of a command that was killed.

    Parameters
    ----------
    options : Options
    """
    places = [getattr(options, name, None) for name in WRITTEN]
    starts = [os.path.split(os.path.abspath(place)) for place in places if place]
    if getattr(options, "output_dir", None):
        starts.append((os.path.abspath(options.output_dir), ""))
    for folder, start in starts:
        with contextlib.suppress(OSError):
            remove_stale(folder, start)
