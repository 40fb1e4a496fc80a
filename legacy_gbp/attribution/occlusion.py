"""Occlusion: how far the logit falls when a window of the image is covered.

The window slides over every position at which it lies wholly inside the image,
by the stride; where the stride does not end at the border, one more position
does, so that every pixel is covered. A pixel gets the sum of the falls of all
windows over it: at a stride of 1 an inner pixel has more windows over it than
one at the border.
"""

import functools
import itertools

import numpy as np

from legacy_gbp.attribution.multi_input import baseline_like, floating
from legacy_gbp.attribution.target import explained, seeded
from legacy_gbp.errors import InputError


def occlusion(net, images, target="predicted", window=16, stride=None, baseline=0.0):
    """Occlusion maps of a logit.

    One run of N images for each position of the window.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) or (N, features) array, or a tuple of arrays
        Several inputs are covered one after the other, the rest left as it is.
    target
        See :func:`legacy_gbp.attribution.target.seeded`. What is predicted is
        what is predicted for `images`.
    window : int, or a pair (rows, columns)
        In pixels, over all channels; one wider than the input covers all of it.
    stride : int or pair, optional
        In pixels; half the window by default.
    baseline : float, array, or tuple of arrays
        What covers; see :func:`legacy_gbp.attribution.multi_input.baseline_like`.

    Returns
    -------
    Maps like `images`
        Signed, in logits: positive where the logit needs the pixel. The same in
        all channels.

    Raises
    ------
    InputError

    References
    ----------
    M. D. Zeiler, R. Fergus, arXiv:1311.2901 (2013).
    """
    model, seeds = seeded(net, "gradient", images, target)
    covers = baseline_like(images, baseline)
    before = explained(model, images, seeds)

    def fall(changed):
        return before - explained(model, changed, seeds)

    if not isinstance(images, tuple):
        return _map(fall, images, covers, window, stride)
    return tuple(
        _map(functools.partial(_fall_of_one, fall, images, k), images[k], covers[k], window, stride)
        for k in range(len(images))
    )


def _fall_of_one(fall, images, k, changed):
    return fall((*images[:k], changed, *images[k + 1 :]))


def _map(fall, image, cover, window, stride):
    """Sum of the falls (N,) over the windows on each pixel."""
    image = floating(image)
    maps = np.zeros(image.shape)
    for place in _places(image.shape, window, stride):
        changed = image.copy()
        changed[place] = cover[place]
        fallen = fall(changed)
        maps[place] += fallen.reshape((-1,) + (1,) * (image.ndim - 1))
    return maps.astype(fallen.dtype)


def _places(shape, window, stride):
    """Index of every position of the window, over all images and channels."""
    sizes = shape[1:-1] or shape[1:]
    windows = _per_axis(window, sizes, "window")
    if stride is None:
        stride = tuple(max(size // 2, 1) for size in windows)
    strides = _per_axis(stride, sizes, "stride")
    for slices in itertools.product(*map(_slices, sizes, windows, strides)):
        yield (slice(None), *slices)


def _slices(size, window, stride):
    window = min(window, size)
    starts = [*range(0, size - window, stride), size - window]
    return [slice(start, start + window) for start in starts]


def _per_axis(value, sizes, name):
    values = tuple(value) if np.ndim(value) else (value,) * len(sizes)
    if len(values) != len(sizes) or min(values) < 1:
        raise InputError(
            f"occlusion {name} {value} on an input of {len(sizes)} axes {tuple(sizes)}; give one "
            "number, or one for each axis, all 1 or more"
        )
    return values
