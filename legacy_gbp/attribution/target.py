"""What is explained: a target, named in one of five ways, as seeds at an output."""

from typing import Any, Optional, Tuple

import numpy as np

from legacy_gbp.attribution.layer import Layer
from legacy_gbp.attribution.multi_input import Images, ImagesT, count_images
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.rule_graph import RuleGraph
from legacy_gbp.errors import InputError

PREDICTED = "predicted"


def seeded(
    net: Network, rule: str, images: Images, target: Any, wrt: Optional[str] = None
) -> Tuple[RuleGraph, np.ndarray]:
    """Open the network under a rule and turn a target into ``grad_ys``.

    ================================  =================================================
    target                            what is explained
    ================================  =================================================
    int                               the logit of that class, for all images
    (N,) int array                    the logit of a class for each image
    ``"predicted"``                   the largest logit of each image
    (N, K) float array                the logits weighted by these seeds
    :class:`Layer`                    a hidden layer, its channel, or one of its units
    ================================  =================================================

    Parameters
    ----------
    net : Network
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
    images : (N, H, W, C) array, or a tuple of arrays for a network of several inputs
    target : int, (N,) int array, str, (N, K) float array, or Layer
    wrt : str, optional
        A hidden layer to differentiate with respect to, in place of the input.

    Returns
    -------
    graph : RuleGraph
    seeds : float array
        Like the output that is explained.

    Raises
    ------
    InputError
        For a class or a unit that does not exist, or a shape that fits nothing.
    """
    if isinstance(target, Layer):
        graph = net.under(rule, of=target.name, wrt=wrt)
        return graph, _layer_seeds(graph.output(images).shape, target)
    graph = net.under(rule, wrt=wrt)
    return graph, _logit_seeds(graph, images, target)


def rule_maps(net: Network, rule: str, images: ImagesT, target: Any) -> ImagesT:
    """Return the maps of a target under a rule; the prediction needs no run of its own.

    Parameters
    ----------
    net : Network
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
    images : (N, H, W, C) array, or a tuple of arrays
    target : int, (N,) int array, str, (N, K) float array, or Layer
        See :func:`seeded`.

    Returns
    -------
    array or tuple of arrays
        Like `images`, signed.
    """
    if isinstance(target, str) and target == PREDICTED and net.under(rule).seeds_itself:
        maps: ImagesT = net.under(rule).predicted(images)[1]
    else:
        graph, seeds = seeded(net, rule, images, target)
        maps = graph.gradient(images, seeds)
    return maps


def resolved(net: Network, images: Images, target: Any) -> Any:
    """Fix a target on these images, for methods that explain changed copies of them.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) array, or a tuple of arrays
    target : int, (N,) int array, str, (N, K) float array, or Layer
        See :func:`seeded`.

    Returns
    -------
    (N, K) float array, or Layer
        A target again; it no longer depends on the prediction.
    """
    return target if isinstance(target, Layer) else _logit_seeds(net, images, target)


def explained_value(graph: RuleGraph, images: Images, seeds: np.ndarray) -> np.ndarray:
    """Return the number F whose gradient the seeds pass: the output times the seeds.

    Parameters
    ----------
    graph : RuleGraph
    images : (N, H, W, C) array, or a tuple of arrays
    seeds : (N, ...) float array
        Like the output.

    Returns
    -------
    (N,) float array
        For a class, its logit.
    """
    output = graph.output(images)
    values: np.ndarray = np.sum(
        output * seeds.astype(output.dtype), axis=tuple(range(1, output.ndim))
    )
    return values


def _logit_seeds(model: Any, images: Images, target: Any) -> np.ndarray:
    """Seeds (N, K); `model` is a Network or a RuleGraph."""
    shape = (count_images(images), model.classes)
    if isinstance(target, str):
        if target != PREDICTED:
            raise InputError(
                f"target {target!r} is unknown; give a class, one class an image, {PREDICTED!r} or "
                f"seeds of shape {shape}"
            )
        target = np.argmax(model.logits(images), axis=1)
    target = np.asarray(target)
    if target.shape == shape and target.dtype.kind == "f":
        return np.asarray(target)
    if target.shape not in ((), shape[:1]) or target.dtype.kind not in "iu":
        raise InputError(
            f"target of shape {target.shape} and type {target.dtype} fits neither one class, nor "
            f"{shape[0]} classes, nor seeds of shape {shape}"
        )
    outside = (target < 0) | (target >= shape[1])
    if outside.any():
        raise InputError(
            f"target {target[outside].flat[0]} is not a class; classes are 0..{shape[1] - 1}"
        )
    seeds: np.ndarray = np.eye(shape[1])[np.broadcast_to(target, shape[0])]
    return seeds


def _layer_seeds(shape: Tuple[int, ...], layer: Layer) -> np.ndarray:
    """1 at the chosen units of every image."""
    unit_shape, index = shape[1:], tuple(layer.index)
    if len(index) not in (0, 1, len(unit_shape)):
        raise InputError(
            f"layer {layer.name!r}, unit {index}: give nothing (the entire layer), a channel, or "
            f"{len(unit_shape)} numbers, one for each axis of {unit_shape}"
        )
    axes = unit_shape[-1:] if len(index) == 1 else unit_shape
    if not all(0 <= place < size for place, size in zip(index, axes)):
        raise InputError(f"layer {layer.name!r} has no unit {index}; its units are {unit_shape}")
    seeds = np.zeros(shape)
    place: Any = (Ellipsis, *index)
    seeds[place] = 1
    return seeds
