"""The arrays of a Keras file, in the order and the form in which the built layers take them.

====================================  ==============================================
stored                                taken
====================================  ==============================================
a nested model, in one group          by the layer names in the names of the arrays;
                                      else trainable ones first, as Keras lists them
cuDNN's LSTM and GRU                  gates turned, two biases made one (LSTM)
12 or 9 arrays of Keras 1's LSTM, GRU  three, the gates side by side
kernels of Theano                     turned by 180 degrees: it convolves
kernels of channels first, Keras 1    axes in the order of TensorFlow
patches of channels first             channels behind the places: locally connected layers
====================================  ==============================================
"""

import re
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from legacy_gbp.errors import ModelError
from legacy_gbp.models.keras_builder import BuiltModel
from legacy_gbp.models.keras_layers import CHANNELS_FIRST
from legacy_gbp.models.keras_topology import Entry, StoredModel, Topology, is_model

FLIPPED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Convolution1D", "Convolution2D",
           "Convolution3D", "AtrousConvolution2D", "ConvLSTM2D")  # fmt: skip
UNFLIPPED = ("SeparableConv1D", "SeparableConv2D", "DepthwiseConv2D", "LocallyConnected1D",
             "LocallyConnected2D")  # fmt: skip
_GATES = {"CuDNNLSTM": 4, "LSTM": 4, "CuDNNGRU": 3, "GRU": 3}
FROM_KERAS_1 = {"LSTM": (12, (0, 6, 3, 9)), "GRU": (9, (0, 3, 6))}
SPLIT = "/"
OBJECT = "@"  # before the name that a file makes of a class: ``@dense_1`` is the second Dense


class Stored(NamedTuple):
    """An array of a file.

    Attributes
    ----------
    name : str
        As in the file: ``conv2d_1/kernel:0``.
    value : array
    """

    name: str
    value: np.ndarray


def assignments(
    built: BuiltModel, arrays: Dict[str, List[Stored]], stored: StoredModel, where: str
) -> List[Tuple[Any, np.ndarray]]:
    """Return the variables of a model, each with its array.

    Parameters
    ----------
    built : BuiltModel
    arrays : dict of str to list of Stored
        By layer; those of a nested model under its name.
    stored : StoredModel
        Who wrote the file.
    where : str
        The file, for messages.

    Returns
    -------
    list of (variable, array)

    Raises
    ------
    ModelError
        For a layer without arrays, or with arrays of another number or shape.
    """
    found: List[Tuple[Any, np.ndarray]] = []
    arrays = _by_layer_names(built.topology, arrays)
    for entry in built.topology.entries:
        layer = built.layers.get(entry.name)
        if layer is None:
            continue
        slots = _slots(layer, entry)
        if not slots:
            continue
        if entry.name not in arrays:
            raise ModelError(
                f"{where}: holds no arrays of layer {entry.name!r}; give the file that was saved "
                "with this topology"
            )
        found += _matched(entry, slots, arrays[entry.name], stored, where)
    return found


def _by_layer_names(topology: Topology, arrays: Dict[str, List[Stored]]) -> Dict[str, Any]:
    """Turn the names that are made of classes into those of the layers."""
    inner = {entry.name: entry.inner for entry in topology.entries}
    layers = _object_names(topology)
    named: Dict[str, List[Stored]] = {}
    for name, stored in arrays.items():
        layer = layers.get(name, name)
        model = inner.get(layer)
        named[layer] = [
            one._replace(name=SPLIT.join(_path(one.name.split(SPLIT)[1:], model)))
            if model is not None
            else one
            for one in stored
        ]
    unnamed = [entry.name for entry in topology.entries if not entry.named]
    known = {entry.name for entry in topology.entries}
    others = [layer for layer, stored in named.items() if stored and layer not in known]
    if len(unnamed) == len(others):
        named.update(zip(unnamed, [named[layer] for layer in others]))
    return named


def _path(parts: List[str], topology: Topology) -> List[str]:
    """Return the names of layers, from a nested model inwards."""
    if not parts:
        return []
    name = _object_names(topology).get(parts[0], parts[0])
    inner = next((one.inner for one in topology.entries if one.name == name), None)
    return [name, *(_path(parts[1:], inner) if inner is not None else parts[1:])]


