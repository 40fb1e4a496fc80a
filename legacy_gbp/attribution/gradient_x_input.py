"""Gradient times input: what each pixel adds to a network that were linear."""

from typing import Any

import numpy as np

from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.multi_input import ImagesT, each
from legacy_gbp.attribution.network import Network


def gradient_x_input(net: Network, images: ImagesT, target: Any = "predicted") -> ImagesT:
    """Return the gradient of a logit times the image.

    For a logit F and an image x the map of pixel i is x_i dF/dx_i. For a network of ReLUs and
    max-pools without biases the map's sum is the logit.

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

    Returns
    -------
    (N, H, W, C) float array, or a tuple of arrays
        Signed, in logits.

    Raises
    ------
    InputError
        For a class or unit that does not exist.

    Examples
    --------
    >>> maps = gradient_x_input(net, images)  # doctest: +SKIP

    References
    ----------
    A. Shrikumar, P. Greenside, A. Shcherbina, A. Kundaje, arXiv:1605.01713 (2016).
    """
    maps: ImagesT = each(_product, gradient(net, images, target), images)
    return maps


def _product(gradients: np.ndarray, image: Any) -> np.ndarray:
    return np.asarray(gradients * np.asarray(image, gradients.dtype))
