"""A stored topology becomes a model of the Keras that is installed, layer by layer.

The calls of the file are made one by one, so that neither the form in which a version stores
a model nor the class that reads it matters.
"""

import heapq
import inspect
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from legacy_gbp.errors import LegacyGbpError, ModelError
from legacy_gbp.models.keras_errors import cause_of
from legacy_gbp.models.keras_layers import (
    Era,
    activation,
    is_channels_first,
    make_layer,
    with_channels_last,
)
from legacy_gbp.models.keras_topology import (
    INPUT,
    Call,
    Entry,
    Ref,
    Topology,
    input_shape,
    is_model,
    refs_in,
    topology_of,
)
from legacy_gbp.models.keras_trust import PYTHON

Values = Dict[Tuple[str, int], List[Any]]


class BuiltModel(NamedTuple):
    """A model, and the layers that its file names.

    Attributes
    ----------
    model : keras.Model
    topology : Topology
    layers : dict of str to (layer or BuiltModel)
        By the names in the file.
    """

    model: Any
    topology: Topology
    layers: Dict[str, Any]


def build(topology: Topology, era: Era, shape: Any = None) -> BuiltModel:
    """Build a model.

    Parameters
    ----------
    topology : Topology
    era : Era
    shape : sequence of (int or None), optional
        Of the input of a chain that does not say it, the batch first.

    Returns
    -------
    BuiltModel
        Its variables have no values yet.

    Raises
    ------
    ModelError
        Naming the layer that this Keras cannot build.
    """
    layers: Dict[str, Any] = {}
    values: Values = {}
    for entry, number in _in_order(topology, era):
        found = _called(topology, entry, number, layers, values, era, shape)
        values[entry.name, number] = found
    inputs = [values[ref.layer, ref.node][ref.tensor] for ref in topology.inputs]
    outputs = [values[ref.layer, ref.node][ref.tensor] for ref in topology.outputs]
    model = era.library.Model(
        inputs[0] if len(inputs) == 1 else inputs,
        outputs[0] if len(outputs) == 1 else outputs,
        name=topology.name.replace("/", "_"),
    )
    return BuiltModel(model, topology, layers)


def _in_order(topology: Topology, era: Era) -> Iterator[Tuple[Entry, int]]:
    """Yield every call after those that it reads, else in the order of the file."""
    calls = [(entry, n) for entry in topology.entries for n in range(len(entry.calls))]
    readers: Dict[Tuple[str, int], List[int]] = {}
    missing = []
    for place, (entry, number) in enumerate(calls):
        call = entry.calls[number]
        read = {(ref.layer, ref.node) for ref in refs_in([call.args, call.kwargs])}
        missing.append(len(read))
        for one in read:
            readers.setdefault(one, []).append(place)
    ready = [place for place, number in enumerate(missing) if not number]
    done = 0
    while ready:
        entry, number = calls[heapq.heappop(ready)]
        yield entry, number
        done += 1
        for place in readers.pop((entry.name, number), ()):
            missing[place] -= 1
            if not missing[place]:
                heapq.heappush(ready, place)
    if done < len(calls):
        stuck = next(entry for (entry, _), number in zip(calls, missing) if number)
        raise ModelError(
            f"{era.where}: layer {stuck.name!r} reads a layer that the file does not hold, or that "
            "reads it; save the model again"
        )


def _called(
    topology: Topology,
    entry: Entry,
    number: int,
    layers: Dict[str, Any],
    values: Values,
    era: Era,
    shape: Any,
) -> List[Any]:
    """Return the outputs of a call; make the layer first where this is its first."""
    call = entry.calls[number]

    def tensors(value: Any) -> Any:
        if isinstance(value, Ref):
            return values[value.layer, value.node][value.tensor]
        if isinstance(value, dict):
            return {key: tensors(one) for key, one in value.items()}
        return [tensors(one) for one in value] if isinstance(value, list) else value

    try:
        if entry.kind == INPUT:
            return [_input(topology, entry, era, shape)]
        args, kwargs = [tensors(arg) for arg in call.args], tensors(call.kwargs)
        if entry.name not in layers:
            layers[entry.name] = _made(entry, era, args)
        return _outputs(layers[entry.name], entry, Call(args, kwargs), number, era)
    except LegacyGbpError:
        raise
    except Exception as error:
        if entry.kind in PYTHON:
            raise ModelError(
                f"{era.where}: layer {entry.name!r} ({entry.kind}) is Python code that does not "
                f"run here ({cause_of(error)}); open it with the Python and Keras that wrote it"
            ) from error
        raise era.refusal(
            f"layer {entry.name!r} ({entry.kind}) cannot be built ({cause_of(error)})"
        ) from error


def _made(entry: Entry, era: Era, args: List[Any]) -> Any:
    if entry.inner is None:
        config = entry.config
        if _is_turned(entry, args):
            config = with_channels_last(entry.kind, config)
            if _activation_apart(entry):
                config = {**config, "activation": "linear"}
        if entry.kind == "Reshape":
            config = {**config, "target_shape": _target_shape(config["target_shape"], args[0])}
        return make_layer(entry.kind, config, entry.name, era, _Inner(era))
    return build(entry.inner, era, list(args[0].shape) if hasattr(args[0], "shape") else None)


