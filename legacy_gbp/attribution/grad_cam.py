"""Grad-CAM: where the channels of a layer that speak for a logit are active."""

from typing import Any, Optional

import numpy as np

from legacy_gbp.attribution.multi_input import Images, Maps, each
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import seeded
from legacy_gbp.attribution.upsample import nearest
from legacy_gbp.errors import InputError


def grad_cam(
    net: Network,
    images: Images,
    target: Any = "predicted",
    layer: Optional[str] = None,
    relu: bool = True,
    upsample: bool = True,
) -> Maps:
    """Return Grad-CAM maps of a logit at a layer.

    For a layer A of channels k and a logit F::

        map = relu( sum over k of  mean over places (dF/dA_k)  A_k )

    The paper upsamples bilinearly; here each pixel takes the value of its cell, so that a map
    shows no more places than the layer has.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) float array, or a tuple of arrays for a network of several inputs
        As the network takes them; see :meth:`legacy_gbp.Network.prepare`.
    target : int, (N,) int array, "predicted", (N, K) float array, or Layer
        A class for all images; a class for each; the largest logit of each; seeds of the
        logits; a hidden layer, its channel or one of its units.
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
    (N, H, W, 1) float array, a tuple of arrays, or (N, h, w, 1) without `upsample`
        In logits times the number of places h w.

    Raises
    ------
    InputError
        Without a layer, for one without places, or one whose axes are not the
        image's.

    Examples
    --------
    >>> maps = grad_cam(net, images, layer="conv5_3")  # doctest: +SKIP

    References
    ----------
    R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra,
    arXiv:1610.02391 (2016).
    """
    if layer is None:
        raise InputError("Grad-CAM needs a layer; name one by `layer`: the last convolution")
    graph, seeds = seeded(net, "gradient", images, target, wrt=layer)
    activation = np.asarray(graph.activation(images))
    if activation.ndim < 3:
        raise InputError(
            f"layer {layer!r} of shape {activation.shape} has no places; choose a convolution"
        )
    places = tuple(range(1, activation.ndim - 1))
    weights = np.mean(graph.gradient(images, seeds), axis=places, keepdims=True)
    cells: np.ndarray = np.sum(weights * activation, axis=-1, keepdims=True)
    if relu:
        cells = np.maximum(cells, 0)
    if not upsample:
        return cells
    maps: Maps = each(lambda image: nearest(cells, np.shape(image)[1:-1]), images)
    return maps
