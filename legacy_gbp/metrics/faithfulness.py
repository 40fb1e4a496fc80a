"""Does a map explain what it says: the sum of a complete map is a difference of logits."""

from typing import Any

import numpy as np

from legacy_gbp.attribution.multi_input import Images, Maps, baseline_like
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import explained_value, seeded


def completeness_error(
    net: Network, images: Images, target: Any, maps: Maps, baseline: Any = 0.0
) -> np.ndarray:
    """Return the sum of each map less what it should be.

    For a logit F, an image x, a baseline b and a map m the error is
    sum_i m_i - (F(x) - F(b)).

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) array, or a tuple of arrays
    target : int, (N,) int array, str, (N, K) float array, or Layer
        As for the maps.
    maps : array or tuple of arrays
        Like `images`.
    baseline : float, array, or tuple of arrays
        As for the maps.

    Returns
    -------
    (N,) float array
        Signed, in logits.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, arXiv:1703.01365 (2017), proposition 1.
    """
    graph, seeds = seeded(net, "gradient", images, target)
    start = baseline_like(images, baseline)
    difference = explained_value(graph, images, seeds) - explained_value(graph, start, seeds)
    parts = maps if isinstance(maps, tuple) else (maps,)
    sums = sum(np.sum(part, axis=tuple(range(1, part.ndim))) for part in parts)
    return np.asarray(sums - difference)
