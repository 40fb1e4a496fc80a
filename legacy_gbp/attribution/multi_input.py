"""The same arithmetic for one input and for several."""

from typing import Any, Callable, Tuple, TypeVar, Union

import numpy as np

from legacy_gbp.errors import InputError

# An array, or a tuple of arrays for a network of several inputs.
Images = Union[np.ndarray, Tuple[np.ndarray, ...]]
ImagesT = TypeVar("ImagesT", np.ndarray, Tuple[np.ndarray, ...])
# Either, where it does not follow from the images.
Maps = Any


def each(function: Callable[..., Any], *values: Any) -> Any:
    """Apply a function input by input.

    Parameters
    ----------
    function : callable
        Takes as many arrays as there are values.
    *values : array, or tuple of arrays for a network of several inputs

    Returns
    -------
    object
        What the function returns, in a tuple if the first value is one.
    """
    if isinstance(values[0], tuple):
        return tuple(function(*parts) for parts in zip(*values))
    return function(*values)


def floating(image: Any) -> np.ndarray:
    """Return images in floating point: camera counts are integers, and uint8 would wrap.

    Parameters
    ----------
    image : array of any number type

    Returns
    -------
    array
        Integers become float64.
    """
    image = np.asarray(image)
    floats: np.ndarray = image if image.dtype.kind == "f" else image.astype(np.float64)
    return floats


def count_images(images: Images) -> int:
    """Return the number of images.

    Parameters
    ----------
    images : (N, ...) array, or tuple of arrays

    Returns
    -------
    int
        N.
    """
    return len(images[0] if isinstance(images, tuple) else images)


def baseline_like(images: Images, baseline: Any) -> Images:
    """Return a baseline of the shape of the images.

    Parameters
    ----------
    images : (N, ...) array, or tuple of arrays
    baseline : float, array, or tuple of arrays
        One value; an image for all; an image for each; for several inputs a
        tuple, or one value for all.

    Returns
    -------
    floating-point array or tuple of arrays
        Like `images`, read-only.

    Raises
    ------
    InputError
        For a baseline of another shape.
    """
    if isinstance(images, tuple):
        parts = baseline if isinstance(baseline, tuple) else (baseline,) * len(images)
        if len(parts) != len(images):
            raise InputError(f"{len(parts)} baselines for {len(images)} inputs; give one for each")
        return tuple(_baseline_of_one(*pair) for pair in zip(images, parts))
    return _baseline_of_one(images, baseline)


def _baseline_of_one(image: np.ndarray, baseline: Any) -> np.ndarray:
    image = floating(image)
    baseline = np.asarray(baseline, image.dtype)
    try:
        return np.broadcast_to(baseline, image.shape)
    except ValueError:
        raise InputError(
            f"baseline of shape {baseline.shape} does not fit images of shape {image.shape}; give "
            f"one value, or an array of shape {image.shape[1:]} or {image.shape}"
        ) from None
