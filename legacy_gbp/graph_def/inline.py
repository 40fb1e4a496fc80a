"""Function calls become the operations of the function, which can then get a rule.

A call goes backwards as a whole, by the chain rule of its own body: an
override never reaches the ReLUs inside. TensorFlow's graph optimiser inlines.
"""

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph_def.nodes import CALLS


def has_calls(graph_def):
    """Whether a graph calls functions."""
    names = {function.signature.name for function in graph_def.library.function}
    return any(node.op in CALLS or node.op in names for node in graph_def.node)


def inline(graph_def, wanted, where):
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
    """
    if not has_calls(graph_def):
        return graph_def
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
    inlined = tf_optimizer.OptimizeGraph(config, meta)
    if has_calls(inlined):
        left = [node.name for node in inlined.node if node.op in CALLS]
        raise InputError(
            f"{where}: the call {left[0] if left else 'of a function'} could not be inlined, so no "
            "rule would reach its ReLUs; freeze the model with its functions inlined"
        )
    return inlined
