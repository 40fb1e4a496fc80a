"""Keras models of any version, from a file of any name or in memory.

==================  =================  ================================================
written by          Keras installed    opened
==================  =================  ================================================
Keras 3             3                  by Keras
Keras 2             any                layer by layer (:mod:`.keras_builder`), by
                                       ``tf_keras`` where that is installed
Keras 3             2                  layer by layer
==================  =================  ================================================

The model is traced into a graph; from there on it is a frozen graph like any other. The
caller's Keras session and TensorFlow's global switches do not change.
"""

import contextlib
import importlib
import importlib.util
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import tensorflow as tf

from legacy_gbp.errors import LegacyGbpError, ModelError, shortened
from legacy_gbp.graph.infer_endpoints import find_inputs, find_output
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.while_loops import COLLECTION, kept_contexts, loop_exits, with_contexts
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.keras_arrays import assignments
from legacy_gbp.models.keras_builder import BuiltModel, build
from legacy_gbp.models.keras_errors import cause_of
from legacy_gbp.models.keras_files import (
    KerasFile,
    arrays_of,
    read_keras_file,
    under_a_name_of_its_kind,
)
from legacy_gbp.models.keras_layers import PYTHON, Era, own_functions
from legacy_gbp.models.keras_topology import stored_model
from legacy_gbp.models.token_inputs import embedded_inputs

LEGACY = "tf_keras"


class Traced(NamedTuple):
    """A Keras model as a graph.

    Attributes
    ----------
    graph_def : GraphDef
    inputs : dict of str to str
        Name of the input layer to tensor.
    outputs : dict of str to str
        Name of the output layer to tensor.
    values : dict of str to array
        Of the variables that are not constants already.
    contexts : list of WhileContextDef
        Of loops of TensorFlow 1.
    """

    graph_def: Any
    inputs: Dict[str, str]
    outputs: Dict[str, str]
    values: Dict[str, Any]
    contexts: List[Any]


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
    file = read_keras_file(path)
    python = [kind for kind in PYTHON if f'"{kind}"' in file.topology]
    if python and not trusted:
        raise ModelError(
            f"{path}: holds a {python[0]} layer, which is Python code; if you trust its author, "
            "set `trusted`"
        )
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


def trace(model: Any, where: str, wanted: Optional[str] = None) -> Traced:
    """Trace the call of a Keras model; its variables become constants of their present values.

    Parameters
    ----------
    model : keras.Model
        Of TensorFlow 2 or an eager TensorFlow 1; called before, so that it has inputs.
    where : str
        What to name in messages.
    wanted : str, optional
        A hidden layer that is to be an output, too.

    Returns
    -------
    Traced

    Raises
    ------
    ModelError
        For a model that Keras cannot call.
    """
    with _keras_errors(where):
        inputs, outputs = list(model.inputs), list(model.outputs)
        names = _unique([tensor._keras_history[0].name for tensor in outputs])
        called = model
        hidden = _hidden_output(model, wanted) if wanted and wanted not in names else None
        if hidden is not None:
            called = _library_of(model).Model(inputs, [*outputs, hidden])
            names = [*names, str(wanted)]
        specs = [
            tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=f"input_{number}")
            for number, tensor in enumerate(inputs)
        ]

        def call(*tensors: Any) -> Any:
            given = _structured(called, list(tensors))
            return tf.nest.flatten(called(given, training=False))

        # Without what no output needs: Keras 3 draws the masks of a dropout that is off.
        traced = tf.compat.v1.wrap_function(call, specs)
        concrete = traced.prune(traced.inputs[: len(specs)], traced.outputs)
    graph_def, placeholders, results = frozen(concrete, where)
    renamed = _name_scopes_like_layers(graph_def, _layer_names(model))
    layers = _unique([tensor._keras_history[0].name for tensor in inputs])
    return Traced(
        graph_def,
        dict(zip(layers, map(renamed, placeholders))),
        dict(zip(names, map(renamed, results))),
        {},
        [],
    )


