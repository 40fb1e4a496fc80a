"""One layer of a stored Keras model, made by the Keras that is installed.

What the installed class takes is read from its signature. What it does not take is renamed
by a row, dropped where it changes no number of the forward pass, or refused by name.
Nothing of a file runs: a class is looked up among the layers of Keras, and never imported.
"""

import inspect
from typing import Any, Callable, Dict, NamedTuple, Set

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.models.keras_patches import LocallyConnected
from legacy_gbp.models.keras_trust import ACTIVATIONS, LAYERS, PYTHON, TRUST

# Old class to the one that computes the same.
CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "AtrousConvolution2D": "Conv2D",
}
# Old key to the one of today; used where the class takes the second and not the first.
KEYS = {
    "alpha": "negative_slope",
    "theta": "threshold",
    "negative_slope": "alpha",
    "threshold": "theta",
}
# What changes no number of the forward pass, whether or not the class takes it.
HARMLESS = {
    "activity_regularizer", "autocast", "batch_input_shape", "batch_shape", "build_config", "dtype",
    "fused", "implementation", "ragged", "seed", "sparse", "stateful", "synchronized", "trainable",
    "use_cudnn",
}  # fmt: skip
# The same, of other classes than those that take it.
HINTS = {
    "batch_size", "consume_less", "input_dim", "input_dtype", "input_length", "input_shape",
    "input_spec", "input_tensor", "lora_alpha", "lora_rank", "num_constants", "optional",
    "quantization_config", "renorm_clipping", "renorm_momentum",
}  # fmt: skip
HARMLESS_ENDINGS = ("_initializer", "_regularizer", "_constraint")
# What a layer does anyway that does not know the key.
DEFAULTS = {"groups": (1,), "time_major": (False,), "output_padding": (None,)}
# What the layers of Keras 2 take without a name in their signature.
PASSED_ON = ("zero_output_for_mask",)
FUNCTIONS = ("activation", "recurrent_activation")
CELLS = ("cell", "layer", "backward_layer")
# Layers whose input has one axis of channels that `data_format` names.
IMAGE_LAYERS = (
    "Conv", "Pool", "UpSampling", "ZeroPadding", "Cropping", "LocallyConnected", "SpatialDropout",
)  # fmt: skip
CHANNELS_FIRST, CHANNELS_LAST = "channels_first", "channels_last"


class Era(NamedTuple):
    """The Keras that builds, and the one that wrote.

    Attributes
    ----------
    library : module
        Such as ``tf.keras``.
    installed : int
        Its generation, 2 or 3.
    written : int
        The generation of the file.
    where : str
        The file, for messages.
    trusted : bool
        Whether Python code of the file may run.
    zeros : type
        Initialiser of all variables: :func:`legacy_gbp.models.keras_zeros.zeros_within`.
    """

    library: Any
    installed: int
    written: int
    where: str
    trusted: bool
    zeros: Any

    def refusal(self, reason: str) -> ModelError:
        """Return the error for what this Keras cannot build.

        Parameters
        ----------
        reason : str

        Returns
        -------
        ModelError
            With the remedy.
        """
        remedy = "save the model as a SavedModel or a frozen graph"
        if self.installed > 2:
            remedy = "install the former Keras: pip install 'legacy_gbp[keras2]'"
        return ModelError(f"{self.where}: {reason}; {remedy}")


def make_layer(kind: str, config: Dict[str, Any], name: str, era: Era, inner: Any) -> Any:
    """Make a layer.

    Parameters
    ----------
    kind : str
        The class in the file.
    config : dict
        As stored.
    name : str
    era : Era
    inner : callable
        ``inner(kind, config)`` makes a layer that this one wraps.

    Returns
    -------
    keras.layers.Layer

    Raises
    ------
    ModelError
        For a class or an option that this Keras lacks.
    """
    if kind in PYTHON and not era.trusted:
        raise ModelError(f"{era.where}: holds a {kind} layer, which is Python code; {TRUST}")
    config = {**_rewritten(kind, config, era), "name": name.replace("/", "_")}
    made = _class(kind, name, era)
    if kind == "Lambda":
        return _lambda(made, config, era)
    if kind in PYTHON or _is_operation(kind):
        return made.from_config(config)
    taken = parameters_of(made, era.library.layers.Layer)
    options: Dict[str, Any] = {}
    for key, value in config.items():
        new = key if key in taken or KEYS.get(key) not in taken else KEYS[key]
        if new in taken or (key in PASSED_ON and era.installed < 3 and not _is_harmless(key)):
            options.update(_option(new, key, value, name, era, inner))
        elif not (_is_harmless(key) or _says_nothing(key, value)):
            raise era.refusal(f"layer {name!r} ({kind}) has {key}={value!r}, which is unknown here")
    dtype = _dtype(config.get("dtype"))
    if dtype:
        options["dtype"] = dtype
    for key in taken:  # every variable gets its array
        if key.endswith("_initializer"):
            options[key] = era.zeros()
    if kind == "Softmax" and "mask" not in inspect.signature(made.call).parameters:
        axis = options.pop("axis", -1)
        return era.library.layers.Activation(lambda x: _softmax(x, axis), **options)
    return made(**options)


