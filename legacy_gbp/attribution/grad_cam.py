"""Grad-CAM: where the channels of a layer that speak for a logit are active.

For a layer A of channels k and a logit F

    map = relu( sum over k of  mean over places (dF/dA_k)  A_k )
"""

import numpy as np

from legacy_gbp.attribution.multi_input import each
from legacy_gbp.attribution.target import seeded
from legacy_gbp.attribution.upsample import nearest
from legacy_gbp.errors import InputError


def grad_cam(net, images, target="predicted", layer=None, relu=True, upsample=True):
    """Grad-CAM of a logit at a layer.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) array, or a tuple of arrays for a network of several inputs
    target
        See :func:`legacy_gbp.attribution.target.seeded`.
    layer : str
        A convolution, its ReLU or a pooling (N, h, w, K), channels last; see
        :func:`legacy_gbp.graph.layers.find_layer`.
    relu : bool
        Keep only what speaks for the target, as published; signed otherwise.
    upsample : bool
        Bring the maps to the size of the images by the nearest neighbour (of
        each input, in a tuple).

    Returns
    -------
    (N, H, W, 1) float array, or (N, h, w, 1) as it comes
        In logits times the number of places h w.

    Raises
    ------
    InputError
        Without a layer, for one without places, or one whose axes are not the
        image's.

    References
    ----------
    R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra,
    arXiv:1610.02391 (2016).
    """
    if layer is None:
        raise InputError("Grad-CAM without a layer; name one, such as the last convolution")
    model, seeds = seeded(net, "gradient", images, target, wrt=layer)
    activation = model.activation(images)
    if activation.ndim < 3:
        raise InputError(
            f"layer {layer!r} of shape {activation.shape} has no places; choose a convolution"
        )
    places = tuple(range(1, activation.ndim - 1))
    weights = np.mean(model.gradient(images, seeds), axis=places, keepdims=True)
    maps = np.sum(weights * activation, axis=-1, keepdims=True)
    if relu:
        maps = np.maximum(maps, 0)
    if upsample:
        return each(lambda image: nearest(maps, np.shape(image)[1:-1]), images)
    return maps
