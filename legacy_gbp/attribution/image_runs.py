"""Run a graph on N images: together, in batches of its own size, or one image at a time.

=================  ========================================================================
how                when
=================  ========================================================================
together           the graph leaves N open, and every value has N rows
in fixed batches   the graph was exported for one batch size
one at a time      a value has other than N rows: a single number for the batch, rows of
                   all images after one another, a kernel; or the input has no batch axis
=================  ========================================================================
"""

import contextlib
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from legacy_gbp.attribution.fixed_batches import in_fixed_batches
from legacy_gbp.errors import InputError

Arrays = Dict[Any, np.ndarray]
COLOURS = (1, 3)  # channels of a picture


class _NoRowEachError(Exception):
    """A value of a batch has other than a row for each image."""


class ImageRuns:
    """Runs of one graph, which learn from the first how its images must go in.

    Parameters
    ----------
    run : callable
        ``run(tensors, feeds)`` returns a value for each tensor.
    input_ts : sequence of tf.Tensor
        What is fed with images; integers in the place of the first count too.
    output_t : tf.Tensor
        What is explained. Its first axis says how many images the graph takes.
    shared_ts : sequence of tf.Tensor
        What does not depend on the images, such as the gradient of a kernel: without a batch
        axis.
    like_images_ts : sequence of tf.Tensor
        Gradients with the axes of the inputs.
    """

    def __init__(
        self,
        run: Callable[[List[Any], Arrays], List[np.ndarray]],
        input_ts: Sequence[Any],
        output_t: Any,
        shared_ts: Sequence[Any] = (),
        like_images_ts: Sequence[Any] = (),
    ) -> None:
        self._run, self._input_ts = run, tuple(input_ts)
        self._shared_ts, self._like_images_ts = tuple(shared_ts), tuple(like_images_ts)
        self.alone = bool(shared_ts) or output_t.shape.rank == 0
        rows = output_t.shape.as_list()[0] if output_t.shape.rank else None
        self._rows = rows if _first(self._input_ts[0]) is None else None
        self._is_probed = self._rows is None or self.alone

    def values(self, wanted_ts: Sequence[Any], images: Arrays) -> List[np.ndarray]:
        """Return values for N images.

        Parameters
        ----------
        wanted_ts : sequence of tf.Tensor
        images : dict of tf.Tensor to (N, ...) array
            Also seeds, a row for each image.

        Returns
        -------
        list of (N, ...) array

        Raises
        ------
        InputError
            When images must go in one at a time, and the graph takes several.
        """
        count = len(next(iter(images.values())))
        if any(_lacks_axis(t, rows) for t, rows in images.items() if not _is_in(t, self._input_ts)):
            self.alone = True  # seeds are rows of one image
        if not (self._is_probed or self._lacks_batch(images)):
            self._probe(wanted_ts, images)
        if not (self.alone or self._lacks_batch(images)):
            try:
                found: List[np.ndarray] = in_fixed_batches(
                    lambda fed: self._together(wanted_ts, fed), images, self._rows
                )
                return found
            except _NoRowEachError:
                self.alone = True
        self._check_single(images)
        if not count:
            raise InputError("images of shape (0, ...): there is none; give one or more")
        rows = [self._one(wanted_ts, images, k) for k in range(count)]
        return [np.stack(values) for values in zip(*rows)]

    def _together(self, wanted_ts: Sequence[Any], fed: Arrays) -> List[np.ndarray]:
        """Return values of a batch, where each has a row for each image."""
        values = self._run(list(wanted_ts), fed)
        count = len(next(iter(fed.values())))
        if not all(np.ndim(value) and len(value) == count for value in values):
            raise _NoRowEachError
        return values

    def _probe(self, wanted_ts: Sequence[Any], images: Arrays) -> None:
        """Find out whether the fixed number of rows of an output is that of the images."""
        with contextlib.suppress(InputError):
            values = self._run(list(wanted_ts), {t: row[:1] for t, row in images.items()})
            self.alone = any(np.shape(value)[:1] != (1,) for value in values) or self._rows == 1
        self._is_probed = True

    def _one(self, wanted_ts: Sequence[Any], images: Arrays, k: int) -> List[np.ndarray]:
        """Return the values for one image, without a batch axis."""
        lacks_batch = self._lacks_batch(images)
        fed = {t: _fed(t, np.asarray(values)[k : k + 1]) for t, values in images.items()}
        found = self._run(list(wanted_ts), fed)
        return [
            self._without_batch(t, np.asarray(value), lacks_batch)
            for t, value in zip(wanted_ts, found)
        ]

    def _without_batch(self, t: Any, value: np.ndarray, lacks_batch: bool) -> np.ndarray:
        kept = _is_in(t, self._shared_ts) or (lacks_batch and _is_in(t, self._like_images_ts))
        return value if kept or not value.ndim or len(value) != 1 else value[0]

    def _lacks_batch(self, images: Arrays) -> bool:
        """Whether the graph's inputs have an axis less than the images."""
        return any(
            _lacks_axis(t, values) for t, values in images.items() if _is_in(t, self._input_ts)
        )

    def _check_single(self, images: Arrays) -> None:
        if self._lacks_batch(images):
            return
        for t in self._input_ts:
            size = t.shape.as_list()[0] if t.shape.rank else None
            if size not in (None, 1):
                raise InputError(
                    f"the graph takes {size} images at a time, and what is explained, or a kernel, "
                    f"has no row for each of them; name an output whose first axis is {size}"
                )


def _first(t: Any) -> Any:
    return t.shape.as_list()[0] if t.shape.rank else None


def _fed(t: Any, row: np.ndarray) -> Any:
    """Return an image or a seed (1, ...) with as many axes as the graph takes."""
    return row[0] if _lacks_axis(t, row) else row


def _lacks_axis(t: Any, values: np.ndarray) -> bool:
    """Whether a tensor has an axis less than its values for several images."""
    return t.shape.rank is not None and np.ndim(values) == t.shape.rank + 1


def shape_of_image(input_t: Any, output_t: Any) -> Optional[Tuple[Optional[int], ...]]:
    """Return the shape of one image as a graph takes it, without the axis of a batch.

    Parameters
    ----------
    input_t, output_t : tf.Tensor

    Returns
    -------
    tuple of int or None, or None
        None for an unknown shape or an open size. It is the entire shape of an input of one
        axis, and of one of two or three axes where the graph makes a batch of 1 itself: its
        output has one row, of an input of another size.
    """
    if input_t.shape.rank is None:
        return None
    sizes: Tuple[Optional[int], ...] = tuple(input_t.shape.as_list())
    if len(sizes) == 1:
        return sizes
    is_one_image = sizes[0] is not None or (len(sizes) == 3 and sizes[-1] in COLOURS)
    if len(sizes) <= 3 and is_one_image and sizes[0] != 1 and _first(output_t) == 1:
        return sizes
    return sizes[1:]


def _is_in(t: Any, ts: Sequence[Any]) -> bool:
    return any(t is one for one in ts)
