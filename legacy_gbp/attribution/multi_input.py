"""The same arithmetic for one input and for several."""

import numpy as np

from legacy_gbp.errors import InputError


def each(function, *values):
    """Apply a function input by input.

    Parameters
    ----------
    function : callable
        Of as many arrays as there are values.
    *values : array, or tuple of arrays for a network of several inputs

    Returns
    -------
    What the function gives, in a tuple if the first value is one.
    """
    if isinstance(values[0], tuple):
        return tuple(function(*parts) for parts in zip(*values))
    return function(*values)


def floating(image):
    """The images in floating point: camera counts are integers, and uint8 would wrap."""
    image = np.asarray(image)
    return image if image.dtype.kind == "f" else image.astype(np.float64)


def baseline_like(images, baseline):
    """A baseline of the shape of the images.

    Parameters
    ----------
    images : (N, ...) array, or tuple of arrays
    baseline : float, array, or tuple of arrays
        One value; an image for all; an image for each; for several inputs a
        tuple, or one value for all.

    Returns
    -------
    Floating-point array or tuple like `images`, read-only.

    Raises
    ------
    InputError
    """
    if isinstance(images, tuple):
        parts = baseline if isinstance(baseline, tuple) else (baseline,) * len(images)
        if len(parts) != len(images):
            raise InputError(f"{len(parts)} baselines for {len(images)} inputs; give one for each")
        return each(_baseline_of_one, images, parts)
    return _baseline_of_one(images, baseline)


def _baseline_of_one(image, baseline):
    image = floating(image)
    baseline = np.asarray(baseline, image.dtype)
    try:
        return np.broadcast_to(baseline, image.shape)
    except ValueError:
        raise InputError(
            f"baseline of shape {baseline.shape} does not fit images of shape {image.shape}; give "
            f"one value, or an array of shape {image.shape[1:]} or {image.shape}"
        ) from None
