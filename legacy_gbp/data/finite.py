"""The one check for NaN and Inf: a ReLU would swallow them, for max(NaN, 0) is 0."""

from typing import Callable, Optional

import numpy as np

from legacy_gbp.errors import InputError


def first_not_finite(values: np.ndarray) -> Optional[int]:
    """Return the first row that holds NaN or Inf.

    Parameters
    ----------
    values : (n, ...) array
        Of any number type; integers are always finite.

    Returns
    -------
    int or None
        None where all rows are finite.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "fc":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        flat = values.reshape(-1)
        if np.isfinite(np.dot(flat, flat)):  # NaN and Inf survive in a sum, which is cheaper
            return None
    rows = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    return None if rows.all() else int(np.argmin(rows))


def check_pixels(images: np.ndarray, dtype: np.dtype, describe: Callable[[int], str]) -> None:
    """Refuse an image whose pixels are no numbers in the type of the graph.

    Parameters
    ----------
    images : (n, ...) array
        Integers are always finite.
    dtype : dtype
        Of the graph's input.
    describe : callable
        ``describe(k)`` names image k, 0..n-1.

    Raises
    ------
    InputError
        For NaN, Inf, or more than `dtype` can hold.
    """
    if images.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        bad = first_not_finite(images.astype(dtype, copy=False))
    if bad is not None:
        raise InputError(
            f"{describe(bad)} holds NaN, Inf or more than {dtype.name} can; repair the image or "
            "leave it out"
        )
