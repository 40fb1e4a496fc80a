"""Progress of long work: a bar at a terminal, plain flushed lines in a log."""

import sys
import time

SECONDS_BETWEEN_LINES = 30


def say(line):
    """Print one line on stdout, flushed, without tearing a bar that stands below."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()
    else:
        print(line, flush=True)


def progress(iterable, total, what):
    """Pass items through, showing how far they are.

    Parameters
    ----------
    iterable : iterable
    total : int
        Number of items.
    what : str
        Shown in front.

    Yields
    ------
    object
        The items of `iterable`.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(iterable, total=total, desc=what, file=sys.stderr, leave=False)
        return
    last = time.monotonic()
    for number, item in enumerate(iterable, 1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"-- {what}: {number} of {total}")
