"""Operations that an optimiser fused become the ones they were made of: those have a gradient."""

from typing import Any, Dict, List

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import add_node, data_inputs

BASES = {"_FusedConv2D": "Conv2D", "_FusedMatMul": "MatMul"}
OWN = {  # attributes of the base operation
    "Conv2D": ("T", "strides", "padding", "explicit_paddings", "data_format", "dilations",
               "use_cudnn_on_gpu"),
    "MatMul": ("T", "transpose_a", "transpose_b"),
}  # fmt: skip
NEEDED = {"BiasAdd": 1, "FusedBatchNorm": 4}  # inputs besides the two of the base operation
ACTIVATIONS = ("Relu", "Relu6", "Elu", "LeakyRelu", "Tanh", "Sigmoid")


def unfuse(graph_def: Any, where: str) -> None:
    """Replace fused operations, in place.

    The last operation of an expansion keeps the name of the fused one.

    Parameters
    ----------
    graph_def : GraphDef
    where : str
        The file, for messages.

    Raises
    ------
    ModelError
        For a fused step that is not known here.
    """
    fused: List[Any] = []
    kept: List[Any] = []
    for node in graph_def.node:
        copy = tf.compat.v1.NodeDef()
        copy.CopyFrom(node)
        (fused if node.op in BASES else kept).append(copy)
    if not fused:
        return
    del graph_def.node[:]
    graph_def.node.extend(kept)
    for node in fused:
        _expand(graph_def, node, where)


def _expand(graph_def: Any, node: Any, where: str) -> None:
    base = BASES[node.op]
    inputs, control = data_inputs(node), [name for name in node.input if name.startswith("^")]
    steps = [step.decode() for step in node.attr["fused_ops"].list.s]
    arguments = inputs[2:]
    if len(inputs) < 2 + max([NEEDED.get(step, 0) for step in steps], default=0):
        raise ModelError(
            f"{where}: operation {node.name} ({node.op}) has {len(inputs)} inputs, too few for "
            f"{', '.join(steps) or base}; export the graph again"
        )
    last = f"{node.name}/{base}" if steps else node.name
    own = {key: node.attr[key] for key in OWN[base] if key in node.attr}
    add_node(graph_def, base, last, inputs[:2] + control, **own)
    for number, step in enumerate(steps):
        name = node.name if number == len(steps) - 1 else f"{node.name}/{step}"
        _add_step(graph_def, node, step, name, last, arguments, where)
        last = name


def _add_step(
    graph_def: Any, node: Any, step: str, name: str, last: str, arguments: List[str], where: str
) -> None:
    kind: Dict[str, Any] = {"T": node.attr["T"]}
    extra: Dict[str, Any] = {}
    if "data_format" in node.attr:
        extra["data_format"] = node.attr["data_format"]
    if step == "BiasAdd":
        add_node(graph_def, step, name, [last, arguments[0]], **kind, **extra)
    elif step == "FusedBatchNorm":
        inputs = [last, *arguments[:4]]
        added = add_node(graph_def, "FusedBatchNormV3", name, inputs, **kind, **extra)
        added.attr["U"].type = tf.float32.as_datatype_enum
        added.attr["is_training"].b = False
        added.attr["epsilon"].f = node.attr["epsilon"].f
    elif step in ACTIVATIONS:
        added = add_node(graph_def, step, name, [last], **kind)
        if step == "LeakyRelu":
            added.attr["alpha"].f = node.attr["leakyrelu_alpha"].f
    else:
        raise ModelError(
            f"{where}: operation {node.name} ({node.op}) fuses {step}, which is not known here; "
            "export the graph before it is optimised for inference"
        )