def _object_names(topology: Topology) -> Dict[str, str]:
    """Return the name that a file makes of each layer's class, with that of the layer."""
    counts: Dict[str, int] = {}
    names = {}
    for entry in topology.entries:
        snake = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", entry.kind)
        snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", snake).lower()
        number = counts.get(snake, 0)
        counts[snake] = number + 1
        names[f"{OBJECT}{snake}_{number}" if number else OBJECT + snake] = entry.name
    return names


class _Slot(NamedTuple):
    """A layer that takes arrays: variables in Keras' order, how many of them are trained."""

    entry: Entry
    variables: List[Any]
    trained: int


def _slots(layer: Any, entry: Entry) -> List[_Slot]:
    """Return the layers with variables, those of a nested model one by one."""
    if isinstance(layer, BuiltModel):
        return [
            slot
            for inner in layer.topology.entries
            if inner.name in layer.layers
            for slot in _slots(layer.layers[inner.name], inner)
        ]
    trained, others = list(layer.trainable_weights), list(layer.non_trainable_weights)
    others = [one for one in others if "seed_generator" not in getattr(one, "path", one.name)]
    variables = trained + others
    if not variables:
        return []
    return [_Slot(entry, variables, len(trained) if entry.config.get("trainable", True) else 0)]


def _matched(
    entry: Entry, slots: List[_Slot], arrays: List[Stored], stored: StoredModel, where: str
) -> List[Tuple[Any, np.ndarray]]:
    values = [one.value for one in arrays]
    ways = [[values]] if len(slots) == 1 else [_by_name(slots, arrays), _by_order(slots, values)]
    shapes = [[_shape(v) for v in slot.variables] for slot in slots]
    for parts in ways:
        taken = [_converted(slot, one, stored, where) for slot, one in zip(slots, parts)]
        if parts and [[one.shape for one in part] for part in taken] == shapes:
            return [pair for slot, part in zip(slots, taken) for pair in zip(slot.variables, part)]
    needed = [str(_shape(v)) for slot in slots for v in slot.variables]
    raise ModelError(
        f"{where}: layer {entry.name!r} ({entry.kind}) has arrays "
        f"{', '.join(str(one.value.shape) for one in arrays) or 'none'}, but needs "
        f"{', '.join(needed)}; give the file that was saved with this topology"
    )


def _shape(variable: Any) -> Tuple[int, ...]:
    return tuple(int(size) for size in variable.shape)


def _by_name(slots: Sequence[_Slot], arrays: Sequence[Stored]) -> List[List[np.ndarray]]:
    """Sort the arrays of a nested model by the layers in their names; empty if they do not fit."""
    parts: Dict[str, List[np.ndarray]] = {slot.entry.name: [] for slot in slots}
    if len(parts) != len(slots):
        return []
    for one in arrays:
        named = [part for part in one.name.split(SPLIT) if part in parts]
        if not named:
            return []
        parts[named[-1]].append(one.value)
    return [parts[slot.entry.name] for slot in slots]


def _by_order(slots: Sequence[_Slot], values: Sequence[np.ndarray]) -> List[List[np.ndarray]]:
    """Share out the arrays of a nested model: what is trained of all layers, then the rest."""
    if len(values) != sum(len(slot.variables) for slot in slots):
        return []
    rest = iter(values)
    trained = [[next(rest) for _ in range(slot.trained)] for slot in slots]
    return [
        [*part, *(next(rest) for _ in range(len(slot.variables) - slot.trained))]
        for slot, part in zip(slots, trained)
    ]


def _converted(
    slot: _Slot, values: List[np.ndarray], stored: StoredModel, where: str
) -> List[np.ndarray]:
    """Return the arrays of a layer as the built one takes them."""
    kind, config = slot.entry.kind, slot.entry.config
    wrapped = config.get("layer") if isinstance(config.get("layer"), dict) else None
    if kind == "Bidirectional" and wrapped and len(values) % 2 == 0:
        half = len(values) // 2
        return [
            *_of_class(wrapped["class_name"], wrapped["config"], values[:half], stored, where),
            *_of_class(wrapped["class_name"], wrapped["config"], values[half:], stored, where),
        ]
    if wrapped and not is_model(wrapped["class_name"], wrapped["config"]):
        kind, config = wrapped["class_name"], wrapped["config"]
    elif kind.startswith("LocallyConnected") and config.get("data_format") == CHANNELS_FIRST:
        values = [*map(_patches, values[:1], [config]), *map(_places_of_bias, values[1:])]
    return _of_class(kind, config if isinstance(config, dict) else {}, values, stored, where)


