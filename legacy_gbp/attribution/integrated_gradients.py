"""Integrated gradients: the mean gradient on the path from a baseline, times the path."""

from typing import Any

import numpy as np

from legacy_gbp.attribution.multi_input import Images, ImagesT, baseline_like, each, floating
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.running_statistics import mean
from legacy_gbp.attribution.target import seeded
from legacy_gbp.errors import InputError


def integrated_gradients(
    net: Network,
    images: ImagesT,
    target: Any = "predicted",
    baseline: Any = 0.0,
    steps: int = 50,
    rule: str = "gradient",
) -> ImagesT:
    """Return integrated gradients of a logit.

    For a logit F, an image x and a baseline b, the map of pixel i is::

        (x_i - b_i)  integral from 0 to 1 of  dF/dx_i (b + a (x - b))  da

    and its sum over the pixels is F(x) - F(b): completeness. The integral is a
    midpoint sum, whose error falls with the square of the number of steps where F
    is smooth. :func:`legacy_gbp.metrics.faithfulness.completeness_error` measures it.

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
        The prediction is that for `images`, all along the path.
    baseline : float, array, or tuple of arrays
        Where the path begins: one value, an image for all, or an image for each.
    steps : int
        Points on the path, 1 or more. Each is one run of N images, so that memory does not
        grow with the steps, and graphs of a fixed batch size serve.
    rule : str
        With another than ``"gradient"`` the maps are not complete.

    Returns
    -------
    (N, H, W, C) float array, or a tuple of arrays
        Signed, in logits.

    Raises
    ------
    InputError
        For fewer steps than 1, or a baseline of another shape.

    Examples
    --------
    >>> maps = integrated_gradients(net, images, steps=100)  # doctest: +SKIP

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, arXiv:1703.01365 (2017).
    """
    if steps < 1:
        raise InputError(f"integrated gradients in {steps} steps; give `steps` of 1 or more")
    graph, seeds = seeded(net, rule, images, target)
    start = baseline_like(images, baseline)
    path = each(np.subtract, each(floating, images), start)
    gradients = (graph.gradient(_midpoint(start, path, k, steps), seeds) for k in range(steps))
    maps: ImagesT = each(_product, mean(gradients), path)
    return maps


def _midpoint(start: Images, path: Images, k: int, steps: int) -> Images:
    """Return the middle of interval k of the path."""
    point: Images = each(lambda begin, by: begin + by * ((k + 0.5) / steps), start, path)
    return point


def _product(gradients: np.ndarray, path: np.ndarray) -> np.ndarray:
    product: np.ndarray = (gradients * path).astype(gradients.dtype)
    return product
