"""The one check of weights: a ReLU would swallow NaN, for max(NaN, 0) is 0."""

from typing import Any, Optional

import numpy as np

SHORT_FLOATS = ("bfloat16", "float8")  # NumPy knows these by packages of TensorFlow alone


def not_finite(values: Any) -> Optional[str]:
    """Say whether an array holds NaN or Inf.

    Parameters
    ----------
    values : array
        Of any shape and type; integers and texts are always finite.

    Returns
    -------
    str or None
        ``"NaN"`` or ``"Inf"``, the worse of both; None where all values are finite.
    """
    values = np.asarray(values)
    if values.dtype.name.startswith(SHORT_FLOATS):
        values = values.astype(np.float32)
    if values.dtype.kind not in "fc":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # NaN and Inf survive in a sum, which is cheaper
            return None
    if np.isnan(values).any():
        return "NaN"
    return "Inf" if np.isinf(values).any() else None