def _option(new: str, key: str, value: Any, name: str, era: Era, inner: Any) -> Dict[str, Any]:
    """Return an option as the layer takes it: functions and layers are made; empty for none."""
    if _is_harmless(key):
        return {}
    if key in FUNCTIONS:
        return {new: activation(value, name, era, inner)}
    if key in CELLS and isinstance(value, dict):
        return {new: inner(value["class_name"], value["config"])}
    if key in ("cells", "cell") and isinstance(value, list):
        return {new: [inner(one["class_name"], one["config"]) for one in value]}
    return {new: value}


def _is_harmless(key: str) -> bool:
    return key in HARMLESS or key.endswith(HARMLESS_ENDINGS)


def _says_nothing(key: str, value: Any) -> bool:
    """Return whether a layer that does not know an option computes what it says."""
    return key in HINTS or value is None or value is False or value in DEFAULTS.get(key, ())


def activation(value: Any, name: str, era: Era, inner: Any) -> Any:
    """Return an activation as its file means it.

    Parameters
    ----------
    value : str, dict or None
        As stored.
    name : str
        Of the layer, for messages.
    era : Era
    inner : callable
        See :func:`make_layer`.

    Returns
    -------
    str, callable or None

    Raises
    ------
    ModelError
        For a function that Keras lacks.
    """
    if isinstance(value, dict):
        kind, config = value.get("class_name"), value.get("config")
        if isinstance(config, dict):
            return inner(kind, {"name": f"{name}_{str(kind).lower()}", **config})
        value = config if isinstance(config, str) else kind
    if value is None:
        return None
    if not isinstance(value, str):
        raise era.refusal(f"layer {name!r} has the activation {value!r}, which is unknown here")
    if value == "hard_sigmoid" and era.installed != era.written:
        return _HARD_SIGMOIDS[era.written]
    if value == "softmax" and era.installed < 3:
        return _softmax
    known = value in ACTIVATIONS or era.trusted
    if known and callable(getattr(era.library.activations, value, None)):
        return value
    if value in _OTHER_ACTIVATIONS:
        return _OTHER_ACTIVATIONS[value]
    raise era.refusal(f"layer {name!r} has the activation {value!r}, which is unknown here")


def parameters_of(made: Any, base: Any) -> Set[str]:
    """Return the names that a class takes, those of its bases included.

    Parameters
    ----------
    made : type
    base : type
        Its options are left out: each layer takes ``name`` and ``dtype``.

    Returns
    -------
    set of str
    """
    names = {"name"}
    for cls in made.__mro__:
        if cls in base.__mro__:
            break
        if "__init__" not in vars(cls):
            continue
        found = inspect.signature(cls.__init__).parameters.values()
        names |= {one.name for one in found if one.kind != one.VAR_KEYWORD}
        if not any(one.kind == one.VAR_KEYWORD for one in found):
            break
    return names - {"self", "args", "kwargs"}


def is_channels_first(kind: str, config: Dict[str, Any], rank: int) -> bool:
    """Return whether a layer takes images with the channels before the rows.

    Parameters
    ----------
    kind : str
    config : dict
    rank : int
        Of the images.

    Returns
    -------
    bool
    """
    if kind.startswith("BatchNormalization"):
        return config.get("axis") in (1, [1]) and rank > 3
    named = any(part in kind for part in IMAGE_LAYERS) and ("LSTM" not in kind or rank == 5)
    return named and config.get("data_format") == CHANNELS_FIRST


def with_channels_last(kind: str, config: Dict[str, Any]) -> Dict[str, Any]:
    """Return the options of the same layer for images with the channels last.

    Parameters
    ----------
    kind : str
    config : dict

    Returns
    -------
    dict
    """
    last = {"axis": -1} if kind.startswith("BatchNormalization") else {"data_format": CHANNELS_LAST}
    return {**config, **last}


def _lambda(made: Any, config: Dict[str, Any], era: Era) -> Any:
    """Make a layer of Python code, stored in the form of either generation."""
    config, function = dict(config), config.get("function")
    if era.installed < 3:
        if isinstance(function, dict) and isinstance(function.get("config"), dict):
            inner = function["config"]
            parts = [inner.get(key) for key in ("code", "defaults", "closure")]
            config.update(function=parts, function_type="lambda", module=None)
            config.update(output_shape=None, output_shape_type="raw", output_shape_module=None)
            config.setdefault("arguments", {})
            config.pop("mask", None)
        return made.from_config(config)
    if isinstance(function, list):
        code = dict(zip(("code", "defaults", "closure"), function))
        config["function"] = {"class_name": "__lambda__", "config": code}
    if era.written < 3:
        shape = config.pop("output_shape", None)
        if isinstance(shape, list) and config.get("output_shape_type", "raw") == "raw":
            config["output_shape"] = shape
        for key in ("function_type", "module", "output_shape_type", "output_shape_module"):
            config.pop(key, None)
    for key in HARMLESS - {"dtype", "trainable"}:
        config.pop(key, None)
    return made.from_config(config, safe_mode=False)


