"""Occlusion: how far the logit falls when a window of the image is covered."""

import functools
import itertools
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from legacy_gbp.attribution.multi_input import Images, ImagesT, baseline_like, floating
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import explained_value, seeded
from legacy_gbp.errors import InputError
from legacy_gbp.graph.layout import layout_of_input

PerAxis = Union[int, Sequence[int]]


def occlusion(
    net: Network,
    images: ImagesT,
    target: Any = "predicted",
    window: PerAxis = 16,
    stride: Optional[PerAxis] = None,
    baseline: Any = 0.0,
) -> ImagesT:
    """Return occlusion maps of a logit.

    The window takes every position inside the image, by the stride; where the stride does not
    end at the border, one more position does, so that every pixel is covered. A pixel gets the
    sum of the falls of all windows over it: at a stride of 1 an inner pixel has more windows
    over it than one at the border. Each position is one run of N images.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) float array, or a tuple of arrays for a network of several inputs
        As the network takes them; see :meth:`legacy_gbp.Network.prepare`.
    target : int, array, str, Unit, Ranked, Difference or Layer
        A class for all images; (N,) integers, a class for each; "predicted", the largest unit
        of each; "mean", of all units; a unit by its place or its rank; a class less another
        one; (K,) or (N, ...) floats, weights or seeds of the output; a hidden layer, its
        channel or one of its units.
        The prediction is that for `images`. Several inputs are covered one after the other.
    window : int, or a pair (rows, columns)
        In pixels, over all channels; one wider than the input covers all of it. The axis of
        the channels is read from the graph, see :mod:`legacy_gbp.graph.layout`.
    stride : int or pair, optional
        In pixels; half the window by default.
    baseline : float, array, or tuple of arrays
        What covers: one value, an image for all, or an image for each.

    Returns
    -------
    (N, H, W, C) float array, or a tuple of arrays
        Signed, in logits: positive where the logit needs the pixel. The same in
        all channels.

    Raises
    ------
    InputError
        For a window or stride that does not fit, or a baseline of another shape.

    Examples
    --------
    >>> maps = occlusion(net, images, window=(8, 8), stride=4)  # doctest: +SKIP

    References
    ----------
    M. D. Zeiler, R. Fergus, arXiv:1311.2901 (2013).
    """
    graph, seeds = seeded(net, "gradient", images, target)
    covers = baseline_like(images, baseline)
    before = explained_value(graph, images, seeds)

    def fall(changed: Images) -> np.ndarray:
        return np.asarray(before - explained_value(graph, changed, seeds))

    input_ts = graph.endpoints.input_ts
    if not isinstance(images, tuple):
        axes = layout_of_input(input_ts[0], np.ndim(images)).places
        return _map(fall, images, np.asarray(covers), _Windows(axes, window, stride))
    several: Tuple[np.ndarray, ...] = images
    maps = []
    for k, (image, input_t) in enumerate(zip(several, input_ts)):
        windows = _Windows(layout_of_input(input_t, np.ndim(image)).places, window, stride)
        fall_of_one = functools.partial(_fall_of_one, fall, several, k)
        maps.append(_map(fall_of_one, image, covers[k], windows))
    return tuple(maps)


class _Windows(NamedTuple):
    """The axes that the window slides over, its size and its stride."""

    axes: Tuple[int, ...]
    window: PerAxis
    stride: Optional[PerAxis]


def _fall_of_one(
    fall: Callable[[Images], np.ndarray], images: Any, k: int, changed: np.ndarray
) -> np.ndarray:
    return fall((*images[:k], changed, *images[k + 1 :]))


def _map(
    fall: Callable[[Any], np.ndarray],
    image: np.ndarray,
    cover: np.ndarray,
    windows: _Windows,
) -> np.ndarray:
    """Sum of the falls (N,) over the windows on each pixel."""
    image = floating(image)
    maps = np.zeros(image.shape)
    dtype = image.dtype
    for place in _places(image.shape, windows):
        changed = image.copy()
        changed[place] = cover[place]
        fallen = fall(changed)
        dtype = fallen.dtype
        maps[place] += fallen.reshape((-1,) + (1,) * (image.ndim - 1))
    return maps.astype(dtype)


def _places(shape: Tuple[int, ...], windows: _Windows) -> Iterator[Tuple[slice, ...]]:
    """Index of every position of the window, over all images and channels."""
    axes = windows.axes or tuple(range(1, len(shape)))  # features have no places
    sizes = tuple(shape[axis] for axis in axes)
    widths = _per_axis(windows.window, sizes, "window")
    halves = tuple(max(width // 2, 1) for width in widths)
    strides = halves if windows.stride is None else _per_axis(windows.stride, sizes, "stride")
    for slices in itertools.product(*map(_slices, sizes, widths, strides)):
        place = [slice(None)] * len(shape)
        for axis, part in zip(axes, slices):
            place[axis] = part
        yield tuple(place)


def _slices(size: int, window: int, stride: int) -> List[slice]:
    window = min(window, size)
    starts = [*range(0, size - window, stride), size - window]
    return [slice(start, start + window) for start in starts]


def _per_axis(value: PerAxis, sizes: Tuple[int, ...], name: str) -> Tuple[int, ...]:
    values = (value,) * len(sizes) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(values) != len(sizes) or min(values) < 1:
        raise InputError(
            f"occlusion {name} {value} on an input of {len(sizes)} axes {tuple(sizes)}; give one "
            "number, or one for each axis, all 1 or more"
        )
    return values