def frozen(concrete: Any, where: str) -> Any:
    """Return a function as a graph with its variables as constants, its functions inlined.

    Parameters
    ----------
    concrete : ConcreteFunction
    where : str
        What to name in messages.

    Returns
    -------
    graph_def : GraphDef
    inputs, outputs : list of str
        Tensors.

    Raises
    ------
    ModelError
        When TensorFlow cannot make constants of its variables.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    # Lowered to the control flow of TensorFlow 1, a loop could not be differentiated.
    try:
        found = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    except (ValueError, TypeError, KeyError, NotImplementedError, tf.errors.OpError) as error:
        raise ModelError(
            f"{where}: TensorFlow cannot freeze its variables ({cause_of(error)}); give a function "
            "that assigns to none"
        ) from error
    inputs = [tensor.name for tensor in found.inputs]
    return found.graph.as_graph_def(), inputs, [tensor.name for tensor in found.outputs]


def is_eager() -> bool:
    """Return whether TensorFlow runs operations at once, outside of any graph of the caller.

    Returns
    -------
    bool
    """
    from tensorflow.python.eager import context

    return bool(context.default_execution_mode == context.EAGER_MODE)


def eager_scope() -> Any:
    """Return a context that is outside of any graph of the caller.

    Returns
    -------
    context manager
    """
    from tensorflow.python.eager import context

    return context.eager_mode()


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
    library = _library(stored.generation)
    if stored.generation >= 3 and _generation_of(library) >= 3 and file.topology_path == file.path:
        try:
            with _keras_errors(file.path), under_a_name_of_its_kind(file) as path:
                return library.models.load_model(path, compile=False, safe_mode=not trusted)
        except ModelError:
            # A later Keras 3 writes options that the installed one does not know.
            with contextlib.suppress(LegacyGbpError):
                return _with_values(*_built(file, trusted, library))
            raise
    return _with_values(*_built(file, trusted, library))


def _with_values(built: BuiltModel, pairs: Sequence[Tuple[Any, Any]]) -> Any:
    for variable, value in pairs:
        variable.assign(value)
    return built.model


def _built(file: KerasFile, trusted: bool, library: Any) -> Any:
    """Return the model, built layer by layer, and the array of each variable."""
    stored = stored_model(file.topology, file.topology_path, file.version, file.backend)
    era = Era(library, _generation_of(library), stored.generation, file.path, trusted)
    with library.utils.custom_object_scope(own_functions(era)):
        built = build(stored.topology, era)
    backend = file.backend or stored.backend
    arrays = arrays_of(file)
    return built, assignments(built, arrays, stored._replace(backend=backend), file.path)


def _library(generation: int) -> Any:
    """Return the Keras that builds: the former one for its files, where it is installed."""
    if generation < 3 <= _generation_of(tf.keras) and importlib.util.find_spec(LEGACY):
        with contextlib.suppress(ImportError):
            return importlib.import_module(LEGACY)
    return tf.keras


def _generation_of(library: Any) -> int:
    return int(str(library.__version__).split(".")[0])


def _library_of(model: Any) -> Any:
    """Return the Keras whose class a model is."""
    package = type(model).__module__.split(".")[0]
    classes = [base.__module__.split(".")[0] for base in type(model).__mro__]
    return importlib.import_module(LEGACY) if LEGACY in (package, *classes) else tf.keras


def _traced_in_a_graph_of_ours(file: KerasFile, trusted: bool, wanted: Optional[str]) -> Traced:
    """TensorFlow 1: Keras builds into a graph of ours; no variable is ever set."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph).as_default():
        stored = stored_model(file.topology, file.topology_path, file.version, file.backend)
        built, pairs = _built(file, trusted, _library(stored.generation))
    values = {variable.op.name: value for variable, value in pairs}
    return traced_in_graph(built.model, graph, values, wanted)


