"""A topology of Keras is a program: accept what names layers of Keras, and refuse the rest by name.

The JSON is walked as data before any Keras sees it. A dictionary with a ``class_name`` becomes
an object, so that every one of them must be of a row here. Initialisers, regularisers and
constraints are not looked at: none is made (:mod:`.keras_layers`, :mod:`.keras_copy`).

======================  =========================================================
refused                 because
======================  =========================================================
``Lambda``, functions   Python code
``TFSMLayer``           loads a file
``module`` of others    is imported
``TFOpLambda``          calls any function of TensorFlow: those of :data:`PURE` pass
``TensorFlowOpLayer``   an operation: :mod:`legacy_gbp.graph.trust` has the list
``vocabulary``          a text is the name of a file
======================  =========================================================
"""

import re
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Tuple

import tensorflow as tf
from google.protobuf import json_format

from legacy_gbp.errors import ModelError, first_line
from legacy_gbp.graph.trust import check_harmless


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


# Layers that are Python code, or load files.
PYTHON = ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
# Of all generations; they compute from their input, their numbers and their arrays alone.
LAYERS = _words(
    """
    AbstractRNNCell Activation ActivityRegularization AdaptiveAveragePooling1D
    AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
    AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout AtrousConvolution2D Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D
    AvgPool3D BatchNormalization BatchNormalizationV1 BatchNormalizationV2 Bidirectional
    CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D
    Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D
    Convolution3DTranspose ConvLSTM2DCell ConvRNN2D Cropping1D Cropping2D Cropping3D CuDNNGRU
    CuDNNLSTM CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU
    EinsumDense Embedding Equalization Flatten GRU GRUCell GRUV2 GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
    GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention
    HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell LSTMV2
    LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxPool1D MaxPool2D
    MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp
    MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN
    RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomFourierFeatures
    RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing
    ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D
    SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract
    SyncBatchNormalization TextVectorization ThresholdedReLU TimeDistributed UnifiedGRU UnifiedLSTM
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """
)
MODELS = frozenset(["Model", "Functional", "Sequential", "Network"])
# Operations of TensorFlow as layers of Keras 2.
OPERATIONS = frozenset(["TensorFlowOpLayer", "TFOpLambda", "SlicingOpLambda"])
POLICIES = _words(
    """
    AutoCastPolicy DTypePolicy DTypePolicyMap FloatDTypePolicy Policy PolicyV1
    QuantizedDTypePolicy QuantizedFloat8DTypePolicy
    """
)
# Values that JSON has no form for.
PLAIN = _words(
    """
    TensorShape __bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__
    """
)
ACTIVATIONS = _words(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax
    softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink
    threshold
    """
)
# Never made from a file, so that it does not matter what they name.
UNUSED_ENDINGS = ("_initializer", "_regularizer", "_constraint")
UNUSED = ("compile_config", "loss_config", "optimizer_config", "training_config")
MODULE = re.compile(r"(builtins|(tf_|tensorflow\.(python\.)?)?keras(\.[A-Za-z0-9_]+)*)?")
KERAS_OPERATIONS = re.compile(r"keras\.src\.ops\.(core|image|linalg|math|nn|numpy)")
# Operations of Keras 3 that call functions.
CALLING = _words("AssociativeScan Cond ForiLoop Function Map Scan Switch VectorizedMap WhileLoop")
# Functions of TensorFlow that compute from their arguments alone.
PURE = re.compile(
    r"""
    (__operators__ | bitwise | image | linalg | math | quantization | signal
     | (compat\.v1\.)?(image | linalg | math | signal))\.[a-z0-9_.]+
    | (compat\.v1\.)?nn\.(?!.*(sampler|sampled|nce_loss|experimental|rnn)) [a-z0-9_]+
    | keras\.activations\.(?!get$|serialize$|deserialize$)[a-z0-9_]+
    | keras\.backend\.(
        abs | all | any | argmax | argmin | batch_dot | batch_flatten | batch_normalization
        | bias_add | cast | clip | concatenate | conv[123]d | cos | cumprod | cumsum
        | depthwise_conv2d | dot | elu | equal | exp | expand_dims | flatten | gather | greater
        | greater_equal | hard_sigmoid | l2_normalize | less | less_equal | log | max | maximum
        | mean | min | minimum | not_equal | one_hot | ones_like | permute_dimensions | pool[23]d
        | pow | prod | relu | repeat | repeat_elements | reshape | resize_images | reverse | round
        | separable_conv2d | shape | sigmoid | sign | sin | softmax | softplus | softsign
        | spatial_2d_padding | sqrt | square | squeeze | stack | std | stop_gradient | sum | tanh
        | temporal_padding | tile | transpose | var | zeros_like)
    | (compat\.v1\.)?(
        abs | add | add_n | argmax | argmin | argsort | batch_to_space | boolean_mask
        | broadcast_to | cast | clip_by_norm | clip_by_value | concat | constant | convert_to_tensor
        | cumsum | divide | einsum | ensure_shape | equal | exp | expand_dims | eye | fill | floor
        | gather | gather_nd | greater | greater_equal | identity | less | less_equal | linspace
        | logical_and | logical_not | logical_or | matmul | maximum | meshgrid | minimum | multiply
        | negative | norm | not_equal | one_hot | ones | ones_like | pad | pow | range | rank
        | realdiv | reduce_(all | any | logsumexp | max | mean | min | prod | sum) | repeat
        | reshape | reverse | roll | round | saturate_cast | scatter_nd | shape | shape_n | sigmoid
        | sign | size | slice | sort | space_to_batch | space_to_depth | depth_to_space | split
        | sqrt | square | squeeze | stack | stop_gradient | strided_slice | subtract | tanh
        | tensordot | tile | to_float | to_int32 | transpose | truediv | unstack | where
        | zeros | zeros_like)
    """,
    re.VERBOSE,
)
SHAPES = ("batch_input_shape", "batch_shape", "build_input_shape", "input_shape")
MOST_VALUES = 1 << 30  # of one input
MOST_LAYERS = 20000
TRUST = "if you trust its author, set `trusted`"


def check_topology(topology: Any, where: str, trusted: bool, complete: bool = False) -> None:
    """Refuse what a topology names and this module does not know.

    Parameters
    ----------
    topology : dict
        Parsed JSON.
    where : str
        The file, for messages.
    trusted : bool
        The user trusts its author: names are not looked at, only sizes.
    complete : bool
        Refuse unknown layers, too: where Keras itself makes the objects. The builder of
        :mod:`.keras_builder` makes no others than those of Keras.

    Raises
    ------
    ModelError
        That names what is refused.
    """
    number = 0
    for value in _objects(topology):
        _check_shapes(value, where)
        if "class_name" not in value:
            continue
        number += 1
        if number > MOST_LAYERS:
            raise ModelError(
                f"{where}: names more than {MOST_LAYERS} layers, as no model does; save the model "
                "again"
            )
        if not isinstance(value["class_name"], str):
            raise ModelError(
                f"{where}: names {_short(value['class_name'])} as a class, which is no text; save "
                "the model again"
            )
        if not trusted:
            _check_object(value, where, complete)


def operation_of(config: Dict[str, Any], where: str) -> Any:
    """Return the operation that a ``TensorFlowOpLayer`` is.

    Parameters
    ----------
    config : dict
        Of the layer.
    where : str
        The file, for messages.

    Returns
    -------
    NodeDef

    Raises
    ------
    ModelError
        Where it holds none.
    """
    stored = config.get("node_def")
    try:
        if isinstance(stored, dict):
            return json_format.ParseDict(stored, tf.compat.v1.NodeDef())
        return tf.compat.v1.NodeDef.FromString(str(stored).encode("utf-8"))
    except Exception as error:  # protobuf raises errors of any kind for damaged messages
        raise ModelError(
            f"{where}: layer {_short(config.get('name'))} holds no operation of TensorFlow "
            f"({first_line(error)}); save the model again"
        ) from error


def _objects(topology: Any) -> Iterator[Dict[str, Any]]:
    """Yield all dictionaries of a topology that may become objects."""
    pending: List[Any] = [topology]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            yield value
            pending += [inner for key, inner in value.items() if not is_unused(key)]


def is_unused(key: str) -> bool:
    """Return whether an entry of a topology is never made.

    Parameters
    ----------
    key : str

    Returns
    -------
    bool
        True for initialisers and for what training alone needs.
    """
    return key in UNUSED or key.endswith(UNUSED_ENDINGS)


def _check_object(value: Dict[str, Any], where: str, complete: bool) -> None:
    package, _, kind = value["class_name"].rpartition(">")
    config = value.get("config")
    config = config if isinstance(config, dict) else {}
    if kind in PYTHON:
        raise ModelError(f"{where}: holds a {kind} layer, which is Python code; {TRUST}")
    if kind == "function":
        if not (isinstance(value.get("config"), str) and value["config"] in ACTIVATIONS):
            raise ModelError(
                f"{where}: names the function {_short(value.get('config'))}, which is Python code; "
                f"{TRUST}"
            )
    elif kind.startswith("__") and kind not in PLAIN:
        raise ModelError(f"{where}: holds {_short(kind)}, which may be Python code; {TRUST}")
    elif kind in OPERATIONS:
        _check_operation(kind, config, where)
    elif complete and not _is_known(kind, value.get("module")):
        raise ModelError(
            f"{where}: holds {_short(value['class_name'])}, which is no layer of Keras; register "
            f"its class, and {TRUST}"
        )
    registered = value.get("registered_name")
    if package or registered not in (None, "", kind, value.get("config")):
        named = value["class_name"] if package else registered
        raise ModelError(
            f"{where}: holds {_short(named)}, which is of another package than Keras; register its "
            f"class, and {TRUST}"
        )
    module = value.get("module")
    if module is not None and not (isinstance(module, str) and MODULE.fullmatch(module)):
        raise ModelError(
            f"{where}: names the module {_short(module)}, which is not of Keras; {TRUST}"
        )
    for key in ("vocabulary", "idf_weights"):
        if isinstance(config.get(key), str):
            raise ModelError(
                f"{where}: the {key} of a {kind} layer lies in the file {_short(config[key])}; "
                f"{TRUST}"
            )


def _is_known(kind: str, module: Any) -> bool:
    if any(kind in known for known in (LAYERS, MODELS, POLICIES, PLAIN)):
        return True
    of_keras = isinstance(module, str) and KERAS_OPERATIONS.fullmatch(module)
    return bool(of_keras and kind not in CALLING)


def _check_operation(kind: str, config: Dict[str, Any], where: str) -> None:
    if kind == "TensorFlowOpLayer":
        check_harmless(tf.compat.v1.GraphDef(node=[operation_of(config, where)]), where)
        return
    function = config.get("function")
    if not (isinstance(function, str) and PURE.fullmatch(function)):
        raise ModelError(
            f"{where}: a {kind} layer calls {_short(function)} of TensorFlow, which may reach "
            f"outside of the graph; {TRUST}"
        )


def _check_shapes(value: Dict[str, Any], where: str) -> None:
    for key in SHAPES:
        shape = _listed(value.get(key))
        if shape is None or not all(_is_size(size) for size in shape):
            continue
        total = 1
        for size in shape:
            total *= 1 if size is None else size
        if total > MOST_VALUES:
            raise ModelError(
                f"{where}: declares an input of shape {_short(shape)}, which has more than "
                f"{MOST_VALUES} values; save the model with a smaller `input_shape`"
            )


def _listed(shape: Any) -> Optional[List[Any]]:
    if isinstance(shape, dict) and isinstance(shape.get("items"), list):
        return list(shape["items"])
    return shape if isinstance(shape, list) else None


def _is_size(value: Any) -> bool:
    return value is None or (isinstance(value, int) and value >= 0)


def _short(value: Any) -> str:
    """Return a value of a stranger for a message: printable, and of 80 characters at most."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def layers_in(topology: Any) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Yield the class and the options of every object in a topology.

    Parameters
    ----------
    topology : dict
        Parsed JSON.

    Yields
    ------
    (str, dict)
        The options may be changed.
    """
    for value in _objects(topology):
        kind, config = value.get("class_name"), value.get("config")
        if isinstance(kind, str) and isinstance(config, dict):
            yield kind.rpartition(">")[2], config
