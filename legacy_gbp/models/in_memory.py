"""A model in memory as a source: which kind it is, and how it is opened.

=========================================  ===================================================
model                                      opened
=========================================  ===================================================
a source                                   as it is
``(session, input, output)``               by :func:`.live_session`
a Keras model of TensorFlow 2              traced
a Keras model in a graph                   by its graph and the session that Keras uses
a concrete function                        by its graph
a ``tf.function``                          by the concrete function of its signature
a loaded SavedModel                        by its signature ``serving_default``, or the only one
a ``tf.Module``, any callable              by its ``tf.function``, or traced for given images
=========================================  ===================================================

Variables have their values of the moment of the call. Keras is asked for nothing unless the
model is of one.
"""

import sys
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import InputError, LegacyGbpError, ModelError
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.models.keras_errors import cause_of
from legacy_gbp.models.keras_models import source_of
from legacy_gbp.models.keras_tracing import (
    Traced,
    eager_scope,
    frozen,
    is_eager,
    trace,
    traced_in_graph,
)
from legacy_gbp.models.live_sessions import live_session, read_variables
from legacy_gbp.models.source import Source

KERAS = ("keras", "tf_keras", "tensorflow", "tensorflow_core")
SERVING = "serving_default"
PHASE = "keras_learning_phase"
KINDS = (
    "a source of legacy_gbp.models, a Keras model, (session, input, output), a tf.function or a "
    "loaded SavedModel"
)


def as_source(
    model: Any,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
    images: Any = None,
) -> Source:
    """Return a model in memory as a source.

    Parameters
    ----------
    model : object
        See the table of the module.
    input : str or sequence of str, optional
        Input layers, arguments or tensors; all by default.
    output : str, optional
        An output layer, a result or a tensor; the only one by default, before a softmax.
    feeds : dict of str to value, optional
        Fixed values of other placeholders.
    trusted : bool
        Accept operations that reach outside of the graph.
    images : (N, ...) array, or a tuple of arrays, optional
        For what shape and type a function without a signature is traced.

    Returns
    -------
    Source

    Raises
    ------
    InputError
        For an object of another kind; lists the kinds.
    ModelError
        For a model that cannot be used.

    Examples
    --------
    >>> source = as_source(model, output="classes")  # doctest: +SKIP
    """
    if callable(getattr(model, "load", None)):
        found: Source = model
        return found
    options: Dict[str, Any] = {"feeds": feeds, "trusted": trusted}
    if _is_session(model):
        return live_session(model, input, output, **options)
    if isinstance(model, (tuple, list)) and len(model) == 3 and _is_session(model[0]):
        return live_session(model[0], input or model[1], output or model[2], **options)
    if isinstance(model, (str, bytes)) or hasattr(model, "__fspath__"):
        raise InputError(f"{model!r} is a name; open a file by `models.model_file`")
    if _is_keras(model) and hasattr(model, "layers"):
        if getattr(model, "inputs", None):
            return _of_keras(model, input, output, feeds, trusted)
        if images is None:
            raise ModelError(
                f"{_where(model)}: has no inputs yet, because its layers are Python code; give a "
                "tf.function of it with an `input_signature`"
            )
    if not is_eager():
        raise InputError(f"a {type(model).__name__} is no model that is known here; give {KINDS}")
    with eager_scope():
        concrete = _concrete(model, images)
        graph_def, inputs, outputs = frozen(concrete, _where(model))
    names = _argument_names(concrete, len(inputs))
    traced = Traced(
        graph_def,
        dict(zip(names, inputs)),
        dict(zip(_result_names(concrete, len(outputs)), outputs)),
        {},
        [],
    )
    return source_of(traced, _where(model), input, output, **options)


def _is_session(model: Any) -> bool:
    return hasattr(model, "graph") and callable(getattr(model, "run", None))


def _is_keras(model: Any) -> bool:
    """Return whether a class comes from a Keras, without importing one."""
    return any(
        base.__name__ == "Layer" and base.__module__.split(".")[0] in KERAS
        for base in type(model).__mro__
    )


def _where(model: Any) -> str:
    name = getattr(model, "name", None)
    return f"the {type(model).__name__} {name!r}" if name else f"the {type(model).__name__}"


