"""SavedModels of TensorFlow 1 and 2: a folder with ``saved_model.pb`` and ``variables``.

TensorFlow's own loader restores the variables into a scratch graph, because a
SavedModel of TensorFlow 2 stores them under names that only its program knows.
So what the loader runs is looked at before.
"""

import os

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.infer_endpoints import before_softmax, find_inputs, find_output
from legacy_gbp.graph.inline import inline
from legacy_gbp.graph.nodes import full, producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.trust import check_harmless
from legacy_gbp.models.imported_graph import Imported
from legacy_gbp.models.live_session import variable_values
from legacy_gbp.models.read_graph_def import BROKEN, read_bytes

SERVE = "serve"
INITIALISERS = ("__saved_model_init_op", "saved_model_main_op", "legacy_init_op")


def saved_model(path, signature=None, input=None, output=None, feeds=None, trusted=False):
    """A SavedModel as a source.

    Parameters
    ----------
    path : str
        The folder.
    signature : str, optional
        ``serving_default`` when there are several.
    input, output, feeds, trusted
        Names of tensors, or of the signature's arguments and results; see
        :func:`legacy_gbp.models.frozen_graph.frozen_graph`.

    Returns
    -------
    Imported
    """
    meta = _serving_meta(path)
    chosen = _signature(meta, signature, path)
    _check_before_loading(meta, path, trusted)
    inputs = _inputs(chosen, input, path)
    for name in inputs:
        find_inputs(meta.graph_def, [name], path)
    feeds = {_argument(chosen, name): value for name, value in (feeds or {}).items()}
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        try:
            tf.compat.v1.saved_model.load(session, list(meta.meta_info_def.tags), path)
        except (tf.errors.OpError, OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(f"{path}: cannot be loaded ({reason}); copy it again") from error
        graph_def = graph.as_graph_def()
        result = _output(graph_def, chosen, output, inputs, path)
        needed = prune(graph_def, [producer(result)])
        needed = inline(needed, [producer(name) for name in [*inputs, result]], path)
        if output is None:
            result = before_softmax(needed, result)
        values = variable_values(session, variables_of(prune(needed, [producer(result)])))
    return Imported(needed, inputs, result, path, feeds, trusted, values)


def _serving_meta(path):
    from tensorflow.core.protobuf import saved_model_pb2

    file = os.path.join(path, "saved_model.pb")
    try:
        stored = saved_model_pb2.SavedModel.FromString(read_bytes(file))
    except BROKEN as error:
        raise InputError(f"{file}: not a SavedModel, or cut off; copy it again") from error
    metas = [meta for meta in stored.meta_graphs if SERVE in meta.meta_info_def.tags]
    if not metas:
        raise InputError(f"{file}: holds no graph tagged {SERVE!r}; export the model for serving")
    plain = [meta for meta in metas if list(meta.meta_info_def.tags) == [SERVE]]
    return (plain or metas)[0]  # others are for accelerators


def _check_before_loading(meta, path, trusted):
    """What the loader runs, but the saver, which reads the checkpoint beside the graph.

    The part that the output needs is looked at later, like that of other formats.
    """
    graph_def = prune(meta.graph_def, _run_by_the_loader(meta))
    kept = [node for node in graph_def.node if not _is_saver(node)]
    del graph_def.node[:]
    graph_def.node.extend(kept)
    for function in graph_def.library.function:
        body = [node for node in function.node_def if not _is_saver(node)]
        del function.node_def[:]
        function.node_def.extend(body)
    check_harmless(graph_def, path, trusted)


def _run_by_the_loader(meta):
    """Names of the operations that restore variables and fill tables."""
    names = [meta.saver_def.restore_op_name] if meta.saver_def.restore_op_name else []
    for key in INITIALISERS:
        if key in meta.collection_def:
            names += meta.collection_def[key].node_list.value
        if key in meta.signature_def:
            names += [info.name for info in meta.signature_def[key].outputs.values()]
    return [producer(name) for name in names]


def _is_saver(node):
    return node.op in ("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename")


def _signature(meta, name, path):
    signatures = {
        key: value for key, value in meta.signature_def.items() if not key.startswith("__")
    }
    if name is None:
        name = "serving_default" if "serving_default" in signatures else None
        name = name or (next(iter(signatures)) if len(signatures) == 1 else None)
    if name not in signatures:
        asked = f"no signature {name!r}" if name else "several signatures"
        raise InputError(
            f"{path}: {asked}; choose --signature of {', '.join(sorted(signatures)) or 'none'}"
        )
    return signatures[name]


def _inputs(signature, given, path):
    arguments = {key: info.name for key, info in signature.inputs.items()}
    if given is None:
        if len(arguments) != 1:
            raise InputError(
                f"{path}: the signature has {len(arguments)} arguments "
                f"({', '.join(sorted(arguments))}); name them by --input"
            )
        return list(arguments.values())
    named = [given] if isinstance(given, str) else list(given)
    return [full(arguments.get(name, name)) for name in named]


def _argument(signature, name):
    return signature.inputs[name].name if name in signature.inputs else name


def _output(graph_def, signature, given, inputs, path):
    results = {key: info.name for key, info in signature.outputs.items()}
    if given is not None:
        return find_output(graph_def, results.get(given, given), inputs, path)
    if len(results) != 1:
        raise InputError(
            f"{path}: the signature has {len(results)} results ({', '.join(sorted(results))}); "
            "name one by --output-tensor"
        )
    return next(iter(results.values()))
