"""Find the tensor that a name means: a tensor, an operation, or a layer.

Keras and most builders put the operations of a layer into a name scope, so a
layer is that scope, and its tensor is the one that leaves it.
"""

import difflib

from legacy_gbp.errors import InputError
from legacy_gbp.rules.audit import path


def find_layer(ends, name):
    """The tensor of a layer.

    Parameters
    ----------
    ends : Endpoints
    name : str
        ``scope/Relu:0`` (tensor), ``scope/Relu`` (operation), or ``conv4``
        (a scope, or the part of one between slashes).

    Returns
    -------
    tf.Tensor

    Raises
    ------
    InputError
        With near names for an unknown one, with the candidates where several
        tensors leave the scope.
    """
    graph = ends.logits_t.graph
    operations = {op.name: op for op in graph.get_operations() if op.outputs}
    for layer in ends.layers:
        if layer.name == name:
            return layer.output_t
    wanted, _, number = name.partition(":")
    if wanted in operations:
        outputs = operations[wanted].outputs
        if not number or (number.isdigit() and int(number) < len(outputs)):
            return outputs[int(number or 0)]
    # On the way of the image alone: weights, savers and summaries use a layer's scope too.
    way = set(path(ends.input_ts, ends.logits_t))
    inside = {op for op in way if _is_in(op.name, wanted)}
    leaving = [
        t
        for op in inside
        for t in op.outputs
        if t is ends.logits_t or any(user in way - inside for user in t.consumers())
    ]
    if len(leaving) == 1:
        return leaving[0]
    if leaving:
        names = ", ".join(sorted(t.name for t in leaving))
        raise InputError(f"layer {name!r} has several outputs; choose one of {names}")
    raise InputError(f"no layer {name!r} in the graph; {near_names(wanted, operations)}")


def near_names(wanted, names):
    """Say which of the names are like the wanted one."""
    parts = {part for name in names for part in [name, *name.split("/")]}
    near = difflib.get_close_matches(wanted, sorted(parts), n=5, cutoff=0.5)
    return f"near names: {', '.join(near)}" if near else "'legacy-gbp inspect' lists its layers"


def _is_in(name, scope):
    return f"/{scope}/" in f"/{name.rsplit('/', 1)[0]}/" if "/" in name else False
