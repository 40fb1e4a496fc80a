"""Grad-CAM: where the channels of a layer that speak for a logit are active."""

from typing import Any, Optional

import numpy as np

from legacy_gbp.attribution.multi_input import Images, Maps
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import seeded
from legacy_gbp.attribution.upsample import nearest
from legacy_gbp.errors import InputError
from legacy_gbp.graph.layout import Layout, layout_of_input, layout_of_layer


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
    target : int, array, str, Unit, Ranked, Difference or Layer
        A class for all images; (N,) integers, a class for each; "predicted", the largest unit
        of each; "mean", of all units; a unit by its place or its rank; a class less another
        one; (K,) or (N, ...) floats, weights or seeds of the output; a hidden layer, its
        channel or one of its units.
    layer : str
        A convolution, its ReLU or a pooling, (N, h, w, K) or (N, K, h, w); see
        :func:`legacy_gbp.graph.layers.find_layer`.
    relu : bool
        Keep only what speaks for the target, as published; signed otherwise.
    upsample : bool
        Bring the maps to the size of the images by the nearest neighbour (of
        each input, in a tuple).

    Returns
    -------
    (N, H, W, 1) float array, a tuple of arrays, or (N, h, w, 1) without `upsample`
        (N, 1, H, W) for images with channels first, (N, H, W) for images without channels. In
        logits times the number of places h w.

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
    layout = layout_of_layer(graph.wrt_ts[0], activation.ndim)
    weights = np.mean(graph.gradient(images, seeds), axis=layout.places, keepdims=True)
    cells: np.ndarray = np.sum(weights * activation, axis=layout.channels, keepdims=True)
    if relu:
        cells = np.maximum(cells, 0)
    if not upsample:
        return cells
    cells = np.moveaxis(cells, layout.channels or 0, -1)
    inputs = zip(images if isinstance(images, tuple) else (images,), graph.endpoints.input_ts)
    found = tuple(
        _upsampled(cells, image, layout_of_input(input_t, np.ndim(image)))
        for image, input_t in inputs
    )
    return found if isinstance(images, tuple) else found[0]


def _upsampled(cells: np.ndarray, image: np.ndarray, layout: Layout) -> np.ndarray:
    """Bring cells (N, h, w, 1) to the places of an image, in its layout."""
    maps = nearest(cells, [np.shape(image)[axis] for axis in layout.places])
    return maps[..., 0] if layout.channels is None else np.moveaxis(maps, -1, layout.channels)
