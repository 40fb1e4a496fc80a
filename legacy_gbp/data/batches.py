"""Shots in batches: in order, or shuffled with bounded memory.

Images can be read one by one but cheaper together. The shuffle draws one
permutation of *all* shots, cuts it into windows, and reads a window at a time
in file order: every permutation of the epoch is equally likely, and memory
holds one window however many shots there are.
"""

import numpy as np

WINDOW_SHOTS = 512  # 106 MB of int16 images


def in_order(shots, batch_size, indices=None):
    """Yield every shot once, the last batch possibly shorter.

    Parameters
    ----------
    shots : FileShots or ArrayShots
    batch_size : int
    indices : (m,) int, optional
        Which shots; all by default.

    Yields
    ------
    indices : (b,) int64
    images : (b, 363, 284, 1)
    """
    indices = np.arange(len(shots)) if indices is None else np.asarray(indices)
    for start in range(0, len(indices), batch_size):
        chosen = indices[start : start + batch_size]
        yield chosen, shots.read(chosen)


def file_by_file(shots, batch_size):
    """Yield every shot once, as :func:`in_order`, but no batch from two files.

    So a file gives the same bits whether it is read alone or among others.

    Parameters
    ----------
    shots : FileShots
    batch_size : int

    Yields
    ------
    indices : (b,) int64
    images : (b, 363, 284, 1)
    """
    for number in np.unique(shots.files):
        yield from in_order(shots, batch_size, np.nonzero(shots.files == number)[0])


def count_file_by_file(shots, batch_size):
    """Number of batches of :func:`file_by_file`."""
    return int(np.sum(-(-np.bincount(shots.files) // batch_size)))


def shuffled(shots, batch_size, rng, window_shots=WINDOW_SHOTS, first=0):
    """Yield one epoch in random order; an incomplete last batch is dropped.

    Parameters
    ----------
    shots : FileShots or ArrayShots
    batch_size : int
    rng : numpy.random.RandomState
        Its stream is frozen across NumPy versions, so a seed gives the same
        order everywhere.
    window_shots : int
        Most images held at a time (rounded down to whole batches, one at least).
    first : int
        Batches to leave out; they are drawn but not read.

    Yields
    ------
    indices : (batch_size,) int64
    images : (batch_size, 363, 284, 1)
    """
    order = rng.permutation(len(shots))
    order = order[first * batch_size : len(order) - len(order) % batch_size]
    window_shots = max(window_shots - window_shots % batch_size, batch_size)
    for window in np.split(order, range(window_shots, len(order), window_shots)):
        images = shots.read(window)
        for start in range(0, len(window), batch_size):
            part = slice(start, start + batch_size)
            yield window[part], images[part].copy()  # a view would keep the window alive
        del images  # before the next one is read


class Epochs:
    """Shuffled epochs that can be entered again at any batch.

    Parameters
    ----------
    shots : FileShots or ArrayShots
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

    def __init__(self, shots, batch_size, epochs, rng, epoch=0, batch=0):
        self._shots, self._batch_size, self._epochs, self._rng = shots, batch_size, epochs, rng
        self._epoch, self._first = epoch, batch
        self.rng_state = rng.get_state()

    def __iter__(self):
        """Yield epoch, batch, indices, images."""
        first = self._first
        for epoch in range(self._epoch, self._epochs):
            self.rng_state = self._rng.get_state()
            batches = shuffled(self._shots, self._batch_size, self._rng, first=first)
            for batch, (indices, images) in enumerate(batches, first):
                yield epoch, batch, indices, images
            first = 0


def one_hot(labels, classes):
    """(n,) labels 0..classes-1 as (n, classes) float32 rows."""
    return np.eye(classes, dtype=np.float32)[labels]
