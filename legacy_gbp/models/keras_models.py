"""Keras models of any version, from a file of any name or in memory.

==================  =================  ================================================
written by          Keras installed    opened
==================  =================  ================================================
Keras 3             3                  by Keras, from a copy (:mod:`.keras_copy`)
Keras 2             any                layer by layer (:mod:`.keras_builder`), by
                                       ``tf_keras`` where that is installed
Keras 3             2                  layer by layer
==================  =================  ================================================

The model is traced into a graph; from there on it is a frozen graph like any other. The
caller's Keras session and TensorFlow's global switches do not change.
"""

import contextlib
from typing import (
    Any,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import tensorflow as tf

from legacy_gbp.errors import LegacyGbpError, ModelError, shortened
from legacy_gbp.graph.infer_endpoints import find_inputs, find_output
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.while_loops import kept_contexts, loop_exits, with_contexts
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.keras_arrays import assignments
from legacy_gbp.models.keras_builder import BuiltModel, build
from legacy_gbp.models.keras_copy import copied_for_keras
from legacy_gbp.models.keras_files import KerasFile, arrays_of, read_keras_file
from legacy_gbp.models.keras_layers import Era, own_functions
from legacy_gbp.models.keras_library import generation_of, library_for
from legacy_gbp.models.keras_topology import StoredModel, stored_model
from legacy_gbp.models.keras_tracing import (
    Traced,
    eager_scope,
    is_eager,
    keras_errors,
    trace,
    traced_in_graph,
)
from legacy_gbp.models.keras_trust import check_topology
from legacy_gbp.models.keras_zeros import NAME, Allowance, zeros_within
from legacy_gbp.models.token_inputs import embedded_inputs


def keras_model(
    path: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a Keras model.

    Parameters
    ----------
    path : str
        HDF5 or zip, whatever its ending; or HDF5 with weights alone and the topology in a JSON
        file beside it.
    input : str or sequence of str, optional
        Input layers or tensors; those of the model by default. Integers that an embedding
        reads are explained at the embedding's output.
    output : str, optional
        An output layer, whose softmax is left out, or a tensor; the model's only output by
        default.
    feeds : dict of str to value, optional
        Fixed values of other placeholders.
    trusted : bool
        Accept Lambda layers, which are Python code, and operations that reach outside of
        the graph.

    Returns
    -------
    ImportedGraph

    Raises
    ------
    InputError
        For a missing file.
    ModelError
        When the installed Keras cannot build the model, or it has several outputs and none is
        named.

    Examples
    --------
    >>> source = keras_model("model.h5")  # doctest: +SKIP
    """
    with keras_errors(path):
        file = read_keras_file(path)
        check_topology(file.topology, file.topology_path, trusted)
        if is_eager():
            with eager_scope():
                traced = trace(_loaded(file, trusted), path, output)
        else:
            traced = _traced_in_a_graph_of_ours(file, trusted, output)
    return source_of(traced, path, input, output, feeds, trusted)


def source_of(
    traced: Traced,
    where: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Choose the endpoints of a traced model.

    Parameters
    ----------
    traced : Traced
    where : str
        The file, for messages.
    input : str or sequence of str, optional
    output : str, optional
    feeds : dict of str to value, optional
    trusted : bool

    Returns
    -------
    ImportedGraph

    Raises
    ------
    ModelError
        For several outputs of which none is named; lists them by their layers.
    """
    graph_def = traced.graph_def
    result = _output(traced, output, where)
    meta = with_contexts(graph_def, traced.contexts)
    roots = [producer(result), *loop_exits(meta, producer(result))]
    needed = prune(graph_def, roots)
    nodes = {node.name for node in needed.node}
    if input is None:
        inputs = [name for name in traced.inputs.values() if producer(name) in nodes]
    else:
        named = [input] if isinstance(input, str) else list(input)
        inputs = find_inputs(graph_def, [traced.inputs.get(name, name) for name in named], where)
    tokens = embedded_inputs(needed, inputs, where)
    contexts = kept_contexts(meta, needed)
    return ImportedGraph(
        needed, inputs, result, where, feeds, trusted, traced.values, contexts, tokens
    )


def _output(traced: Traced, wanted: Optional[str], where: str) -> str:
    """Return the tensor to explain."""
    if wanted in traced.outputs:
        return traced.outputs[str(wanted)]
    if wanted:
        return find_output(traced.graph_def, wanted, list(traced.inputs.values()), where)
    if len(traced.outputs) != 1:
        raise ModelError(
            f"{where}: the model has {len(traced.outputs)} outputs "
            f"({shortened(list(traced.outputs), 8)}); name one by `output`"
        )
    return next(iter(traced.outputs.values()))


def _loaded(file: KerasFile, trusted: bool) -> Any:
    """TensorFlow 2: return the model with its values."""
    stored = stored_model(file.topology, file.topology_path, file.version, file.backend)
    library = library_for(stored.generation)
    if stored.generation >= 3 and generation_of(library) >= 3 and file.topology_path == file.path:
        check_topology(file.topology, file.path, trusted, complete=True)
        try:
            return _loaded_by_keras(file, trusted, library)
        except ModelError:
            # A later Keras 3 writes options that the installed one does not know.
            with contextlib.suppress(LegacyGbpError):
                return _with_values(*_built(file, trusted, stored, library))
            raise
    return _with_values(*_built(file, trusted, stored, library))


def _loaded_by_keras(file: KerasFile, trusted: bool, library: Any) -> Any:
    with copied_for_keras(file, library) as (path, values):
        allowance = Allowance(values, file.path)
        own = {NAME: zeros_within(allowance, library)}
        try:
            with keras_errors(file.path):
                return library.models.load_model(
                    path, custom_objects=own, compile=False, safe_mode=not trusted
                )
        except ModelError:
            allowance.check()
            raise


def _with_values(built: BuiltModel, pairs: Sequence[Tuple[Any, Any]]) -> Any:
    for variable, value in pairs:
        variable.assign(value)
    return built.model


def _built(file: KerasFile, trusted: bool, stored: StoredModel, library: Any) -> Any:
    """Return the model, built layer by layer, and the array of each variable."""
    arrays = arrays_of(file)
    values = sum(one.value.size for layer in arrays.values() for one in layer)
    allowance = Allowance(values, file.path)
    zeros = zeros_within(allowance, library)
    written = stored.generation
    era = Era(library, generation_of(library), written, file.path, trusted, zeros)
    try:
        with library.utils.custom_object_scope(own_functions(era)):
            built = build(stored.topology, era)
    except ModelError:
        allowance.check()
        raise
    backend = file.backend or stored.backend
    return built, assignments(built, arrays, stored._replace(backend=backend), file.path)


def _traced_in_a_graph_of_ours(file: KerasFile, trusted: bool, wanted: Optional[str]) -> Traced:
    """TensorFlow 1: Keras builds into a graph of ours; no variable is ever set."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph).as_default():
        stored = stored_model(file.topology, file.topology_path, file.version, file.backend)
        built, pairs = _built(file, trusted, stored, library_for(stored.generation))
    values = {variable.op.name: value for variable, value in pairs}
    return traced_in_graph(built.model, graph, values, wanted)