def _class(kind: str, name: str, era: Era) -> Any:
    layers = era.library.layers
    if kind.startswith("LocallyConnected") and not hasattr(layers, kind):
        return LocallyConnected.of(layers.Layer, era.library.activations.get, era.zeros)
    if kind == "ThresholdedReLU" and not hasattr(layers, kind):
        return layers.ReLU
    for room in (layers, getattr(getattr(layers, "experimental", None), "preprocessing", None)):
        for wanted in (kind, CLASSES.get(kind, kind)):
            found = getattr(room, wanted, None)
            if (
                inspect.isclass(found)
                and issubclass(found, layers.Layer)
                and (kind not in CLASSES or wanted != kind)
            ):
                if not (era.trusted or kind in LAYERS):
                    raise ModelError(
                        f"{era.where}: layer {name!r} is of class {kind}, which may reach outside "
                        f"of the graph; {TRUST}"
                    )
                return found
    if _is_operation(kind):
        found = _operation_class(kind, era.library)
        if found is not None:
            return found
    raise era.refusal(f"layer {name!r} is of class {kind}, which is not in Keras {version(era)}")


def version(era: Era) -> str:
    """Return the version of the Keras that builds.

    Parameters
    ----------
    era : Era

    Returns
    -------
    str
    """
    return str(getattr(era.library, "__version__", tf.__version__))


def _is_operation(kind: str) -> bool:
    """Return whether a class is an operation of TensorFlow in a model: its graph is checked."""
    return kind in ("TensorFlowOpLayer", "TFOpLambda", "SlicingOpLambda")


def _operation_class(kind: str, library: Any) -> Any:
    """Return a class that Keras 2 keeps for its own use."""
    import importlib

    for module in (
        f"{library.__name__}.src.layers.core.tf_op_layer",
        f"{library.__name__}.src.engine.base_layer",
        "tensorflow.python.keras.engine.base_layer",
    ):
        try:
            found = getattr(importlib.import_module(module), kind, None)
        except ImportError:
            continue
        if found is not None:
            return found
    return None


def _rewritten(kind: str, config: Dict[str, Any], era: Era) -> Dict[str, Any]:
    """Return a configuration with what a former version left unsaid, or meant otherwise."""
    config = dict(config)
    if kind in ("GRU", "GRUCell"):
        config.setdefault("reset_after", False)
    elif kind == "CuDNNGRU":
        config.update(reset_after=True, recurrent_activation="sigmoid", activation="tanh")
    elif kind == "CuDNNLSTM":
        config.update(recurrent_activation="sigmoid", activation="tanh")
        config.pop("unit_forget_bias", None)
    elif kind.startswith("BatchNormalization"):
        axis = config.get("axis", -1)
        config["axis"] = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        if config.get("renorm"):
            raise era.refusal("a batch norm with renorm has more arrays")
        config["virtual_batch_size"] = None
        config.pop("mode", None)
    if "RNN" in kind or "LSTM" in kind or "GRU" in kind:
        config.setdefault("activation", "tanh")
        if "RNN" not in kind:
            config.setdefault("recurrent_activation", "hard_sigmoid")
    if kind in ("RNN", "StackedRNNCells", "ConvRNN2D"):
        config.pop("activation", None)
    if kind == "Bidirectional" and config.get("backward_layer") is None:
        config.pop("backward_layer", None)
    return config


def _dtype(stored: Any) -> Any:
    """Return a floating-point type; a policy by its name."""
    if isinstance(stored, dict):
        config = stored.get("config")
        stored = config.get("name") if isinstance(config, dict) else None
    if stored == "float32" or not isinstance(stored, str):
        return None
    return stored if "float" in stored else None


def _hard_sigmoid_of_keras_2(x: Any) -> Any:
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sigmoid_of_keras_3(x: Any) -> Any:
    return tf.nn.relu6(x + 3.0) / 6.0


def _softmax(x: Any, axis: int = -1) -> Any:
    """Return one operation, also of images: Keras 2 may write a quotient of exponentials."""
    return tf.nn.softmax(x, axis=axis)


def own_functions(era: Era) -> Dict[str, Callable[[Any], Any]]:
    """Return the functions of ours, which a wrapper of Keras looks up by name.

    Parameters
    ----------
    era : Era

    Returns
    -------
    dict of str to callable
    """
    return {made.__name__: made for made in [_HARD_SIGMOIDS[era.written], _softmax, era.zeros]}


_HARD_SIGMOIDS: Dict[int, Callable[[Any], Any]] = {
    1: _hard_sigmoid_of_keras_2,
    2: _hard_sigmoid_of_keras_2,
    3: _hard_sigmoid_of_keras_3,
}
# Functions of applications, and of later versions.
_OTHER_ACTIVATIONS: Dict[str, Callable[[Any], Any]] = {
    "relu6": tf.nn.relu6,
    "swish": tf.nn.swish,
    "silu": tf.nn.swish,
    "leaky_relu": tf.nn.leaky_relu,
    "softsign": tf.nn.softsign,
    "exponential": tf.exp,
    "log_softmax": tf.nn.log_softmax,
}
