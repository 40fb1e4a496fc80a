"""Guided Grad-CAM: the fine guided map, where Grad-CAM lets it through."""

import numpy as np

from legacy_gbp.attribution.grad_cam import grad_cam
from legacy_gbp.attribution.guided_backprop import guided_backprop
from legacy_gbp.attribution.multi_input import each
from legacy_gbp.attribution.target import resolved


def guided_grad_cam(net, images, target="predicted", layer=None):
    """Product of the guided map and of Grad-CAM at a layer.

    Parameters
    ----------
    net, images, target, layer
        See :func:`legacy_gbp.attribution.grad_cam.grad_cam`.

    Returns
    -------
    Maps like `images`
        Signed, as the guided map is.

    References
    ----------
    R. R. Selvaraju et al., arXiv:1610.02391 (2016).
    """
    target = resolved(net, images, target)
    places = grad_cam(net, images, target, layer=layer)
    return each(np.multiply, guided_backprop(net, images, target), places)
