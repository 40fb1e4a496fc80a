"""Guided Grad-CAM: the fine guided map, where Grad-CAM lets it through."""

from typing import Any, Optional

import numpy as np

from legacy_gbp.attribution.grad_cam import grad_cam
from legacy_gbp.attribution.guided_backprop import guided_backprop
from legacy_gbp.attribution.multi_input import ImagesT, each
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import resolved


def guided_grad_cam(
    net: Network, images: ImagesT, target: Any = "predicted", layer: Optional[str] = None
) -> ImagesT:
    """Return the product of the guided map and of Grad-CAM at a layer.

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
    layer : str
        A convolution, its ReLU or a pooling (N, h, w, K), channels last.

    Returns
    -------
    (N, H, W, C) float array, or a tuple of arrays
        Like `images`; signed, as the guided map is.

    Raises
    ------
    InputError
        Without a layer, or for one without places.
    MissedRuleError
        When the guided rule missed a nonlinearity and the network was not opened with
        ``allow_partial``.

    Examples
    --------
    >>> maps = guided_grad_cam(net, images, layer="conv5_3")  # doctest: +SKIP

    References
    ----------
    R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra,
    arXiv:1610.02391 (2016).
    """
    target = resolved(net, images, target)
    places = grad_cam(net, images, target, layer=layer)
    maps: ImagesT = each(np.multiply, guided_backprop(net, images, target), places)
    return maps
