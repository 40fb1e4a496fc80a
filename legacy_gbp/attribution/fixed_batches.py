"""Run a graph that was exported for one batch size on any number of images."""

from typing import Any, Callable, Dict, List, Optional

import numpy as np


def in_fixed_batches(
    run: Callable[[Dict[Any, np.ndarray]], Any],
    arrays: Dict[Any, np.ndarray],
    size: Optional[int] = None,
) -> Any:
    """Cut arrays into batches of the size that the graph asks for.

    Parameters
    ----------
    run : callable
        Takes a dict like `arrays`; returns an array, or a list of arrays.
    arrays : dict of tf.Tensor to (N, ...) array
        The first tensor's own batch size, where it has one, is used: the last
        batch is filled up with its last image.
    size : int, optional
        The batch size of the graph, where the tensor does not say it.

    Returns
    -------
    array or list of arrays
        What `run` returns, for N images.
    """
    shape = next(iter(arrays)).shape
    size = (shape.as_list()[0] if shape.rank else None) or size
    count = len(next(iter(arrays.values())))
    if size is None or size == count or not count:
        return run(arrays)
    batches: List[Any] = []
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        batches.append(run({t: np.asarray(array)[rows] for t, array in arrays.items()}))
    if isinstance(batches[0], (list, tuple)):
        return [np.concatenate(parts)[:count] for parts in zip(*batches)]
    return np.concatenate(batches)[:count]
