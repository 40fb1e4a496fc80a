"""Function calls become the operations of the function, which can then get a rule.

A call goes backwards as one operation, by the chain rule of its own body: an
override never reaches the ReLUs inside. TensorFlow's graph optimiser inlines.
"""

from typing import Any, Sequence

import tensorflow as tf

from legacy_gbp.errors import ModelError, first_line
from legacy_gbp.graph.nodes import CALLS, all_nodes

LOOPS = ("While", "StatelessWhile")


def has_calls(graph_def: Any) -> bool:
    """Return whether a graph calls functions.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    bool
    """
    names = {function.signature.name for function in graph_def.library.function}
    return any(node.op in CALLS or node.op in names for node in graph_def.node)


def inline(graph_def: Any, wanted: Sequence[str], where: str) -> Any:
    """Inline all function calls of a graph.

    Parameters
    ----------
    graph_def : GraphDef
    wanted : sequence of str
        Nodes that must keep their names: inputs and outputs.
    where : str
        The file, for messages.

    Returns
    -------
    GraphDef

    Raises
    ------
    ModelError
        When TensorFlow cannot inline a function.
    """
    if not has_calls(graph_def):
        return graph_def
    try:
        inlined = _optimized(_free_to_inline(graph_def), wanted)
    except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise ModelError(
            f"{where}: TensorFlow {tf.__version__} cannot inline the functions of the graph "
            f"({first_line(error)}); try the version that made it"
        ) from error
    if has_calls(inlined):
        left = [node.name for node in inlined.node if node.op in CALLS]
        raise ModelError(
            f"{where}: the call {left[0] if left else 'of a function'} could not be inlined, so no "
            "rule would reach its ReLUs; freeze the model with its functions inlined"
        )
    return inlined


def _free_to_inline(graph_def: Any) -> Any:
    """Drop what keeps a function from being inlined; leave loops and branches.

    Lowered to the control flow of TensorFlow 1, a loop could not be differentiated.
    """
    free = tf.compat.v1.GraphDef()
    free.CopyFrom(graph_def)
    for function in free.library.function:
        function.attr.pop("_noinline", None)
    for node in all_nodes(free):
        if node.op in LOOPS:
            node.attr.pop("_lower_using_switch_merge", None)
        node.attr.pop("_noinline", None)
    return free


def _optimized(graph_def: Any, wanted: Sequence[str]) -> Any:
    from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
    from tensorflow.python.grappler import tf_optimizer

    scratch = tf.Graph()
    with scratch.as_default():
        tf.import_graph_def(graph_def, name="")
        meta = tf.compat.v1.train.export_meta_graph(graph=scratch, clear_devices=True)
    for collection in list(meta.collection_def):
        del meta.collection_def[collection]
    meta.collection_def["train_op"].node_list.value.extend(wanted)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    rewrite.optimizers.append("function")
    return tf_optimizer.OptimizeGraph(config, meta)
