"""What is explained: a target, said in one of five ways, as seeds at an output."""

from collections import namedtuple

import numpy as np

from legacy_gbp.errors import InputError

PREDICTED = "predicted"

Layer = namedtuple("Layer", "name index", defaults=((),))
Layer.__doc__ = """A hidden layer as the target.

name: a tensor, an operation, or a layer as Keras names it; index: () for the
whole layer (every unit is seeded with 1), (c,) for its channel c, or the place
of one unit, such as (row, column, channel).
"""


def seeded(net, rule, images, target, wrt=None):
    """Open the network under a rule and turn a target into ``grad_ys``.

    Parameters
    ----------
    net : Network
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
    images : (N, H, W, C) array, or a tuple of arrays for a network of several inputs
    target : int, (N,) int array, "predicted", float array, or Layer
        A class for all images; a class for each; the largest logit of each;
        the seeds themselves, of the shape of the logits; or a hidden layer.
    wrt : str, optional
        A hidden layer to differentiate with respect to, in place of the input.

    Returns
    -------
    model : Overridden
    seeds : float array like the output that is explained

    Raises
    ------
    InputError
        For a class or a unit that does not exist, or a shape that fits nothing.
    """
    layer = target if isinstance(target, Layer) else None
    model = net.under(rule, of=layer.name if layer else None, wrt=wrt)
    if layer:
        return model, _layer_seeds(model.output(images).shape, layer)
    return model, _logit_seeds(model, images, target)


def rule_maps(net, rule, images, target):
    """Maps of a target under a rule; what is predicted needs no run of its own.

    Parameters
    ----------
    net, rule, images, target
        See :func:`seeded`.

    Returns
    -------
    Maps like `images`
    """
    if isinstance(target, str) and target == PREDICTED and net.under(rule).seeds_itself:
        return net.under(rule).predicted(images)[1]
    model, seeds = seeded(net, rule, images, target)
    return model.gradient(images, seeds)


def resolved(net, images, target):
    """Fix a target on these images, for methods that explain changed copies of them.

    Parameters
    ----------
    net, images, target
        See :func:`seeded`.

    Returns
    -------
    (N, K) float array, or Layer
        A target again; it no longer depends on what is predicted.
    """
    return target if isinstance(target, Layer) else _logit_seeds(net, images, target)


def explained(model, images, seeds):
    """The number F whose gradient the seeds give: the output times the seeds, image by image.

    Parameters
    ----------
    model : Overridden
    images : as in :func:`seeded`
    seeds : float array like the output

    Returns
    -------
    (N,) float array
        For a class, its logit.
    """
    output = model.output(images)
    return np.sum(output * seeds.astype(output.dtype), axis=tuple(range(1, output.ndim)))


def count(images):
    """Number of images, N."""
    return len(images[0] if isinstance(images, tuple) else images)


def _logit_seeds(model, images, target):
    shape = (count(images), model.classes)
    if isinstance(target, str):
        if target != PREDICTED:
            raise InputError(
                f"target {target!r} is unknown; give a class, one class an image, {PREDICTED!r} or "
                f"seeds of shape {shape}"
            )
        target = np.argmax(model.logits(images), axis=1)
    target = np.asarray(target)
    if target.shape == shape and target.dtype.kind == "f":
        return target
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
    return np.eye(shape[1])[np.broadcast_to(target, shape[0])]


def _layer_seeds(shape, layer):
    """1 at the chosen units of every image."""
    unit_shape, index = shape[1:], tuple(layer.index)
    if len(index) not in (0, 1, len(unit_shape)):
        raise InputError(
            f"layer {layer.name!r}, unit {index}: give nothing (the whole layer), a channel, or "
            f"{len(unit_shape)} numbers, one for each axis of {unit_shape}"
        )
    axes = unit_shape[-1:] if len(index) == 1 else unit_shape
    if not all(0 <= place < size for place, size in zip(index, axes)):
        raise InputError(f"layer {layer.name!r} has no unit {index}; its units are {unit_shape}")
    seeds = np.zeros(shape)
    place = (Ellipsis, *index)
    seeds[place] = 1
    return seeds
