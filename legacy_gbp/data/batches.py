"""Shots in batches: in order, or shuffled with bounded memory.

Images can be read one by one but cheaper together. The shuffle draws one
permutation of *all* shots, cuts it into windows, and reads a window at a time
in file order: every permutation of the epoch is equally likely, and memory
holds one window however many shots there are.
"""

from typing import Any, Iterator, NamedTuple, Tuple

import numpy as np

from legacy_gbp.data.shots import FileShots, Shots

WINDOW_SHOTS = 512  # 106 MB of int16 images


class Batch(NamedTuple):
    """Some shots.

    Attributes
    ----------
    indices : (b,) int64 array
        Positions in their index.
    images : (b, 363, 284, 1) array
    """

    indices: np.ndarray
    images: np.ndarray


def in_order(shots: Shots, batch_size: int, indices: Any = None) -> Iterator[Batch]:
    """Yield every shot once; the last batch may be shorter.

    Parameters
    ----------
    shots : Shots
    batch_size : int
    indices : (m,) int array, optional
        Which shots; all by default.

    Yields
    ------
    Batch
    """
    indices = np.arange(len(shots)) if indices is None else np.asarray(indices)
    for start in range(0, len(indices), batch_size):
        chosen = indices[start : start + batch_size]
        yield Batch(chosen, shots.read(chosen))


def file_by_file(shots: FileShots, batch_size: int) -> Iterator[Batch]:
    """Yield every shot once; no batch takes shots of two files.

    So a file gives the same bits whether it is read alone or among others.

    Parameters
    ----------
    shots : FileShots
    batch_size : int

    Yields
    ------
    Batch
    """
    for number in np.unique(shots.files):
        yield from in_order(shots, batch_size, np.nonzero(shots.files == number)[0])


def count_file_by_file(shots: FileShots, batch_size: int) -> int:
    """Return the number of batches of :func:`file_by_file`.

    Parameters
    ----------
    shots : FileShots
    batch_size : int

    Returns
    -------
    int
    """
    return int(np.sum(-(-np.bincount(shots.files) // batch_size)))


def shuffled(
    shots: Shots,
    batch_size: int,
    rng: np.random.RandomState,
    window_shots: int = WINDOW_SHOTS,
    first: int = 0,
) -> Iterator[Batch]:
    """Yield one epoch in random order; an incomplete last batch is dropped.

    Parameters
    ----------
    shots : Shots
    batch_size : int
    rng : numpy.random.RandomState
        Its stream is frozen across NumPy versions, so a seed gives the same
        order everywhere.
    window_shots : int
        Most images in memory (rounded down to complete batches, one at least).
    first : int
        Batches to leave out; they are drawn but not read.

    Yields
    ------
    Batch
        Of `batch_size` shots.
    """
    order = rng.permutation(len(shots))
    order = order[first * batch_size : len(order) - len(order) % batch_size]
    window_shots = max(window_shots - window_shots % batch_size, batch_size)
    for window in np.split(order, range(window_shots, len(order), window_shots)):
        images = shots.read(window)
        for start in range(0, len(window), batch_size):
            part = slice(start, start + batch_size)
            yield Batch(window[part], images[part].copy())  # a view would keep the window alive
        del images  # before the next one is read


class Epochs:
    """Shuffled epochs that can be entered again at any batch.

    Parameters
    ----------
    shots : Shots
    batch_size, epochs : int
    rng : numpy.random.RandomState
        In the state before the shuffle of the first epoch.
    epoch, batch : int
        Where to begin.

    Attributes
    ----------
    rng_state : tuple
        ``rng.get_state()`` before the shuffle of the epoch at hand: with it and
        the number of batches done, the rest comes out the same.
    """

    def __init__(
        self,
        shots: Shots,
        batch_size: int,
        epochs: int,
        rng: np.random.RandomState,
        epoch: int = 0,
        batch: int = 0,
    ) -> None:
        self._shots, self._batch_size, self._epochs, self._rng = shots, batch_size, epochs, rng
        self._epoch, self._first = epoch, batch
        self.rng_state: Any = rng.get_state()

    def __iter__(self) -> Iterator[Tuple[int, int, Batch]]:
        """Yield epoch, number of the batch in it, batch."""
        first = self._first
        for epoch in range(self._epoch, self._epochs):
            self.rng_state = self._rng.get_state()
            batches = shuffled(self._shots, self._batch_size, self._rng, first=first)
            for number, batch in enumerate(batches, first):
                yield epoch, number, batch
            first = 0


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return labels as rows of 0 and 1.

    Parameters
    ----------
    labels : (n,) int array
        0..classes-1.
    classes : int

    Returns
    -------
    (n, classes) float32 array
    """
    rows: np.ndarray = np.eye(classes, dtype=np.float32)[labels]
    return rows