def _of_class(
    kind: str, config: Dict[str, Any], values: List[np.ndarray], stored: StoredModel, where: str
) -> List[np.ndarray]:
    if _is_of_cudnn(kind, values):
        return _from_cudnn(kind, values)
    if kind in FROM_KERAS_1 and len(values) == FROM_KERAS_1[kind][0]:
        gates = FROM_KERAS_1[kind][1]
        return [np.concatenate([values[gate + n] for gate in gates], -1) for n in range(3)]
    if kind in UNFLIPPED and stored.backend == "theano":
        raise ModelError(
            f"{where}: a {kind} trained with Theano, which turns kernels by 180 degrees, is not "
            "known here; convert its kernels with Keras 2 and save the model again"
        )
    if kind in FLIPPED and values:
        number = 2 if kind == "ConvLSTM2D" else 1
        kernels = [_kernel(kind, config, one, stored) for one in values[:number]]
        return [*kernels, *values[number:]]
    return values


def _patches(kernel: np.ndarray, config: Dict[str, Any]) -> np.ndarray:
    """Move the channels of each patch, which a file of channels first has first, to its end."""
    places, length, filters = kernel.shape
    size = [int(one) for one in config["kernel_size"]]
    patches = kernel.reshape(places, length // int(np.prod(size)), *size, filters)
    return np.ascontiguousarray(np.moveaxis(patches, 1, -2).reshape(kernel.shape))


def _places_of_bias(bias: np.ndarray) -> np.ndarray:
    """Turn a bias (H, W, filters), which Keras 2 reads as (filters, H, W) with channels first."""
    read = bias.reshape(bias.shape[-1], *bias.shape[:-1])
    return np.ascontiguousarray(np.moveaxis(read, 0, -1))


def _is_of_cudnn(kind: str, values: Sequence[np.ndarray]) -> bool:
    """A bias of cuDNN has twice the numbers; a file may name the other class."""
    if kind not in _GATES or len(values) != 3:
        return False
    doubled = (2 * _GATES[kind] * values[1].shape[0],)
    return bool(values[2].shape == doubled)


def _kernel(
    kind: str, config: Dict[str, Any], kernel: np.ndarray, stored: StoredModel
) -> np.ndarray:
    if kind in ("Conv1D", "Convolution1D") and kernel.ndim == 4:  # Keras 1: (time, 1, in, out)
        kernel = kernel[:, 0]
    filters = config.get("filters")
    places = kernel.ndim - 2
    window = [int(size) for size in _several(config.get("kernel_size", ()), places)]
    first = list(kernel.shape[:places]) != window and list(kernel.shape[2:]) == window
    if first and kernel.shape[0] == filters:  # Keras 1 with the channels first
        kernel = np.transpose(kernel, [*range(2, kernel.ndim), 1, 0])
    if stored.backend == "theano":
        kernel = kernel[tuple(slice(None, None, -1) for _ in range(places))]
    return np.ascontiguousarray(kernel)


def _several(value: Any, number: int) -> List[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] * number


def _from_cudnn(kind: str, values: List[np.ndarray]) -> List[np.ndarray]:
    """Turn the gates of cuDNN, which are stored by their transposes."""
    gates = _GATES[kind]
    kernel, recurrent, *biases = values
    units = recurrent.shape[0]
    inputs = [part.T.reshape(part.shape, order="F") for part in np.split(kernel, gates, axis=1)]
    turned = [np.concatenate(inputs, 1)]
    turned.append(np.concatenate([part.T for part in np.split(recurrent, gates, axis=1)], 1))
    if gates == 4:
        turned += [np.sum(np.split(bias, 2), axis=0) for bias in biases]
    else:
        turned += [bias.reshape(2, gates * units) for bias in biases]
    return turned
