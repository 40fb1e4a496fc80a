"""The tensor of a layer: a name means a tensor, an operation, or a layer.

Keras and most builders put the operations of a layer into a name scope. So a
layer is that scope, and its tensor is the one that leaves it.
"""

from typing import Any, List, Optional

from legacy_gbp.errors import InputError, near_names
from legacy_gbp.graph.traverse import operations_between


def find_layer(endpoints: Any, name: str) -> Any:
    """Return the tensor of a layer.

    Parameters
    ----------
    endpoints : legacy_gbp.models.source.Endpoints
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
    for layer in endpoints.layers:
        if layer.name == name:
            return layer.output_t
    named_t = _tensor_of_operation(endpoints.logits_t.graph, name)
    if named_t is not None:
        return named_t
    scope = name.partition(":")[0]
    leaving_ts = _leaving(endpoints, scope)
    if len(leaving_ts) == 1:
        return leaving_ts[0]
    if leaving_ts:
        names = ", ".join(sorted(t.name for t in leaving_ts))
        raise InputError(f"layer {name!r} has several outputs; choose one of {names}")
    operations = [op.name for op in endpoints.logits_t.graph.get_operations() if op.outputs]
    raise InputError(f"no layer {name!r} in the graph; {near_names(scope, operations)}")


def _tensor_of_operation(graph: Any, name: str) -> Optional[Any]:
    """Return the output of an operation; None for an unknown operation or output."""
    wanted, _, number = name.partition(":")
    try:
        outputs = graph.get_operation_by_name(wanted).outputs
    except (KeyError, ValueError):
        return None
    if not number:
        return outputs[0] if outputs else None
    return outputs[int(number)] if number.isdigit() and int(number) < len(outputs) else None


def _leaving(endpoints: Any, scope: str) -> List[Any]:
    """Return the tensors that leave a scope on the path of the image.

    Weights, savers and summaries use a layer's scope too; they are not on that path.
    """
    between = set(operations_between(endpoints.input_ts, endpoints.logits_t))
    inside = {op for op in between if _is_in(op.name, scope)}
    return [
        t
        for op in inside
        for t in op.outputs
        if t is endpoints.logits_t or any(user in between - inside for user in t.consumers())
    ]


def _is_in(name: str, scope: str) -> bool:
    return "/" in name and f"/{scope}/" in f"/{name.rsplit('/', 1)[0]}/"