def _of_keras(
    model: Any,
    input: Union[str, Sequence[str], None],
    output: Optional[str],
    feeds: Optional[Mapping[str, Any]],
    trusted: bool,
) -> Source:
    where = _where(model)
    graph = getattr(model.outputs[0], "graph", None)
    if graph is None or getattr(graph, "building_function", False):
        with eager_scope():
            traced = trace(model, where, output)
        return source_of(traced, where, input, output, feeds, trusted)
    session = _session_of(model, graph)
    if session is None:
        raise ModelError(
            f"{where}: its weights have no values yet, because no session has run it; call "
            "`get_weights()` first"
        )
    names = sorted({variable.op.name for variable in model.weights})
    traced = traced_in_graph(model, graph, read_variables(session, names), output)
    feeds = dict(feeds or {})
    chosen = [traced.outputs[output]] if output in traced.outputs else traced.outputs.values()
    needed = prune(traced.graph_def, [producer(name) for name in chosen])
    for node in needed.node:  # Keras 2.0 gives it no default
        if node.op == "Placeholder" and node.name.split("/")[-1] == PHASE:
            feeds.setdefault(node.name, False)
    return source_of(traced, where, input, output, feeds, trusted)


def _session_of(model: Any, graph: Any) -> Optional[Any]:
    """Return the session that Keras uses for a graph. Keras itself would make and change one."""
    found: List[Any] = [tf.compat.v1.get_default_session()]
    for base in type(model).__mro__:
        package = base.__module__.split(".")[0]
        if package not in KERAS:
            continue
        for name in (
            f"{package}.backend",
            f"{package}.src.backend",
            f"{package}.backend.tensorflow_backend",
            f"{package}.python.keras.backend",
            "tensorflow.python.keras.backend",  # of Keras 2.3, too
            "tensorflow_core.python.keras.backend",
        ):
            kept = getattr(sys.modules.get(name), "_SESSION", None)
            found.append(kept if _is_session(kept) else getattr(kept, "session", None))
    return next((one for one in found if one is not None and one.graph is graph), None)


def _concrete(model: Any, images: Any) -> Any:
    """Return the concrete function of a function, a module or a loaded SavedModel."""
    if hasattr(model, "structured_input_signature") and hasattr(model, "captured_inputs"):
        return model
    signatures = getattr(model, "signatures", None)
    if isinstance(signatures, Mapping) and signatures:
        if SERVING not in signatures and len(signatures) != 1:
            raise ModelError(
                f"{_where(model)}: has several signatures; give one of them, such as "
                f"`model.signatures[{min(signatures)!r}]`"
            )
        return signatures[SERVING] if SERVING in signatures else next(iter(signatures.values()))
    function = model
    if not hasattr(model, "get_concrete_function"):
        if not callable(model):
            raise InputError(
                f"a {type(model).__name__} is no model that is known here; give {KINDS}"
            )
        decorated = hasattr(model.__call__, "get_concrete_function")
        function = model.__call__ if decorated else tf.function(model)
    return _traced_function(function, model, images)


def _traced_function(function: Any, model: Any, images: Any) -> Any:
    stored = getattr(function, "concrete_functions", None)  # of a loaded SavedModel
    if stored and (len(stored) == 1 or images is None):
        return stored[0]
    specs: List[Any] = []
    if getattr(function, "input_signature", None) is None:
        if images is None:
            raise ModelError(
                f"{_where(model)}: the shape of its input is not known; give "
                "`model.get_concrete_function(tf.TensorSpec((None, ...), tf.float32))`"
            )
        arrays = [np.asarray(one) for one in (images if isinstance(images, tuple) else (images,))]
        specs = [
            tf.TensorSpec(
                [None, *one.shape[1:]], tf.float32 if one.dtype.kind == "f" else one.dtype
            )
            for one in arrays
        ]
    try:
        return function.get_concrete_function(*specs)
    except LegacyGbpError:
        raise
    except Exception as error:
        raise ModelError(
            f"{_where(model)}: cannot be traced ({cause_of(error)}); give a concrete function"
        ) from error


def _argument_names(concrete: Any, number: int) -> List[str]:
    args, kwargs = concrete.structured_input_signature
    specs = tf.nest.flatten((args, kwargs))
    names = [getattr(spec, "name", None) for spec in specs if isinstance(spec, tf.TensorSpec)]
    if len(names) != number or None in names or len(set(names)) != number:
        return [f"input_{place}" for place in range(number)]
    return [str(name) for name in names]


def _result_names(concrete: Any, number: int) -> List[str]:
    structure = concrete.structured_outputs
    if isinstance(structure, Mapping) and len(structure) == number:
        return sorted(str(name) for name in structure)
    return [f"output_{place}" for place in range(number)]