def traced_in_graph(
    model: Any, graph: Any, values: Mapping[str, Any], wanted: Optional[str] = None
) -> Traced:
    """Return a Keras model of TensorFlow 1 with the graph in which it was built.

    Parameters
    ----------
    model : keras.Model
    graph : tf.Graph
        Nothing is added to it.
    values : mapping of str to array
        Of its variables.
    wanted : str, optional
        A hidden layer that is to be an output, too.

    Returns
    -------
    Traced
    """
    outputs, inputs = list(model.outputs), list(model.inputs)
    names = _unique([tensor._keras_history[0].name for tensor in outputs])
    hidden = _hidden_output(model, wanted) if wanted and wanted not in names else None
    if hidden is not None:
        outputs, names = [*outputs, hidden], [*names, str(wanted)]
    layers = _unique([tensor._keras_history[0].name for tensor in inputs])
    contexts = [loop.to_proto() for loop in graph.get_collection(COLLECTION)]
    return Traced(
        graph.as_graph_def(),
        {name: tensor.name for name, tensor in zip(layers, inputs)},
        {name: tensor.name for name, tensor in zip(names, outputs)},
        dict(values),
        contexts,
    )


def _hidden_output(model: Any, name: Optional[str]) -> Optional[Any]:
    """Return the output of a hidden layer; None where there is no such layer, or several calls."""
    layer = next((one for one in model.layers if one.name == name), None)
    try:
        return None if layer is None else layer.output
    except (AttributeError, ValueError, RuntimeError):
        return None


def _structured(model: Any, tensors: List[Any]) -> Any:
    """Return the inputs of a call as the model has them: one, a list, or a dictionary."""
    declared = getattr(model, "input", None)
    if isinstance(declared, dict):
        return dict(zip(declared, tensors))
    return tensors if len(tensors) > 1 else tensors[0]


def _unique(names: Sequence[str]) -> List[str]:
    """Number the names that come more than once."""
    return [
        name if names.count(name) == 1 else f"{name}:{names[:number].count(name)}"
        for number, name in enumerate(names)
    ]


def _layer_names(model: Any) -> Set[str]:
    """Return the names of all layers, those of nested models included."""
    names: Set[str] = set()
    for layer in model.layers:
        names |= {layer.name, *(_layer_names(layer) if hasattr(layer, "layers") else ())}
    return names


def _name_scopes_like_layers(graph_def: Any, names: Set[str]) -> Callable[[str], str]:
    """Keras 3 traces layer ``conv`` in scope ``conv_1``; rename the scopes like the layers.

    Only where it did so for every layer: then ``conv_1`` is ``conv``, and the
    layer of that name is ``conv_1_1``. Returns what renames a tensor.
    """
    rooms = {room for node in graph_def.node for room in _rooms_of_layers(node.name, names)}
    scopes = {name + "_1": name for name in names if name + "_1" in rooms}
    if any(name in rooms and name not in scopes for name in names):
        return str

    def renamed(name: str) -> str:
        lead = "^" if name.startswith("^") else ""
        stem, colon, number = name[len(lead) :].partition(":")
        count = len(_rooms_of_layers(stem, names)) + 1
        parts = stem.split("/")
        shown = [scopes.get(part, part) if 0 < k < count else part for k, part in enumerate(parts)]
        return lead + "/".join(shown) + colon + number

    if len({renamed(node.name) for node in graph_def.node}) != len(graph_def.node):
        return str
    for node in graph_def.node:
        node.name = renamed(node.name)
        node.input[:] = [renamed(name) for name in node.input]
    return renamed


def _rooms_of_layers(name: str, names: Set[str]) -> List[str]:
    """Return the scopes of layers in a name: below that of the model, one in the other.

    What follows them is of operations, such as ``batchnorm/add``.
    """
    rooms = name.split("/")[1:-1]
    known = [room in names or (room[-2:] == "_1" and room[:-2] in names) for room in rooms]
    return rooms[: known.index(False)] if False in known else rooms


@contextlib.contextmanager
def _keras_errors(where: str) -> Iterator[None]:
    """Turn any error of Keras into one line that says its cause."""
    try:
        yield
    except LegacyGbpError:
        raise
    except Exception as error:
        raise ModelError(
            f"{where}: Keras cannot load it ({cause_of(error)}); give a complete model, saved by a "
            "version like the installed one"
        ) from error