class _Inner:
    """Makes the layers that another one wraps."""

    def __init__(self, era: Era) -> None:
        self._era = era

    def __call__(self, kind: str, config: Any) -> Any:
        name = config.get("name", kind.lower()) if isinstance(config, dict) else kind.lower()
        if is_model(kind, config):
            return build(topology_of(kind, config, name, self._era.where), self._era).model
        return make_layer(kind, config, name, self._era, self)


def _input(topology: Topology, entry: Entry, era: Era, shape: Any) -> Any:
    found = input_shape(entry.config) or shape
    if not found:
        raise ModelError(
            f"{era.where}: model {topology.name!r} does not say the shape of its input; call it "
            "once on images and save it again"
        )
    dtype = entry.config.get("dtype")
    dtype = dtype if isinstance(dtype, str) else "float32"
    users = [
        other.kind
        for other in topology.entries
        if any(ref.layer == entry.name for call in other.calls for ref in refs_in(call.args))
    ]
    if users and set(users) == {"Embedding"}:
        dtype = "int32"
    return era.library.Input(
        batch_shape=(None, *found[1:]), dtype=dtype, name=entry.name.replace("/", "_")
    )


def _outputs(layer: Any, entry: Entry, call: Call, number: int, era: Era) -> List[Any]:
    """Return the outputs of a call of a layer; `number` counts its calls."""
    called = layer.model if isinstance(layer, BuiltModel) else layer
    args = call.args
    options = {
        key: value for key, value in call.kwargs.items() if value is not None and key != "training"
    }
    if "training" in inspect.signature(called.call).parameters:
        options["training"] = False
    if era.installed > 2 and _is_recurrent(entry.kind) and isinstance(args[0], list):
        args, options["initial_state"] = args[0][:1], args[0][1:]
    if not _is_turned(entry, args):
        return _listed(called(*args, **options))
    suffix = f"_{number}" if number else ""
    outputs = _listed(called(_permuted(args[0], True, entry, suffix, era), **options))
    if len(outputs[0].shape) == 2:
        return outputs
    suffixes = [f"{suffix}_{place}" if place else suffix for place in range(len(outputs))]
    outputs = [_permuted(y, False, entry, end, era) for y, end in zip(outputs, suffixes)]
    apart = _activation_apart(entry)
    if apart:
        name = f"{entry.name}_{apart}{suffix}".replace("/", "_")
        function = activation(apart, entry.name, era, None)
        outputs = [era.library.layers.Activation(function, name=name)(outputs[0])]
    return outputs


def _listed(result: Any) -> List[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


def _activation_apart(entry: Entry) -> str:
    """Return the activation of a turned layer that needs the axes of the file; mostly none.

    A softmax is over the last axis. The scores in front of it or of a sigmoid are explained,
    and have the axes of the model's output.
    """
    found = entry.config.get("activation")
    apart = found in ("softmax", "log_softmax", "sigmoid") and not _is_recurrent(entry.kind)
    return str(found) if apart else ""


def _is_turned(entry: Entry, args: List[Any]) -> bool:
    """Return whether a layer runs with the axes turned: TensorFlow wants the channels last."""
    rank = len(args[0].shape) if args and hasattr(args[0], "shape") else 0
    return is_channels_first(entry.kind, entry.config, rank)


def _target_shape(stored: Sequence[int], x: Any) -> List[int]:
    """Return a shape without -1, where the input says it: TensorFlow 1.15 leaves it open."""
    sizes = [int(size) for size in list(x.shape)[1:] if size is not None]
    known = int(np.prod([size for size in stored if size != -1]))
    if -1 not in stored or len(sizes) != len(x.shape) - 1 or not known:
        return list(stored)
    return [int(np.prod(sizes)) // known if size == -1 else size for size in stored]


def _is_recurrent(kind: str) -> bool:
    return kind in ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "CuDNNLSTM", "CuDNNGRU",
                    "ConvLSTM2D")  # fmt: skip


def _permuted(x: Any, last: bool, entry: Entry, suffix: str, era: Era) -> Any:
    """Move the channels behind the places, or before them; images in time keep the time first."""
    rank = len(x.shape)
    places = list(range(2, rank)) if last else list(range(1, rank - 1))
    order = [*places, 1] if last else [rank - 1, *places]
    if _is_recurrent(entry.kind) and rank == 5:
        order = [1, 3, 4, 2] if last else [1, 4, 2, 3]
    name = f"{entry.name}_channels_{'last' if last else 'first'}{suffix}".replace("/", "_")
    return era.library.layers.Permute(order, name=name)(x)


def layer_named(built: BuiltModel, name: str) -> Optional[Any]:
    """Return a layer of a model, or of a model inside.

    Parameters
    ----------
    built : BuiltModel
    name : str
        As in the file.

    Returns
    -------
    keras.layers.Layer or None
    """
    found = built.layers.get(name)
    if found is not None:
        return found
    inner = [one for one in built.layers.values() if isinstance(one, BuiltModel)]
    return next(filter(None, (layer_named(one, name) for one in inner)), None)
