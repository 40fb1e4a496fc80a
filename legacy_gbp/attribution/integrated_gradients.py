"""Integrated gradients: the mean gradient on the way from a baseline, times the way.

For a logit F, an image x and a baseline b, the map of pixel i is

    (x_i - b_i)  integral from 0 to 1 of  dF/dx_i (b + a (x - b))  da

and its sum over the pixels is F(x) - F(b): completeness. The integral is a
midpoint sum, whose error falls with the square of the number of steps where F
is smooth.
"""

import numpy as np

from legacy_gbp.attribution.multi_input import baseline_like, each, floating
from legacy_gbp.attribution.running_statistics import mean
from legacy_gbp.attribution.target import explained, seeded
from legacy_gbp.errors import InputError


def integrated_gradients(net, images, target="predicted", baseline=0.0, steps=50, rule="gradient"):
    """Integrated gradients of a logit.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) array, or a tuple of arrays for a network of several inputs
    target
        See :func:`legacy_gbp.attribution.target.seeded`. What is predicted is
        what is predicted for `images`, all along the way.
    baseline : float, array, or tuple of arrays
        Where the way begins; see :func:`legacy_gbp.attribution.multi_input.baseline_like`.
    steps : int
        Points on the way. Each is one run of N images, so that memory does not
        grow with the steps, and graphs of a fixed batch size serve.
    rule : str
        With another than ``"gradient"`` the maps are not complete.

    Returns
    -------
    Maps like `images`
        Signed, in logits.

    Raises
    ------
    InputError

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, arXiv:1703.01365 (2017).
    """
    if steps < 1:
        raise InputError(f"integrated gradients in {steps} steps; give 1 or more")
    model, seeds = seeded(net, rule, images, target)
    start = baseline_like(images, baseline)
    way = each(np.subtract, each(floating, images), start)
    gradients = (model.gradient(_point(start, way, k, steps), seeds) for k in range(steps))
    return each(_product, mean(gradients), way)


def completeness_error(net, images, target, maps, baseline=0.0):
    """Sum of each map less what it should be, F(image) - F(baseline).

    Parameters
    ----------
    net, images, target, baseline
        As they were for the maps.
    maps : array or tuple of arrays like `images`

    Returns
    -------
    (N,) float array
        Signed, in logits.
    """
    model, seeds = seeded(net, "gradient", images, target)
    start = baseline_like(images, baseline)
    difference = explained(model, images, seeds) - explained(model, start, seeds)
    parts = maps if isinstance(maps, tuple) else (maps,)
    return sum(np.sum(part, axis=tuple(range(1, part.ndim))) for part in parts) - difference


def _point(start, way, k, steps):
    """The middle of step k."""
    return each(lambda from_, by: from_ + by * ((k + 0.5) / steps), start, way)


def _product(gradients, way):
    return (gradients * way).astype(gradients.dtype)
