"""SavedModels of TensorFlow 1 and 2: a folder with ``saved_model.pb`` and ``variables``.

TensorFlow's own loader restores the variables into a scratch graph, because a
SavedModel of TensorFlow 2 stores them under names that only its program knows.
So what the loader runs is checked before.
"""

import contextlib
import os
import tempfile
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Set, Union

import tensorflow as tf

from legacy_gbp.errors import ModelError, first_line
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.infer_endpoints import find_inputs, find_output
from legacy_gbp.graph.inline import inline
from legacy_gbp.graph.nodes import all_nodes, producer, tensor_name
from legacy_gbp.graph.open_inputs import with_open_inputs
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.trust import check_harmless
from legacy_gbp.graph.while_loops import kept_contexts, loop_exits
from legacy_gbp.io.protobuf import parse_message
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.live_sessions import variable_values

FILE = "saved_model.pb"
SERVE = "serve"
RECORDED_SHAPES = "_output_shapes"
INITIALISERS = ("__saved_model_init_op", "saved_model_main_op", "legacy_init_op")
SAVER = ("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename")


def saved_model(
    path: str,
    signature: Optional[str] = None,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a SavedModel.

    Parameters
    ----------
    path : str
        The folder.
    signature : str, optional
        ``serving_default``, or the only one.
    input : str or sequence of str, optional
        Tensors, or arguments of the signature; all arguments by default.
    output : str, optional
        A tensor, or a result of the signature; by default the only result, before a
        softmax.
    feeds : dict of str to value, optional
        Fixed values of other placeholders, or arguments.
    trusted : bool
        Accept operations that reach outside of the graph.

    Returns
    -------
    ImportedGraph

    Raises
    ------
    InputError
        For missing or truncated files.
    ModelError
        For an unknown signature, argument or result, and for dangerous operations.

    Examples
    --------
    >>> source = saved_model("exported/1", output="logits")  # doctest: +SKIP
    """
    meta = serving_meta(path)
    chosen = _signature(meta, signature, path)
    _check_before_loading(meta, path, trusted)
    inputs = _inputs(chosen, input, set(feeds or ()), path)
    for name in inputs:
        find_inputs(meta.graph_def, [name], path)
    feeds = {_argument(chosen, name): value for name, value in (feeds or {}).items()}
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        _load(session, meta, path)
        graph_def = graph.as_graph_def()
        result = _output(graph_def, chosen, output, inputs, path)
        loaded = tf.compat.v1.MetaGraphDef()
        loaded.CopyFrom(meta)
        # What lies before the inputs, such as loops of a preprocessing, is not needed.
        graph_def, inputs = with_open_inputs(graph_def, inputs, path)
        loaded.graph_def.CopyFrom(graph_def)
        roots = [producer(result), *loop_exits(loaded, producer(result))]
        needed = prune(graph_def, roots)
        needed = inline(needed, [producer(name) for name in [*inputs, result]], path)
        values = variable_values(session, variables_of(prune(needed, roots)))
    contexts = kept_contexts(meta, needed)
    return ImportedGraph(needed, inputs, result, path, feeds, trusted, values, contexts)


def _load(session: Any, meta: Any, path: str) -> None:
    tags = list(meta.meta_info_def.tags)
    try:
        try:
            tf.compat.v1.saved_model.load(session, tags, path)
        except ValueError as error:
            if RECORDED_SHAPES not in str(error):
                raise
            with _without_recorded_shapes(path) as copied:
                tf.compat.v1.saved_model.load(session, tags, copied)
    except (tf.errors.OpError, OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path}: cannot be loaded ({first_line(error)}); copy it again"
        ) from error


@contextlib.contextmanager
def _without_recorded_shapes(path: str) -> Iterator[str]:
    """Yield a folder with the same SavedModel, whose shapes another TensorFlow infers anew."""
    from tensorflow.core.protobuf import saved_model_pb2

    stored = parse_message(saved_model_pb2.SavedModel(), os.path.join(path, FILE), "SavedModel")
    for meta in stored.meta_graphs:
        for node in all_nodes(meta.graph_def):
            node.attr.pop(RECORDED_SHAPES, None)
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(path):
            if name != FILE:
                os.symlink(os.path.abspath(os.path.join(path, name)), os.path.join(folder, name))
        with open(os.path.join(folder, FILE), "wb") as file:
            file.write(stored.SerializeToString())
        yield folder


def serving_meta(path: str) -> Any:
    """Read the graph of a SavedModel that is for serving.

    Parameters
    ----------
    path : str
        The folder.

    Returns
    -------
    MetaGraphDef

    Raises
    ------
    InputError
        For missing or truncated files.
    ModelError
        Without such a graph.
    """
    file = os.path.join(path, FILE)
    metas = [meta for meta in meta_graphs_in(path) if SERVE in meta.meta_info_def.tags]
    if not metas:
        raise ModelError(f"{file}: holds no graph tagged {SERVE!r}; export the model for serving")
    plain = [meta for meta in metas if list(meta.meta_info_def.tags) == [SERVE]]
    return (plain or metas)[0]  # others are for accelerators


def meta_graphs_in(path: str) -> List[Any]:
    """Read all graphs of a SavedModel.

    Parameters
    ----------
    path : str
        The folder.

    Returns
    -------
    list of MetaGraphDef

    Raises
    ------
    InputError
        For missing or truncated files.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    stored = parse_message(saved_model_pb2.SavedModel(), os.path.join(path, FILE), "SavedModel")
    return list(stored.meta_graphs)


def _check_before_loading(meta: Any, path: str, trusted: bool) -> None:
    """Check what the loader runs, except the saver, which reads the checkpoint beside the graph.

    The part that the output needs is checked later, like that of other formats.
    """
    graph_def = prune(meta.graph_def, _run_by_the_loader(meta))
    kept = [node for node in graph_def.node if node.op not in SAVER]
    del graph_def.node[:]
    graph_def.node.extend(kept)
    for function in graph_def.library.function:
        body = [node for node in function.node_def if node.op not in SAVER]
        del function.node_def[:]
        function.node_def.extend(body)
    check_harmless(graph_def, path, trusted)


def _run_by_the_loader(meta: Any) -> List[str]:
    """Return the operations that restore variables and fill tables."""
    names = [meta.saver_def.restore_op_name] if meta.saver_def.restore_op_name else []
    for key in INITIALISERS:
        if key in meta.collection_def:
            names += meta.collection_def[key].node_list.value
        if key in meta.signature_def:
            names += [info.name for info in meta.signature_def[key].outputs.values()]
    return [producer(name) for name in names]


def _signature(meta: Any, name: Optional[str], path: str) -> Any:
    signatures = {
        key: value for key, value in meta.signature_def.items() if not key.startswith("__")
    }
    if name is None and "serving_default" in signatures:
        name = "serving_default"
    if name is None and len(signatures) == 1:
        name = next(iter(signatures))
    if name not in signatures:
        found = f"no signature {name!r}" if name else "several signatures"
        raise ModelError(
            f"{path}: {found}; choose `signature` of {', '.join(sorted(signatures)) or 'none'}"
        )
    return signatures[name]


def _inputs(
    signature: Any, given: Union[str, Sequence[str], None], fed: Set[str], path: str
) -> List[str]:
    """Return the tensors of the arguments that are named, or of the only one that is an array."""
    arguments = {key: info.name for key, info in signature.inputs.items()}
    if given is None:
        arrays = {
            key: name
            for key, name in arguments.items()
            if _is_array(signature.inputs[key]) and not {key, name, producer(name)} & fed
        }
        if len(arrays) != 1:
            raise ModelError(
                f"{path}: the signature has {len(arrays)} arguments "
                f"({', '.join(sorted(arrays))}); name them by `input`"
            )
        return list(arrays.values())
    named = [given] if isinstance(given, str) else list(given)
    return [tensor_name(arguments.get(name, name)) for name in named]


def _is_array(argument: Any) -> bool:
    """Whether an argument is no switch: neither a truth value nor a single number."""
    single = not argument.tensor_shape.unknown_rank and not argument.tensor_shape.dim
    return argument.dtype != tf.bool.as_datatype_enum and not single


def _argument(signature: Any, name: str) -> str:
    return signature.inputs[name].name if name in signature.inputs else name


def _output(
    graph_def: Any, signature: Any, given: Optional[str], inputs: Sequence[str], path: str
) -> str:
    results = {key: info.name for key, info in signature.outputs.items()}
    if given is not None:
        return find_output(graph_def, results.get(given, given), inputs, path)
    if len(results) != 1:
        raise ModelError(
            f"{path}: the signature has {len(results)} results ({', '.join(sorted(results))}); "
            "name one by `output`"
        )
    name: str = next(iter(results.values()))
    return name
