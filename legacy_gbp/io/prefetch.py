"""Threads around a loop: prefetch its items, map several at a time, write in the background.

HDF5 and TensorFlow release Python's lock while they work, so the disk and the cores are
busy at the same time. The order is kept, and so is the bound on memory: a few items wait
at either end.
"""

import contextlib
import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Deque, Generator, Iterable, Iterator, TypeVar

WAITING = 1
_END = object()

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(items: Iterable[Item], waiting: int = WAITING) -> Generator[Item, None, None]:
    """Pass items through; a thread makes the next ones.

    Parameters
    ----------
    items : iterable
        Its errors are raised in the place of the item.
    waiting : int
        Most items that are made before they are asked for, 1 or more.

    Yields
    ------
    object
        The items, in order.
    """
    items = iter(items)
    with ThreadPoolExecutor(1) as reader:
        coming = deque(reader.submit(next, items, _END) for _ in range(waiting))
        while True:
            item: Any = coming.popleft().result()
            if item is _END:
                return
            coming.append(reader.submit(next, items, _END))
            yield item


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int = 2
) -> Generator[Result, None, None]:
    """Apply a function to several items at a time; yield the results in order.

    One run of a graph leaves cores idle, which another run fills.

    Parameters
    ----------
    function : callable
        Takes one item. Its errors are raised in the place of the result.
    items : iterable
    workers : int
        Most items at work, 1 or more; one more waits.

    Yields
    ------
    object
        The results.
    """
    items = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        running = deque(pool.submit(function, item) for item in itertools.islice(items, workers))
        while running:
            running.extend(pool.submit(function, item) for item in itertools.islice(items, 1))
            yield running.popleft().result()


@contextlib.contextmanager
def in_background(
    function: Callable[..., object], waiting: int = WAITING
) -> Iterator[Callable[..., None]]:
    """Yield a function whose calls return at once; a thread makes them in order.

    Parameters
    ----------
    function : callable
        Its result is dropped. Its error is raised by a later call, or on leaving.
    waiting : int
        Most calls that wait, 1 or more; one more blocks.

    Yields
    ------
    callable
        Takes the arguments of `function`.
    """
    with ThreadPoolExecutor(1) as writer:
        calls: Deque[Any] = deque()

        def call(*args: Any, **kwargs: Any) -> None:
            while len(calls) >= waiting:
                calls.popleft().result()
            calls.append(writer.submit(function, *args, **kwargs))

        yield call
        while calls:
            calls.popleft().result()
