"""Read ahead, compute side by side, write behind: threads around and in a loop.

HDF5 and TensorFlow let go of Python's lock while they work, so the disk and the
cores are busy at the same time. Order is kept, and so is the bound on memory: a
few items wait at either end.
"""

import contextlib
import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor

WAITING = 1
_END = object()


def ahead(items, waiting=WAITING):
    """Pass items through, the next ones being made in a thread.

    Parameters
    ----------
    items : iterable
        Its errors are raised here, in the place of the item.
    waiting : int
        Most items that are made before they are asked for.

    Yields
    ------
    object
        The items, in order.
    """
    items = iter(items)
    with ThreadPoolExecutor(1) as reader:
        coming = deque(reader.submit(next, items, _END) for _ in range(waiting))
        while True:
            item = coming.popleft().result()
            if item is _END:
                return
            coming.append(reader.submit(next, items, _END))
            yield item


def side_by_side(function, items, workers=2):
    """Apply a function to items, several at a time; the results come in order.

    One run of a graph leaves a core idle here and there, which another run fills.

    Parameters
    ----------
    function : callable
        Of one item. Its errors are raised here, in the place of the result.
    items : iterable
    workers : int
        Most items at work; one more waits.

    Yields
    ------
    object
        What `function` gives.
    """
    items = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        at_work = deque(pool.submit(function, item) for item in itertools.islice(items, workers))
        while at_work:
            at_work.extend(pool.submit(function, item) for item in itertools.islice(items, 1))
            yield at_work.popleft().result()


@contextlib.contextmanager
def behind(function, waiting=WAITING):
    """Give a function whose calls return at once and are made in order by a thread.

    Parameters
    ----------
    function : callable
        What it returns is lost. An error is raised by a later call, or on leaving.
    waiting : int
        Most calls that wait; one more blocks.

    Yields
    ------
    callable
    """
    with ThreadPoolExecutor(1) as writer:
        calls: deque = deque()

        def later(*args, **kwargs):
            while len(calls) >= waiting:
                calls.popleft().result()
            calls.append(writer.submit(function, *args, **kwargs))

        yield later
        while calls:
            calls.popleft().result()
