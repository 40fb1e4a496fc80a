"""What is explained: a target, in one of its forms, as seeds at an output."""

from typing import Any, Optional, Tuple

import numpy as np

from legacy_gbp.attribution.largest_units import largest_units
from legacy_gbp.attribution.multi_input import Images, ImagesT, count_images
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.rule_graph import RuleGraph
from legacy_gbp.attribution.target_forms import (
    MEAN,
    PREDICTED,
    Difference,
    Layer,
    Ranked,
    Unit,
)
from legacy_gbp.errors import InputError

Shape = Tuple[int, ...]


def seeded(
    net: Network, rule: str, images: Images, target: Any, wrt: Optional[str] = None
) -> Tuple[RuleGraph, np.ndarray]:
    """Open the network under a rule and turn a target into ``grad_ys``.

    An output has the shape (N, ...); a unit is a number of it. The last axis is that of the
    classes, or the second where the operation that makes the output has channels first.

    ================================  =================================================
    target                            what is explained
    ================================  =================================================
    int                               a class, for all images; of an output of several
                                      axes the class at every place
    (N,) int array                    a class for each image
    (N, axes) int array               the place of a unit for each image
    ``"predicted"``                   the largest unit of each image
    :class:`Ranked`                   the second largest, and so on
    :class:`Unit`                     the unit at a place
    :class:`Difference`               a class less another one
    ``"mean"``                        the mean of all units
    (K,) float array                  units weighted by these numbers, for all images
    (N, ...) float array              the output weighted by these seeds
    :class:`Layer`                    a hidden layer, its channel, or one of its units
    ================================  =================================================

    Parameters
    ----------
    net : Network
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
    images : (N, H, W, C) array, or a tuple of arrays for a network of several inputs
    target : int, array, str, Ranked, Unit, Difference or Layer
    wrt : str, optional
        A hidden layer, or a kernel, to differentiate with respect to, in place of the input.

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
        shape = np.shape(graph.output(images))
        return graph, _layer_seeds(shape, target, graph.channel_axis)
    graph = net.under(rule, wrt=wrt)
    return graph, _seeds(graph, images, target)


def rule_maps(
    net: Network, rule: str, images: ImagesT, target: Any, wrt: Optional[str] = None
) -> ImagesT:
    """Return the maps of a target under a rule; the prediction needs no run of its own.

    Parameters
    ----------
    net : Network
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
    images : (N, H, W, C) array, or a tuple of arrays
    target : int, array, str, Ranked, Unit, Difference or Layer
        A form of :func:`seeded`.
    wrt : str, optional
        A hidden layer, or a kernel, to differentiate with respect to, in place of the input.

    Returns
    -------
    array or tuple of arrays
        Like `images`, or like the layer or kernel for each image; signed.
    """
    is_predicted = isinstance(target, str) and target == PREDICTED
    if is_predicted and net.under(rule, wrt=wrt).seeds_itself:
        maps: ImagesT = net.under(rule, wrt=wrt).predicted(images)[1]
    else:
        graph, seeds = seeded(net, rule, images, target, wrt)
        maps = graph.gradient(images, seeds)
    return maps


def resolved(net: Network, images: Images, target: Any) -> Any:
    """Fix a target on these images, for methods that explain changed copies of them.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) array, or a tuple of arrays
    target : int, array, str, Ranked, Unit, Difference or Layer
        A form of :func:`seeded`.

    Returns
    -------
    (N, ...) float array, or Layer
        A target again; it no longer depends on the prediction.
    """
    return target if isinstance(target, Layer) else _seeds(net.any_graph(), images, target)


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


def _seeds(graph: RuleGraph, images: Images, target: Any) -> np.ndarray:
    """Return seeds like the logits."""
    if isinstance(target, str) and target == PREDICTED:
        return largest_units(graph.logits(images))
    if isinstance(target, Ranked):
        return largest_units(graph.logits(images), target.rank)
    shape = (count_images(images), *graph.unit_shape(images))
    if isinstance(target, str) and target == MEAN:
        mean: np.ndarray = np.full(shape, 1 / np.prod(shape[1:]))
        return mean
    if isinstance(target, Unit):
        return _filled(shape, _unit(shape[1:], target.index))
    if isinstance(target, Difference):
        if target.first == target.second:
            raise InputError(f"target {target} is a class less itself, 0; give two classes")
        difference: np.ndarray = _class_seeds(shape, target.first, graph.class_axis)
        difference -= _class_seeds(shape, target.second, graph.class_axis)
        return difference
    return _array_seeds(shape, target, graph.class_axis)


def _array_seeds(shape: Shape, target: Any, axis: int) -> np.ndarray:
    """Return the seeds of a class, of one for each image, or of numbers that are seeds already."""
    if isinstance(target, str):
        raise InputError(
            f"target {target!r} is unknown; give a class, one class an image, {PREDICTED!r}, "
            f"{MEAN!r} or seeds of shape {shape}"
        )
    if isinstance(target, int) and not isinstance(target, bool):
        return _class_seeds(shape, target, axis)
    target = _as_array(target)
    if target.dtype.kind == "f" and target.shape == shape:
        seeds: np.ndarray = target
        return seeds
    if target.dtype.kind == "f" and target.shape == shape[1:]:
        return np.array(np.broadcast_to(target, shape))
    if target.dtype.kind in "iu" and target.shape == ():
        return _class_seeds(shape, int(target), axis)
    if target.dtype.kind in "iu" and target.shape == shape[:1]:
        rows = [_class_seeds((1, *shape[1:]), int(one), axis) for one in target]
        return np.concatenate(rows) if rows else np.zeros(shape)
    if target.dtype.kind in "iu" and target.shape == (shape[0], len(shape) - 1):
        seeds = np.zeros(shape)
        for row, index in zip(seeds, target):
            row[_unit(shape[1:], tuple(map(int, index)))] = 1
        return seeds
    raise InputError(
        f"target of shape {target.shape} and type {target.dtype} fits neither one class, nor "
        f"{shape[0]} classes, nor weights {shape[1:]} or seeds {shape} in floating point; "
        "give one of these"
    )


def _as_array(target: Any) -> np.ndarray:
    """Return the numbers of a target; refuse what is ragged, NaN or Inf."""
    try:
        values = np.asarray(target)
        usable = values.dtype.kind != "f" or bool(np.isfinite(values).all())
    except ValueError:
        raise InputError("target has rows of several lengths; give an array") from None
    if not usable:
        raise InputError("target holds NaN or Inf; give finite seeds or weights")
    return values


def _class_seeds(shape: Shape, place: int, axis: int) -> np.ndarray:
    """Return 1 at a class of every image, and of every place of it."""
    classes = shape[axis] if len(shape) > 1 else 1
    if not 0 <= place < classes:
        known = f"classes are 0..{classes - 1}" if classes > 1 else "the output has one alone, 0"
        raise InputError(f"target {place} is not a class; {known}")
    if len(shape) == 1:
        return np.ones(shape)
    seeds = np.zeros(shape)
    np.moveaxis(seeds, axis, -1)[..., place] = 1
    return seeds


def _unit(unit_shape: Shape, index: Shape) -> Shape:
    inside = [0 <= place < size for place, size in zip(index, unit_shape)]
    if len(index) != len(unit_shape) or not all(inside):
        places = "one number for each axis" if unit_shape else "none: each image has one number"
        raise InputError(
            f"target {','.join(map(str, index))} is no place in an output of shape {unit_shape}; "
            f"give {places}"
        )
    return index


def _layer_seeds(shape: Shape, layer: Layer, axis: int) -> np.ndarray:
    """Return 1 at a layer of every image, at a channel of it, or at one of its units."""
    unit_shape, index = shape[1:], layer.index
    if index and not unit_shape:
        raise InputError(
            f"layer {layer.name!r} has one number for each image, and no unit {index}; name the "
            "layer alone"
        )
    if len(index) not in (0, 1, len(unit_shape)):
        raise InputError(
            f"layer {layer.name!r}, is of shape {unit_shape}, and has no unit {index}; give "
            "nothing (the entire layer), a channel, or one number for each axis"
        )
    is_channel = len(index) == 1
    axes = (shape[axis],) if is_channel else unit_shape
    if not all(0 <= place < size for place, size in zip(index, axes)):
        raise InputError(f"layer {layer.name!r} has no unit {index}; its units are {unit_shape}")
    if is_channel:
        return _class_seeds(shape, index[0], axis)
    return _filled(shape, index) if index else np.ones(shape)


def _filled(shape: Shape, index: Shape) -> np.ndarray:
    """Return 1 at one unit of every image."""
    seeds = np.zeros(shape)
    everywhere: Any = (slice(None), *index)
    seeds[everywhere] = 1
    return seeds
