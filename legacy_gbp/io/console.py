"""Progress of long work: a bar at a terminal, plain flushed lines in a log."""

import sys
import time
from typing import Iterable, Iterator, TypeVar

SECONDS_BETWEEN_LINES = 30

Item = TypeVar("Item")


def print_line(line: str) -> None:
    """Print one line on stdout, flushed, without tearing the progress bar below it.

    Parameters
    ----------
    line : str
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()
    else:
        print(line, flush=True)


def progress(items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
    """Pass items through and show how many have passed.

    Parameters
    ----------
    items : iterable
    total : int
        Number of items.
    title : str

    Yields
    ------
    object
        The items.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=title, file=sys.stderr, leave=False)
        return
    last = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print_line(f"-- {title}: {number} of {total}")
