"""What is explained: a target, said in one of four ways, as seeds at the logits."""

import numpy as np

from legacy_gbp.errors import InputError

PREDICTED = "predicted"


def seeds(net, images, target):
    """Turn a target into ``grad_ys``.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) array
    target : int, (N,) int array, "predicted", or (N, K) float array
        A class for all images; a class for each; the largest logit of each;
        or the seeds themselves.

    Returns
    -------
    (N, K) float array

    Raises
    ------
    InputError
        For a class that does not exist or a shape that fits neither.
    """
    shape = (len(images), net.classes)
    if isinstance(target, str):
        if target != PREDICTED:
            raise InputError(
                f"target {target!r} is unknown; give a class, one class an image, {PREDICTED!r} or "
                f"seeds of shape {shape}"
            )
        target = net.predict(images)
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
