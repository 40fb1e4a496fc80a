"""Read ahead and write behind: a thread at either end of a loop that computes.

HDF5 and TensorFlow let go of Python's lock while they work, so the disk and the
cores are busy at the same time. Order is kept, and so is the bound on memory: a
few items wait at either end.
"""

import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor

WAITING = 2
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
