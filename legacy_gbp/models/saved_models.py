"""SavedModels of TensorFlow 1 and 2: a folder with ``saved_model.pb`` and ``variables``.

A SavedModel says what its loader is to run: an operation that restores the variables, others
that fill tables (``main_op``, ``legacy_init_op``), and whatever those wait for. TensorFlow's
loader is not used here, and no session is opened on the graph. The values of the variables are
read from the checkpoint as arrays (:mod:`legacy_gbp.models.saved_variables`). The part of the
graph that the output needs is checked, and this part alone is used. All that is not needed never
runs, so it is not refused: the saver, the initialisers, the asset files, the objects of
TensorFlow 2, signatures and functions beside. A lookup table, which an initialiser fills, has no
values without it: a graph that needs one is refused.
"""

import os
import re
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Set, Tuple, Union

import tensorflow as tf

from legacy_gbp.errors import ModelError, shortened
from legacy_gbp.graph.cut_assignments import cut_prints
from legacy_gbp.graph.default_attributes import fill_defaults
from legacy_gbp.graph.drop_attributes import drop_unknown_attributes
from legacy_gbp.graph.infer_endpoints import find_inputs, find_output
from legacy_gbp.graph.inline import inline
from legacy_gbp.graph.nodes import all_nodes, output_number, producer, tensor_name
from legacy_gbp.graph.open_inputs import PLACEHOLDER, with_open_inputs
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.structure import check_structure
from legacy_gbp.graph.trust import check_harmless
from legacy_gbp.graph.while_loops import kept_contexts, loop_exits
from legacy_gbp.io.protobuf import parse_message
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.saved_variables import saved_variables

FILE = "saved_model.pb"
SERVE = "serve"
RECORDED_SHAPES = "_output_shapes"
TABLES = re.compile(r"(Anonymous)?(Mutable)?(Dense)?HashTable.*")


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
    check_structure(meta.graph_def, path)
    chosen = _signature(meta, signature, path)
    inputs = _inputs(chosen, input, set(feeds or ()), path)
    for name in inputs:
        find_inputs(meta.graph_def, [name], path)
    feeds = {_argument(chosen, name): value for name, value in (feeds or {}).items()}
    result = _output(meta.graph_def, chosen, output, inputs, path)
    # What lies before the inputs, such as loops of a preprocessing, is not needed.
    graph_def, inputs = with_open_inputs(meta.graph_def, inputs, path)
    needed, roots = _needed(meta, graph_def, result, feeds)
    _check_no_table(needed, path)
    check_harmless(needed, path, trusted)
    drop_unknown_attributes(needed, path)
    needed = inline(needed, [producer(name) for name in [*inputs, result]], path)
    values = saved_variables(path, meta, prune(needed, roots))
    contexts = kept_contexts(meta, needed)
    return ImportedGraph(needed, inputs, result, path, feeds, trusted, values, contexts)


def _needed(meta: Any, graph_def: Any, result: str, feeds: Iterable[str]) -> Tuple[Any, List[str]]:
    """Return the part of a graph that a result needs, and the operations that it ends in."""
    opened = tf.compat.v1.MetaGraphDef()
    opened.CopyFrom(meta)
    opened.graph_def.CopyFrom(graph_def)
    roots = [producer(result), *loop_exits(opened, producer(result))]
    needed = prune(graph_def, roots)
    fill_defaults(needed, meta.meta_info_def.stripped_op_list.op)
    for node in all_nodes(needed):
        node.attr.pop(RECORDED_SHAPES, None)  # another TensorFlow may infer other shapes
    _cut_fed(needed, feeds)
    cut_prints(needed)
    return prune(needed, roots), roots


def _cut_fed(graph_def: Any, feeds: Iterable[str]) -> None:
    """Make placeholders of what has a fixed value: what computes its default is not needed."""
    fed = {producer(name) for name in feeds if not output_number(name)}
    for node in graph_def.node:
        attribute = "dtype" if "dtype" in node.attr else "T"
        if node.name not in fed or node.op == PLACEHOLDER or not node.attr[attribute].type:
            continue
        name, dtype = node.name, node.attr[attribute].type
        shape = tf.compat.v1.AttrValue()
        shape.shape.unknown_rank = True
        if "shape" in node.attr:
            shape.CopyFrom(node.attr["shape"])
        node.Clear()
        node.op, node.name = PLACEHOLDER, name
        node.attr["dtype"].type = dtype
        node.attr["shape"].CopyFrom(shape)


def _check_no_table(graph_def: Any, path: str) -> None:
    tables = [node.name for node in all_nodes(graph_def) if TABLES.fullmatch(node.op)]
    if tables:
        raise ModelError(
            f"{path}: the output needs lookup tables ({shortened(tables)}), whose values are not "
            "read here; name a tensor after them by `input`"
        )


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
    metas = [meta for meta in meta_graphs_in(path) if is_for_serving(meta)]
    if not metas:
        raise ModelError(f"{file}: holds no graph tagged {SERVE!r}; export the model for serving")
    plain = [meta for meta in metas if set(meta.meta_info_def.tags) == {SERVE}]
    chosen = (plain or metas)[0]  # others are for accelerators
    tags = set(chosen.meta_info_def.tags)
    same = [list(meta.meta_info_def.tags) for meta in metas if set(meta.meta_info_def.tags) == tags]
    if len(same) > 1:
        raise ModelError(
            f"{file}: holds {len(same)} graphs of the same tags ({shortened(list(map(str, same)))}"
            "), so which one is meant is not known; export the model with one of them"
        )
    return chosen


def is_for_serving(meta: Any) -> bool:
    """Return whether a graph of a SavedModel is for serving.

    Parameters
    ----------
    meta : MetaGraphDef

    Returns
    -------
    bool
    """
    return SERVE in meta.meta_info_def.tags


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
