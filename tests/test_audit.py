"""The audit classifies every operation; what it calls a rectifier is one, whatever its spelling."""

import gc
import sys
from typing import Any, Dict

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.network import Network
from legacy_gbp.errors import MissedRuleError
from legacy_gbp.graph.operation_kinds import Kind
from legacy_gbp.graph.operation_table import OPERATIONS, RANDOM, classify
from legacy_gbp.models.frozen_graphs import from_graph_def
from legacy_gbp.rules.audit import audit

v1 = tf.compat.v1
TF2 = not tf.__version__.startswith("1.")
X = np.array([[-2, -1, 1, 2, 8, 4]], np.float32)
WEIGHTS = np.array([1, -1, -1, 2, 3, -2], np.float32)


def graph_of(function, shape=(None, 6)):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, shape, "x")
        tf.multiply(function(x_t), WEIGHTS[: shape[-1]], name="y")
        return graph.as_graph_def()


def opened(function, **options):
    return Network(from_graph_def(graph_of(function), "g", "x", "y"), **options)


def leaky_of_keras(max_value=None, slope=0.1, threshold=0.0):
    """``ReLU(max_value, negative_slope, threshold)`` with the operations of Keras' backend."""

    def function(x_t):
        negative_t = tf.nn.relu(threshold - x_t) if threshold else tf.nn.relu(-x_t)
        if threshold:
            y_t = x_t * tf.cast(x_t > threshold, tf.float32)
        elif max_value == 6:
            y_t = tf.nn.relu6(x_t)
        else:
            y_t = tf.nn.relu(x_t)
        if max_value and (threshold or max_value != 6):
            y_t = tf.clip_by_value(y_t, 0.0, max_value)
        return y_t - slope * negative_t

    return function


SLOPES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], np.float32)


def prelu(slopes_of):
    """relu(x) - a relu(-x), with a behind other operations on constants."""
    return lambda x_t: tf.nn.relu(x_t) - slopes_of(tf.constant(SLOPES)) * tf.nn.relu(-x_t)


LEAKY = np.where(X > 0, 1, SLOPES)
GATE = (X > 0).astype(np.float32)
# Spelling: (function, its derivative at X). Guided is max(R, 0) times it, deconvnet max(R, 0).
RECTIFIERS: Dict[str, Any] = {
    "maximum(x, 1.5)": (lambda x: tf.maximum(x, 1.5), X > 1.5),
    "maximum(x, -1.5)": (lambda x: tf.maximum(x, -1.5), X > -1.5),
    "clip(x, -1.5, 1.5)": (lambda x: tf.clip_by_value(x, -1.5, 1.5), np.abs(X) < 1.5),
    "x maximum(sign(x), 0)": (lambda x: x * tf.maximum(tf.sign(x), 0.0), GATE),
    "(x + sqrt(x x)) / 2": (lambda x: (x + tf.sqrt(x * x)) / 2, GATE),
    "x cast(not x <= 0)": (lambda x: x * tf.cast(tf.logical_not(x <= 0), tf.float32), GATE),
    "x (sign(x) + 1) / 2": (lambda x: x * (tf.sign(x) + 1) / 2, GATE),
    "where(x > 0, x, exp(x) - 1)": (
        lambda x: tf.where(x > 0, x, tf.exp(x) - 1), np.where(X > 0, 1, np.exp(X)),
    ),
    "ReLU(6, .1)": (leaky_of_keras(6), [[0.1, 0.1, 1, 1, 0, 1]]),
    "ReLU(3, .1)": (leaky_of_keras(3.0), [[0.1, 0.1, 1, 1, 0, 0]]),
    "ReLU(None, .1, 1.5)": (leaky_of_keras(threshold=1.5), [[0.1, 0.1, 0.1, 1, 1, 1]]),
    "ReLU(3, .1, 1.5)": (leaky_of_keras(3.0, 0.1, 1.5), [[0.1, 0.1, 0.1, 1, 0, 0]]),
    "PReLU, reshape": (prelu(lambda a: tf.reshape(a, (1, 6))), LEAKY),
    "PReLU, expand_dims": (prelu(lambda a: tf.expand_dims(a, 0)), LEAKY),
    "PReLU, tile": (prelu(lambda a: tf.tile(a[:3], [2])),
                    np.where(X > 0, 1, np.tile(SLOPES[:3], 2))),
    "PReLU, gather": (prelu(lambda a: tf.gather(a, [5, 4, 3, 2, 1, 0])),
                      np.where(X > 0, 1, SLOPES[::-1])),
    "PReLU, abs": (prelu(lambda a: tf.abs(-a)), LEAKY),
    "PReLU, sigmoid": (prelu(tf.sigmoid), np.where(X > 0, 1, 1 / (1 + np.exp(-SLOPES)))),
    "PReLU, times 1": (prelu(lambda a: a * 1.0), LEAKY),
    "PReLU, negative slopes": (prelu(lambda a: -a), np.where(X > 0, 1, -SLOPES)),
}  # fmt: skip


