"""The one check for NaN and Inf: a ReLU would swallow them, for max(NaN, 0) is 0."""

from typing import Optional

import numpy as np


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