@pytest.mark.parametrize("name", RECTIFIERS)
def test_a_rectifier_of_any_spelling_goes_backwards_as_one(name):
    """R = w arrives at f(x)."""
    function, derivative = RECTIFIERS[name]
    expected = {
        "gradient": WEIGHTS * derivative,
        "guided": np.maximum(WEIGHTS, 0) * derivative,
        "deconvnet": np.maximum(WEIGHTS, 0) * np.ones_like(X),
    }
    with opened(function) as net:
        for rule, wanted in expected.items():
            graph = net.under(rule)
            found = graph.gradient(X, np.ones_like(X))
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=rule)
            if rule != "gradient":
                assert graph.findings and all(finding.took for finding in graph.findings)


MISSED = {
    # Spelling: (function, operations of the finding).
    "largest of a stack with zeros": (
        lambda x: tf.reduce_max(tf.stack([x, tf.zeros_like(x)]), 0), "Max",
    ),
    "largest of two functions of x": (
        lambda x: tf.reduce_max(tf.stack([x, 0.1 * x], axis=2), 2), "Max",
    ),
    "swish": (lambda x: x / (1 + tf.exp(-x)), "AddV2+Exp+Neg+RealDiv"),
    "swish by sigmoid": (lambda x: x * tf.sigmoid(x), "Mul+Sigmoid"),
    "softplus": (lambda x: tf.math.log(1 + tf.exp(x)), "Exp"),
    "hard swish": (lambda x: x * tf.nn.relu6(x + 3) / 6, "AddV2+Mul+Relu6"),
    "abs": (tf.abs, "Abs"),
    "abs by two ReLUs": (lambda x: tf.nn.relu(x) + tf.nn.relu(-x), "AddV2+Neg+Relu"),
    "abs by where": (lambda x: tf.where(x > 0, x, -x), "Greater+Neg+Select"),
    "abs by maximum": (lambda x: tf.maximum(x, -x), "Maximum+Neg"),
    "square": (tf.square, "Square"),
    "x x": (lambda x: x * x, "Mul"),
    "exp": (tf.exp, "Exp"),
    "sin": (tf.sin, "Sin"),
    "softmax": (tf.nn.softmax, "Softmax"),
    "GELU": (lambda x: 0.5 * x * (1 + tf.math.erf(x * 0.7071)), "AddV2+Erf+Mul"),
    "a ReLU upside down": (lambda x: tf.minimum(x, 0.0), "Minimum"),
    "a PReLU whose ReLU others read": (
        lambda x: (lambda y: y - 0.1 * tf.nn.relu(-x) + tf.reduce_sum(y, 1, keepdims=True))(
            tf.nn.relu(x)), "Mul+Neg+Relu+Sub",
    ),
    "a product of two layers": (
        lambda x: tf.matmul(x, tf.ones((6, 6))) * tf.matmul(x, tf.eye(6)), "Mul",
    ),
    "attention": (lambda x: tf.matmul(tf.matmul(x, x, transpose_b=True), x), "MatMul"),
    "norm": (lambda x: x / tf.sqrt(tf.reduce_sum(tf.square(x), 1, keepdims=True)), "Square"),
    "LRN": (lambda x: tf.reshape(tf.nn.lrn(tf.reshape(x, (-1, 1, 1, 6))), (-1, 6)), "LRN"),
    "an operation without a row": (
        lambda x: tf.cast(tf.raw_ops.Bucketize(input=x, boundaries=[0.0]), tf.float32) + x,
        "Bucketize",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSED)
def test_what_is_no_rectifier_is_listed_and_refused(name):
    function, kind = MISSED[name]
    for rule in ("guided", "deconvnet"):
        with opened(function) as net, pytest.raises(MissedRuleError) as caught:
            net.under(rule)
        kinds = [finding.kind.replace("SelectV2", "Select") for finding in caught.value.findings]
        assert kind in [k.replace("Add+", "AddV2+") for k in kinds], kinds
        assert "use a method without a rule, such as gradient" in str(caught.value)


@pytest.mark.parametrize("name", ["abs", "abs by two ReLUs", "abs by where", "abs by maximum"])
def test_every_spelling_of_abs_has_one_treatment(name):
    """Missed; by the chain rule where that is accepted, its ReLUs included."""
    with opened(MISSED[name][0], allow_partial=True) as net:
        for rule in ("gradient", "guided", "deconvnet"):
            found = net.under(rule).gradient(X, np.ones_like(X))
            np.testing.assert_array_equal(found, WEIGHTS * np.sign(X))
        assert [finding.took for finding in net.under("guided").findings] == [False]


LINEAR = {
    "a maximum of two layers": lambda x: tf.maximum(
        tf.matmul(x, tf.ones((6, 6))), tf.matmul(x, tf.eye(6))
    ),
    "the largest of a layer's pieces": lambda x: tf.reduce_max(
        tf.reshape(tf.matmul(x, tf.ones((6, 12))), (-1, 6, 2)), 2
    ),
    "a maximum of two outputs of one operation": lambda x: tf.tile(
        tf.maximum(*tf.split(x, 2, 1)), [1, 2]
    ),
    "shapes that the input sets": lambda x: tf.reshape(tf.reshape(x, (-1,)), tf.shape(x)),
    "means": lambda x: x - tf.reduce_mean(x, 1, keepdims=True),
}


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_or_selects_has_nothing_to_take(name):
    with opened(LINEAR[name]) as net:
        guided, plain = (
            net.under(rule).gradient(X, np.ones_like(X)) for rule in ("guided", "gradient")
        )
        np.testing.assert_array_equal(guided, plain)
        assert net.under("guided").findings == []
        counts = net.under("guided").report.counts
        assert set(counts) <= {"linear", "selecting"}


def test_random_operations_are_named():
    with opened(lambda x: x * tf.cast(tf.random.uniform((6,)) > 0.5, tf.float32)) as net:
        notices = net.under("guided").report.notices
    assert [n.text for n in notices] == ["RandomUniform: two runs of one image differ"]


def test_batch_statistics_are_named():
    def normalised(x_t):
        ones = tf.ones(6)
        y_t, _, _ = v1.nn.fused_batch_norm(tf.reshape(x_t, (-1, 1, 1, 6)), ones, ones * 0)
        return tf.reshape(y_t, (-1, 6))

    with opened(normalised, allow_partial=True) as net:
        report = net.under("guided").report
    assert any("normalises by the statistics of the batch" in n.text for n in report.notices)
    assert [f.kind[:14] for f in report.findings] == ["FusedBatchNorm"]
    with opened(lambda x: x - tf.reduce_mean(x, 0, keepdims=True)) as net:
        notices = net.under("guided").report.notices
    assert [n.text for n in notices] == ["Mean: over the images of a batch"]


def test_gradients_that_are_not_the_chain_rule_are_named():
    straight = lambda x: x + tf.stop_gradient(tf.round(x) - x)  # noqa: E731
    with opened(straight, allow_partial=True) as net:
        report = net.under("gradient").report
    assert "StopGradient: no gradient passes here" in [n.text for n in report.notices]
    quantised = lambda x: tf.quantization.fake_quant_with_min_max_args(x, -6, 6)  # noqa: E731
    with opened(quantised) as net:
        report = net.under("guided").report
    assert [n.text[:21] for n in report.notices] == ["FakeQuantWithMinMaxAr"]
    assert "staircase" in report.notices[0].text and report.findings == []


def test_a_condition_whose_predicate_is_fixed_shows_the_branch_that_runs():
    def function(x_t):
        train_t = v1.placeholder(tf.bool, (), name="train")
        return v1.cond(train_t, lambda: tf.square(x_t), lambda: tf.nn.relu(x_t))

    graph_def = graph_of(function)
    for value, kind in ((False, "Relu"), (True, "Square")):
        source = from_graph_def(graph_def, "g", "x", "y", feeds={"train": value})
        with Network(source, allow_partial=True) as net:
            assert [f.kind for f in net.under("guided").findings] == [kind]


# Rows of operations that TensorFlow 1.15 does not have.
NEWER = {
    "AnonymousHashTable", "AnonymousMutableDenseHashTable", "AnonymousMutableHashTable",
    "AnonymousMutableHashTableOfTensors", "ApproxTopK", "BandedTriangularSolve",
    "BatchMatMulV3", "BesselI0", "BesselI1", "BesselJ0", "BesselJ1", "BesselK0", "BesselK0e",
    "BesselK1", "BesselK1e", "BesselY0", "BesselY1", "CTCLossV2", "CheckNumericsV2", "Conv",
    "Conv2DBackpropFilterV2", "Conv2DBackpropInputV2", "Dawsn", "DebugIdentityV2",
    "DenseBincount", "DenseCountSparseOutput", "DeviceIndex", "DisableCopyOnRead", "Eig",
    "Erfinv", "Expint", "ExtractGlimpseV2", "FFTND", "FresnelCos", "FresnelSin",
    "GenerateBoundingBoxProposals", "IFFTND", "IRFFTND", "ImageProjectiveTransformV2",
    "ImageProjectiveTransformV3", "IsotonicRegression", "KthOrderStatistic", "MakeUnique",
    "MatrixDiagPartV3", "MatrixDiagV3", "MatrixSetDiagV3", "Ndtri", "QuantizeAndDequantizeV4",
    "QuantizeAndDequantizeV4Grad", "QuantizedConcatV2", "QuantizedMatMulWithBiasAndDequantize",
    "QuantizedMatMulWithBiasAndRequantize", "RFFTND", "RaggedBincount",
    "RaggedCountSparseOutput", "RaggedFillEmptyRows", "RaggedFillEmptyRowsGrad",
    "RandomIndexShuffle", "ResourceScatterNdMax", "ResourceScatterNdMin", "RiscAdd", "RiscNeg",
    "RiscSub", "RngReadAndSkip", "ScatterNdMax", "ScatterNdMin", "SegmentMaxV2",
    "SegmentMinV2", "SegmentProdV2", "SegmentSumV2", "SobolSample", "SparseBincount",
    "SparseCountSparseOutput", "SparseSegmentMeanGradV2", "SparseSegmentSqrtNGradV2",
    "SparseSegmentSumGrad", "SparseSegmentSumGradV2", "Spence", "StatelessCase",
    "StatelessParameterizedTruncatedNormal", "StatelessRandomBinomial",
    "StatelessRandomGammaV2", "StatelessRandomGammaV3", "StatelessRandomGetAlg",
    "StatelessRandomGetKeyCounter", "StatelessRandomGetKeyCounterAlg",
    "StatelessRandomNormalV2", "StatelessRandomPoisson", "StatelessRandomUniformFullInt",
    "StatelessRandomUniformFullIntV2", "StatelessRandomUniformIntV2",
    "StatelessRandomUniformV2", "StatelessSampleDistortedBoundingBox", "StatelessShuffle",
    "StatelessTruncatedNormalV2", "StochasticCastToInt", "TensorScatterMax",
    "TensorScatterMin", "ToBool", "TopKUnique", "TopKWithUnique", "UniformDequantize",
    "UniformQuantize", "UniformQuantizedAdd", "UniformQuantizedClipByValue",
    "UniformQuantizedConvolution", "UniformQuantizedConvolutionHybrid", "UniformQuantizedDot",
    "UniformQuantizedDotHybrid", "UniformRequantize", "Xlog1py", "_FusedConv3D",
    "_FusedDepthwiseConv2dNative",
}  # fmt: skip
OLDER = {"CompareAndBitpack"}  # TensorFlow 2 does not have it


def registry():
    if TF2:
        from tensorflow.python.client import pywrap_tf_session as session
    else:
        from tensorflow.python import pywrap_tensorflow as session
    from tensorflow.core.framework import op_def_pb2

    listed = op_def_pb2.OpList()
    listed.ParseFromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    return {op.name: op for op in listed.op}


def test_the_table_covers_the_registry():
    """Every registered operation has a class; unknown means nonlinear. No row is a misprint."""
    registered = registry()
    classes = {name: classify(name).kind for name in registered}
    assert all(isinstance(kind, Kind) for kind in classes.values())
    for name in ("Sigmoid", "Softmax", "BlockLSTM", "Exp", "Pow", "LRN", "Erf", "L2Loss"):
        assert classes[name] is Kind.NONLINEAR
    named = set(OPERATIONS) | RANDOM
    of_contrib = {"ImageProjectiveTransformV2"}  # registered once tf.contrib is loaded
    known = set(registered) - (set() if TF2 else of_contrib)
    assert named - known == (OLDER if TF2 else NEWER)


def test_rows_name_inputs_that_exist():
    registered = registry()
    for name, row in OPERATIONS.items():
        if name in registered and isinstance(row.places, tuple):
            arguments = registered[name].input_arg
            lists = any(argument.number_attr or argument.type_list_attr for argument in arguments)
            assert lists or max(row.places) < len(arguments), name


def calls_of_the_audit(layers):
    """Count the Python calls that the audit of a residual network makes."""
    with tf.Graph().as_default():
        x_t = y_t = v1.placeholder(tf.float32, (None, 8, 8, 2), "x")
        kernel = np.ones((1, 1, 2, 2), np.float32)
        for _ in range(layers):
            y_t = y_t + tf.nn.relu(tf.nn.conv2d(y_t, kernel, [1, 1, 1, 1], "SAME"))
        y_t = tf.reduce_sum(y_t, (1, 2), name="y")
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event == "call"

        gc.collect()  # nothing of earlier tests is finalised while calls are counted
        gc.disable()
        sys.setprofile(count)
        try:
            report = audit([x_t], y_t, "gradient")
        finally:
            sys.setprofile(None)
            gc.enable()
    assert sum(report.counts.values()) >= 3 * layers
    return calls


def test_the_audit_takes_time_in_proportion_to_the_network():
    """Sums of two branches double the number of ways: each operation is visited once."""
    calls_of_the_audit(2)  # what is done once
    assert calls_of_the_audit(120) < 2.2 * calls_of_the_audit(60)


def test_the_plain_gradient_keeps_a_custom_one():
    """y = w x with the gradient 7 R: by a live session; the guided rule replaces none here."""

    @tf.custom_gradient
    def scaled(x_t):
        return x_t * 1.0, lambda r_t: 7 * r_t

    from legacy_gbp.models.live_sessions import live_session

    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 6), "x")
        y_t = scaled(x_t) * WEIGHTS
        with Network(live_session(session, x_t, y_t)) as net:
            graph = net.under("gradient")
            np.testing.assert_array_equal(graph.gradient(X, np.ones_like(X)), [7 * WEIGHTS])
            assert any("has the custom gradient" in n.text for n in graph.report.notices)


def test_a_custom_gradient_that_nobody_knows_is_removed_and_named():
    graph_def = graph_of(tf.nn.relu)
    relu = next(node for node in graph_def.node if node.op == "Relu")
    relu.attr["_gradient_op_type"].s = b"CustomGradient-4711"
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        graph = net.under("gradient")
        np.testing.assert_array_equal(graph.gradient(X, np.ones_like(X)), WEIGHTS * GATE)
    assert graph.endpoints.removed_overrides == ("Relu",)


def test_flags_of_a_graph_are_named():
    def dropped(x_t):
        keep_t = v1.placeholder_with_default(0.5, (), name="keep_prob")
        return v1.nn.dropout(x_t, keep_prob=keep_t) if not TF2 else x_t * keep_t

    with opened(dropped) as net:
        assert net.under("guided").endpoints.flags == ("keep_prob",)
