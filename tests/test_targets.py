"""What is explained, in every form of output and of target, from Python and from the shell.

The network of most tests is y = A relu(x): with the seeds s of its units, R = s A arrives at
the ReLU, and the maps are R [x > 0] (gradient), max(R, 0) (deconvnet) and max(R, 0) [x > 0]
(guided). A and s are small whole numbers, so that the sums are exact.
"""

import json
import re
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_gbp import figures
from legacy_gbp.attribution import METHODS, method
from legacy_gbp.attribution.explain import explain
from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.smoothgrad import smoothgrad
from legacy_gbp.attribution.target_forms import Difference, Layer, Ranked, Unit
from legacy_gbp.cli import main_all
from legacy_gbp.cli.target_words import shown_name
from legacy_gbp.errors import InputError, ModelError, first_line
from legacy_gbp.models.frozen_graphs import from_graph_def

v1 = tf.compat.v1
RNG = np.random.RandomState(0)
A = RNG.randint(-3, 4, (12, 5)).astype(np.float32)
X = RNG.normal(size=(3, 5)).astype(np.float32)
RULES = ("gradient", "guided", "deconvnet")


def by_hand(rule, seeds, x=X):
    """Maps of A relu(x) for seeds (N, units)."""
    arriving = np.asarray(seeds, float) @ A[: np.shape(seeds)[1]]
    if rule != "gradient":
        arriving = np.maximum(arriving, 0)
    return arriving if rule == "deconvnet" else arriving * (x > 0)


def opened(function, shape=(None, 5), dtype=tf.float32):
    with tf.Graph().as_default() as graph:
        tf.identity(function(v1.placeholder(dtype, shape, "x")), name="y")
        return Network(from_graph_def(graph.as_graph_def(), "g", "x", "y"))


def units(x_t, count=12):
    return tf.matmul(tf.nn.relu(x_t), A[:count].T)


def hidden(x_t, *sizes):
    """A shape of sizes that no analysis of the graph knows."""
    return tf.stack([tf.shape(x_t)[0] * 0 + size for size in sizes])


def of_unknown_rank(y_t, *sizes):
    """Reshape behind N so that the graph does not know the number of axes."""
    sizes_t = tf.concat([tf.shape(y_t)[:1], hidden(y_t, *sizes, 1)], 0)
    return tf.reshape(y_t, tf.slice(sizes_t, [0], hidden(y_t, 1 + len(sizes))))


OUTPUTS = {
    # Form: (function of the input, shape of the output of one image).
    "(N,)": (lambda x: tf.reshape(units(x, 1), [-1]), ()),
    "scalar": (lambda x: tf.reduce_sum(units(x, 1)), ()),
    "(N, 1)": (lambda x: units(x, 1), (1,)),
    "(N, K)": (units, (12,)),
    "unknown K": (lambda x: tf.reshape(units(x), hidden(x, -1, 12)), (12,)),
    "unknown rank": (lambda x: of_unknown_rank(units(x), 2, 2, 3), (2, 2, 3)),
    "unknown rank (N,)": (lambda x: of_unknown_rank(units(x, 1)), ()),
    "dynamic reshape": (
        lambda x: tf.reshape(units(x), tf.stack([tf.shape(x)[0], 2, -1])), (2, 6),
    ),
    "(N, H, W, K)": (lambda x: tf.reshape(units(x), (-1, 2, 2, 3)), (2, 2, 3)),
    "(N, T, K)": (lambda x: tf.reshape(units(x), (-1, 4, 3)), (4, 3)),
    "(N T, K)": (lambda x: tf.reshape(units(x), (-1, 3)), (4, 3)),
    "the mean of a batch": (lambda x: tf.reduce_mean(units(x), 0), (12,)),
}  # fmt: skip


def targets_and_seeds(shape, y):
    """Targets of an output of `shape`, each with its seeds (N, units), written down by hand."""
    count, size = len(y), int(np.prod(shape))
    one = np.eye(size)
    seeds = np.arange(count * size).reshape(count, *shape) % 5 - 2.0
    cases = [
        ("predicted", one[np.argmax(y, axis=1)]),
        ("mean", np.full((count, size), 1 / size)),
        (seeds, seeds.reshape(count, size)),
    ]
    if size == 1:
        return [*cases, (0, one[[0] * count]), (Ranked(1), one[[0] * count])]
    last = tuple(length - 1 for length in shape)
    weights = np.arange(size).reshape(shape) % 3 - 1.0
    classes = np.zeros((3, count, *shape))
    classes[0, ..., 1] = 1
    classes[1, ..., 2] = 1
    classes[2, 0, ..., 1] = classes[2, 1:, ..., 0] = 1
    places = np.zeros((count, len(shape)), int)
    places[0] = last
    return [
        *cases,
        (Ranked(2), one[np.argsort(-y, axis=1)[:, 1]]),
        (Unit(last), one[[size - 1] * count]),
        (places, one[[size - 1, *[0] * (count - 1)]]),
        (weights, np.tile(weights.ravel(), (count, 1))),
        (1, classes[0].reshape(count, size)),
        (Difference(1, 2), (classes[0] - classes[1]).reshape(count, size)),
        (np.array([1, *[0] * (count - 1)]), classes[2].reshape(count, size)),
    ]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("form", OUTPUTS)
def test_every_target_of_every_output(form, rule):
    function, shape = OUTPUTS[form]
    y = np.maximum(X, 0) @ A[: int(np.prod(shape))].T
    with opened(function) as net:
        assert net.logits(X).shape == (3, *shape)
        for target, seeds in targets_and_seeds(shape, y):
            found = method(rule)(net, X, target)
            np.testing.assert_allclose(found, by_hand(rule, seeds), atol=1e-5, err_msg=repr(target))
    with opened(function) as net:  # one image, of a network that has seen no batch
        for target, seeds in targets_and_seeds(shape, y[:1]):
            found = method(rule)(net, X[:1], target)
            np.testing.assert_allclose(found, by_hand(rule, seeds, X[:1]), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    layout=st.sampled_from(["a batch", "unknown rank", "rows of all images"]),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_map_is_the_sum_of_the_units_gradients(shape, layout, seed):
    """The unit u has the gradient B[u] [x > 0], row u of the weights."""
    rng = np.random.RandomState(seed)
    size, classes = int(np.prod(shape)), shape[-1]
    weights = rng.randint(-3, 4, (size, 5)).astype(np.float32)
    in_rows = layout == "rows of all images" and len(shape) > 1 and shape[0] > 1

    def function(x_t):
        y_t = tf.matmul(tf.nn.relu(x_t), weights.T)
        if layout == "unknown rank":
            return of_unknown_rank(y_t, *shape)
        return tf.reshape(y_t, (-1, *(shape[1:] if in_rows else shape)))

    x = rng.normal(size=(2, 5)).astype(np.float32)
    y = (np.maximum(x, 0) @ weights.T).reshape(2, size)
    of_units = weights[None] * (x > 0)[:, None]  # (N, units, 5)
    place = tuple(rng.randint(length) for length in shape)
    first, rank = rng.randint(classes), rng.randint(size)
    second = (first + 1) % classes
    of_class = np.zeros((classes, *shape))
    for number in range(classes):
        of_class[number, ..., number] = 1
    of_place, of_rank = np.zeros(shape), np.zeros((2, size))
    of_place[place] = 1
    for row, values in zip(of_rank, y):
        row[sorted(range(size), key=lambda number: -values[number])[rank]] = 1
    of_image, of_all = rng.normal(size=(2, *shape)), rng.normal(size=shape)
    cases = [
        (Unit(place), of_place),
        (int(first), of_class[first]),
        (np.array([first, second]), of_class[[first, second]]),
        (Ranked(int(rank) + 1), of_rank),
        ("mean", np.full(shape, 1 / size)),
        (of_image, of_image),
        (of_all, of_all),
    ]
    if classes > 1:
        difference = Difference(int(first), int(second))
        cases.append((difference, of_class[first] - of_class[second]))
    with opened(function) as net:
        for target, seeds in cases:
            rows = np.reshape(seeds, (-1, size)) * np.ones((2, 1))
            wanted = np.einsum("nu,nui->ni", rows, of_units)
            found = gradient(net, x, target)
            np.testing.assert_allclose(found, wanted, atol=1e-4, err_msg=repr(target))


def test_seeds_of_a_convolution():
    """3x3 ones over a 4x4 image: the output at [1, 1] reads rows 0..2 of columns 0..2."""
    kernel = np.ones((3, 3, 1, 1), np.float32)
    seeds = np.zeros((1, 4, 4, 1))
    seeds[0, 1, 1, 0] = 1
    wanted = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]])
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    with opened(lambda x: tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME"), (None, 4, 4, 1)) as net:
        for target in (seeds, seeds[0], Unit((1, 1, 0)), np.array([[1, 1, 0]])):
            np.testing.assert_array_equal(gradient(net, image, target)[0, ..., 0], wanted)


KERNEL = RNG.randint(-2, 3, (2, 3)).astype(np.float32)


def channels_first(x_t):
    """(N, 2, 2, 2) to (N, 3, 2, 2): a convolution of one pixel, whose output is transposed."""
    y_t = tf.nn.conv2d(x_t, KERNEL[None, None], [1, 1, 1, 1], "SAME")
    return tf.identity(tf.transpose(y_t, (0, 3, 1, 2)), name="first")


def test_classes_of_channels_first():
    """Class k at every place is KERNEL[:, k] at every pixel; a place is (class, row, column)."""
    images = RNG.normal(size=(2, 2, 2, 2)).astype(np.float32)
    with opened(channels_first, (None, 2, 2, 2)) as net:
        wanted = np.broadcast_to(KERNEL[:, 2], images.shape)
        np.testing.assert_array_equal(gradient(net, images, 2), wanted)
        less = wanted - KERNEL[:, 0]
        np.testing.assert_array_equal(gradient(net, images, Difference(2, 0)), less)
        each = np.stack([np.broadcast_to(KERNEL[:, k], images.shape[1:]) for k in (0, 1)])
        np.testing.assert_array_equal(gradient(net, images, np.array([0, 1])), each)
        one = np.zeros(images.shape)
        one[:, 1, 0] = KERNEL[:, 2]
        np.testing.assert_array_equal(gradient(net, images, Unit((2, 1, 0))), one)
        with pytest.raises(InputError, match=r"target 3 is not a class; classes are 0\.\.2"):
            gradient(net, images, 3)


def test_a_channel_of_a_layer_with_channels_first_and_a_class_after_it():
    """The graph of the layer must not say which axis of the logits has the classes."""
    images = RNG.normal(size=(2, 2, 2, 2)).astype(np.float32)
    with opened(lambda x: tf.reduce_sum(channels_first(x), (2, 3)), (None, 2, 2, 2)) as net:
        wanted = np.broadcast_to(KERNEL[:, 1], images.shape)
        np.testing.assert_array_equal(gradient(net, images, Layer("first", (1,))), wanted)
        np.testing.assert_allclose(smoothgrad(net, images, 1, samples=2), wanted, rtol=1e-6)
        with pytest.raises(InputError, match=r"no unit \(3,\)"):
            gradient(net, images, Layer("first", (3,)))


def test_sizes_that_change_from_image_to_image():
    kernel = np.ones((1, 1, 1, 2), np.float32) * [[[[2, 3]]]]
    function = lambda x: tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME")  # noqa: E731
    with opened(function, (None, None, None, 1)) as net:
        for size in (4, 6, 4):
            images = np.ones((2, size, size, 1), np.float32)
            assert (gradient(net, images, 1) == 3).all()
            assert gradient(net, images, Unit((size - 1, 0, 0))).sum() == 2 * 2


@pytest.mark.parametrize(
    "function, what",
    [
        (lambda x: tf.argmax(units(x), 1), "ArgMax"),
        (lambda x: units(x) > 0, "Greater"),
        (lambda x: tf.sigmoid(units(x)) > 0.5, "Greater"),
        (lambda x: tf.cast(tf.round(tf.sigmoid(units(x))), tf.int32), "Round"),
        (lambda x: tf.nn.softmax(units(x)), "Softmax"),
    ],
)
def test_integer_and_bool_outputs_are_those_of_their_scores(function, what):
    with opened(function) as net:
        found = gradient(net, X, 4)
        assert what in net.under("gradient").endpoints.stepped_over[0]
    np.testing.assert_allclose(found, A[4] * (X > 0))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.logical_not(units(x) > 0),
        lambda x: tf.cast(units(x), tf.int32) * 2,
        lambda x: tf.argmax(units(x), 1) * 2,
    ],
)
def test_an_output_without_a_gradient_is_one_line(function):
    with opened(function) as net, pytest.raises(ModelError, match="gradient") as found:
        gradient(net, X)
    assert "\n" not in str(found.value) and "target" not in str(found.value)


def test_fixed_batches():
    wanted = A[1] * (X > 0)
    with opened(units, (2, 5)) as net:
        np.testing.assert_allclose(gradient(net, X, 1), wanted)
        np.testing.assert_allclose(gradient(net, X, np.array([1, 1, 1])), wanted)
        np.testing.assert_allclose(gradient(net, X, "mean"), A.mean(0) * (X > 0), rtol=1e-5)
    with opened(lambda x: tf.reshape(units(x), (2, 12))) as net:  # the output alone says it
        np.testing.assert_allclose(gradient(net, X, 1), wanted)
    for function in (lambda x: tf.reshape(units(x), (8, 3)), lambda x: tf.reduce_sum(units(x))):
        why = "the graph takes 2 images at a time"  # rows or a sum of both images
        with opened(function, (2, 5)) as net, pytest.raises(InputError, match=why):
            net.logits(X)


def test_graphs_without_a_batch_axis():
    def function(x_t):
        return tf.matmul(A, tf.nn.relu(tf.reshape(x_t, (5, 1))))

    with opened(lambda x: tf.reshape(function(x), (4, 3)), (5,)) as net:
        assert net.logits(X).shape == (3, 4, 3)
        np.testing.assert_allclose(gradient(net, X, Unit((1, 2))), A[5] * (X > 0))
        np.testing.assert_allclose(gradient(net, X, 1), A[1::3].sum(0) * (X > 0))
        assert smoothgrad(net, X, Ranked(2), samples=2).shape == X.shape
    with opened(lambda x: function(x)[:, 0], (5,)) as net:
        np.testing.assert_allclose(gradient(net, X, 1), A[1] * (X > 0))
        np.testing.assert_allclose(gradient(net, X, Layer("Relu")), X > 0)


# The network of the methods: h = relu(x K) at each of 16 pixels, y = W' mean(h).
PIXELS = RNG.normal(size=(3, 4, 4, 2)).astype(np.float32)
W = RNG.normal(size=(3, 6)).astype(np.float32)
PLACES = 16


def pixelwise(x_t, shape=(6,)):
    with tf.name_scope("conv"):
        h_t = tf.nn.relu(tf.nn.conv2d(x_t, KERNEL[None, None], [1, 1, 1, 1], "SAME"))
    return tf.reshape(tf.matmul(tf.reduce_mean(h_t, (1, 2)), W), (-1, *shape))


def arriving(seeds):
    """R at the ReLUs of every pixel, (N, 1, 1, 3)."""
    return (np.asarray(seeds) @ W.T / PLACES)[:, None, None]


def chain(seeds, x):
    return (arriving(seeds) * (x @ KERNEL > 0)) @ KERNEL.T


def noisy_chains(seeds, samples=25, noise=0.15):
    """As the docstrings say: N(0, 0.15 times the range of an image), the same for all images."""
    rng = np.random.default_rng(0)
    sigma = noise * np.ptp(PIXELS, axis=(1, 2, 3), keepdims=True)
    drawn = [rng.standard_normal(PIXELS.shape[1:]).astype("f4") for _ in range(samples)]
    return np.array([chain(seeds, PIXELS + sigma * one) for one in drawn])


def guided(seeds):
    return (np.maximum(arriving(seeds), 0) * (PIXELS @ KERNEL > 0)) @ KERNEL.T


def cam(seeds):
    """The gradient is the same at every place of a channel with an open ReLU: R."""
    h = np.maximum(PIXELS @ KERNEL, 0)
    return np.maximum((arriving(seeds) * h).sum(-1, keepdims=True), 0)


def values(seeds):
    h = np.maximum(PIXELS @ KERNEL, 0).mean((1, 2))
    return (h @ W * seeds).sum(1)[:, None, None, None] * np.ones_like(PIXELS)


BY_HAND = {
    "gradient": lambda seeds: chain(seeds, PIXELS),
    "gradient-x-input": lambda seeds: chain(seeds, PIXELS) * PIXELS,
    "guided": guided,
    "deconvnet": lambda seeds: np.maximum(arriving(seeds), 0) @ KERNEL.T + 0 * PIXELS,
    # Without biases the gates do not change on the path from 0.
    "integrated": lambda seeds: chain(seeds, PIXELS) * PIXELS,
    "smoothgrad": lambda seeds: noisy_chains(seeds).mean(0),
    "vargrad": lambda seeds: noisy_chains(seeds).var(0),
    # The gradient with respect to the ReLU's output is R, open or not.
    "gradcam": cam,
    "guided-gradcam": lambda seeds: cam(seeds) * guided(seeds),
    # One window covers all of the image: F(x) - F(0), and F(0) = 0.
    "occlusion": values,
}


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_with_every_target(name, shape):
    y = np.maximum(PIXELS @ KERNEL, 0).mean((1, 2)) @ W
    options = {"layer": "conv"} if "gradcam" in name else {}
    with opened(lambda x: pixelwise(x, shape), (None, 4, 4, 2)) as net:
        for target, seeds in targets_and_seeds(shape, y):
            found = method(name)(net, PIXELS, target, **options)
            np.testing.assert_allclose(
                found, BY_HAND[name](seeds), rtol=1e-3, atol=2e-5, err_msg=repr(target)
            )


def kernel_in(graph):
    """Name of the constant that is the kernel of :func:`pixelwise`."""
    constants = [op for op in graph.get_operations() if op.type == "Const"]
    return next(op.name for op in constants if op.outputs[0].shape.as_list() == [1, 1, 2, 3])


def test_with_respect_to_a_hidden_layer_and_to_a_kernel():
    """dF/dh = R, and dF/dK = sum over pixels of x (R [h > 0])'; an image each."""
    seeds = np.eye(6)[[2, 2, 2]]
    gates = PIXELS @ KERNEL > 0
    of_kernel = np.einsum("nhwi,nhwo->nio", PIXELS, arriving(seeds) * gates)
    with opened(pixelwise, (None, 4, 4, 2)) as net:
        kernel = kernel_in(net.under("gradient").graph)
        found = gradient(net, PIXELS, 2, wrt="conv")
        np.testing.assert_allclose(found, arriving(seeds) + 0 * gates, rtol=1e-5)
        found = gradient(net, PIXELS, 2, wrt=kernel)
        np.testing.assert_allclose(found[:, 0, 0], of_kernel, rtol=1e-4, atol=1e-6)
        positive = np.maximum(arriving(seeds), 0) * gates
        np.testing.assert_allclose(
            method("guided")(net, PIXELS, 2, wrt=kernel)[:, 0, 0],
            np.einsum("nhwi,nhwo->nio", PIXELS, positive), rtol=1e-4, atol=1e-6,
        )  # fmt: skip
        with pytest.raises(InputError, match="no layer 'nope'"):
            gradient(net, PIXELS, 2, wrt="nope")

    def logit(weights):
        return (np.maximum(PIXELS.astype(float) @ weights, 0).mean((1, 2)) @ W)[:, 2]

    for place in np.ndindex(2, 3):  # finite differences
        step = np.zeros((2, 3))
        step[place] = 1e-4
        slope = (logit(KERNEL + step) - logit(KERNEL - step)) / 2e-4
        at: Any = (slice(None), 0, 0, *place)
        np.testing.assert_allclose(found[at], slope, atol=2e-2)


@pytest.mark.parametrize(
    "target, why",
    [
        (None, "type object fits neither"),
        ([[1], [2, 3]], "rows of several lengths|type object fits neither"),
        ("cat", "target 'cat' is unknown"),
        (True, "type bool fits neither"),
        (1.5, "type float64 fits neither"),
        (np.full(12, np.nan), "holds NaN or Inf"),
        (np.ones(3), r"nor weights \(12,\) or seeds \(3, 12\)"),
        ([1, 2], "nor 3 classes"),
        (12, r"target 12 is not a class; classes are 0\.\.11"),
        (-1, "target -1 is not a class"),
        (10**20, "target 10{20} is not a class"),
        ([12, 0, 0], "target 12 is not a class"),
        (np.full((3, 1), -1), "target -1 is no place"),
        (Unit((1, 2)), "target 1,2 is no place in an output of shape"),
        (Unit((12,)), "target 12 is no place"),
        (Ranked(0), "target of rank 0"),
        (Ranked(13), r"target of rank 13: .* 12 units; give a rank of 1\.\.12"),
        (Difference(3, 3), "target 3-3 is a class less itself"),
        (Difference(0, 12), "target 12 is not a class"),
        (Layer("nope"), "no layer 'nope'"),
        (Layer("Relu", (9,)), r"no unit \(9,\)"),
        (Layer("Relu", (1, 2, 3)), "give nothing"),
    ],
)
@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")
def test_a_target_that_fits_nothing_is_one_line(target, why):
    with opened(units) as net, pytest.raises(InputError, match=why) as found:
        gradient(net, X, target)
    assert "\n" not in str(found.value)


def test_forms_take_whole_numbers_alone():
    layer: Any = Layer  # what a user writes without a type checker
    unit: Any = Unit
    ranked: Any = Ranked
    difference: Any = Difference
    assert Unit((np.int64(1), 2)) == Unit((1, 2)) and layer("a", [3]).index == (3,)
    for make in (
        lambda: unit(3), lambda: unit((1.5,)), lambda: ranked("a"), lambda: layer("a", 3),
        lambda: difference(1, None),
    ):  # fmt: skip
        with pytest.raises(InputError, match="give whole numbers"):
            make()


def test_outputs_of_one_number_and_of_none():
    with opened(lambda x: tf.reshape(units(x, 1), [-1])) as net:
        with pytest.raises(InputError, match="the output has one alone, 0"):
            gradient(net, X, 1)
        with pytest.raises(InputError, match="name the layer alone"):
            gradient(net, X, Layer("y", (0,)))
        with pytest.raises(InputError, match="1 unit; give rank 1"):
            gradient(net, X, Ranked(2))
        assert net.classes == 1
    with opened(lambda x: units(x)[:, :0]) as net:
        for target in ("predicted", "mean"):
            with pytest.raises(ModelError, match="there is nothing to explain"):
                gradient(net, X, target)
    why = "does not say its number of classes"
    with opened(lambda x: of_unknown_rank(units(x), 2, 6)) as net:
        with pytest.raises(ModelError, match=why):
            assert net.classes
        assert net.logits(X).shape == (3, 2, 6)
    one = opened(lambda x: tf.reduce_sum(units(x)))
    with one as net, pytest.raises(InputError, match="there is none"):
        net.logits(X[:0])


def test_images_of_another_shape_are_named_as_they_are():
    with opened(lambda x: tf.reduce_sum(x, (1, 2)), (None, 4, 4, 2)) as net:
        for images in (np.ones((7, 4, 5, 2)), np.ones((7, 4, 4)), np.ones(7)):
            shape = re.escape(str(images.shape))
            with pytest.raises(InputError, match=f"shape {shape}; its input x:0 has the shape"):
                gradient(net, images, 1)


def test_the_reason_of_a_failed_run_is_its_first_line():
    text = (
        "Graph execution error:\n\nDetected at node 'a'\n  File b\nNode: 'a'\nsizes differ\n\t [["
    )
    assert first_line(RuntimeError(text)) == "sizes differ"
    assert first_line(RuntimeError("Graph execution error:")) == "Graph execution error:"


def test_explain_in_one_call_takes_the_forms():
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 5))
        y_t = units(x_t)
        for target, seed in ((Unit((3,)), A[3]), (Difference(3, 4), A[3] - A[4]), (2, A[2])):
            found = explain((session, x_t, y_t), X, target, "gradient")
            np.testing.assert_allclose(found, seed * (X > 0))


# From the shell.

NAMES = ["cat", "dog", "great white shark, white shark, man-eater", "frog", "horse", "crane"]


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """``shell(argv)`` runs a command in a folder of its own and returns what it prints."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", PIXELS)
    with open("names.txt", "w") as file:
        file.write("\n".join(NAMES))

    def run(*argv, code=0):
        found: Any = None
        try:
            found = main_all(list(argv))
        except SystemExit as stopped:
            found = stopped.code
        captured = capsys.readouterr()
        assert found == code, captured.err
        assert code == 0 or captured.err.count("\n") == 1
        return captured.out if code == 0 else captured.err

    return run


def write(function, shape=(None, 4, 4, 2)):
    with tf.Graph().as_default() as graph:
        function(v1.placeholder(tf.float32, shape, "x"))
        with open("m.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())


def logits(x_t, shape=(6,)):
    return tf.identity(pixelwise(x_t, shape), name="logits")


EXPLAIN = ("explain", "m.pb", "--images", "x.npy", "--method", "gradient", "--overwrite")


def stored(*columns):
    with h5py.File("m.h5", "r") as file:
        found = [file[name][()] for name in columns]
    return found[0] if len(found) == 1 else found


@pytest.fixture
def pages(monkeypatch):
    """Every page that is saved."""
    found, save = [], figures.save

    def saved(page, *rest):
        found.append(page)
        save(page, *rest)

    monkeypatch.setattr(figures, "save", saved)
    return found


def titles(page):
    return [axes.get_title(loc="left").replace("\n", " ") for axes in page.axes]


def head(page):
    return page.texts[0].get_text()


Y = np.maximum(PIXELS @ KERNEL, 0).mean((1, 2)) @ W
ORDER = np.argsort(-Y, axis=1)
ONE = np.eye(6)


def short(number):
    return ["cat", "dog", "great white shark", "frog", "horse", "crane"][number]


@pytest.mark.parametrize(
    "target, seeds, words",
    [
        ("3", ONE[[3] * 3], "class 3 (frog)"),
        ("+3", ONE[[3] * 3], "class 3 (frog)"),
        ("3-5", ONE[[3] * 3] - ONE[[5] * 3], "class 3 (frog) less class 5 (crane)"),
        ("mean", np.full((3, 6), 1 / 6), "the mean of all units"),
        ("Dog", ONE[[1] * 3], "class 1 (dog)"),
        ("white shark", ONE[[2] * 3], "class 2 (great white shark)"),
        ("predicted", ONE[ORDER[:, 0]], "predicted"),
    ],
)
def test_one_target_from_the_shell(target, seeds, words, shell, pages):
    write(logits)
    out = shell(*EXPLAIN, "--target", target, "--labels", "names.txt", "--output", "m.h5",
                "--figure", "m.png")  # fmt: skip
    assert f"-- 3 maps by gradient of {words}\n" in out
    np.testing.assert_allclose(stored("maps"), chain(seeds, PIXELS), rtol=1e-4, atol=1e-6)
    assert head(pages[0]) == f"m.pb: gradient of {words}"
    for k in range(3):
        first = ORDER[k, 0]
        wanted = f"x.npy row {k}: class {first} ({short(first)})"
        assert titles(pages[0])[3 * k : 3 * k + 3] == [
            wanted, "gradient, sum of 2 channels", "overlay",
        ]  # fmt: skip


def test_the_three_largest_from_the_shell(shell, pages):
    """A column each; the page names what each panel explains, and the largest is overlaid."""
    write(logits)
    argv = ["explain", "m.pb", "--images", "x.npy", "--target", "top3", "--compare", "--limit", "2"]
    shell(*argv, "--labels", "names.txt", "--output", "m.h5", "--figure", "m.png")
    columns = ("maps_gradient", "maps_guided_top3", "maps_guided_top2", "maps")
    plain, third, second, first = stored(*columns)
    np.testing.assert_allclose(plain, chain(ONE[ORDER[:, 0]], PIXELS)[:2], rtol=1e-4, atol=1e-6)
    for rank, found in enumerate((first, second, third)):
        wanted = guided(ONE[ORDER[:, rank]])[:2]
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    for k in range(2):
        names = [f"class {number} ({short(number)})" for number in ORDER[k]]
        panels = titles(pages[0])[6 * k : 6 * k + 6]
        assert panels[0] == f"x.npy row {k}: {names[0]}"
        for panel, name in zip(panels[1:], (names[0], names[2], names[1], names[0])):
            start = "gradient of " if panel == panels[1] else "guided of "
            assert panel.startswith((start + name)[:40])


def boxes_overlap(page):
    """Whether the title of a panel lies over another title, or over ticks."""
    page.canvas.draw()
    renderer = page.canvas.get_renderer()
    boxes = []
    for axes in page.axes:
        if axes.get_visible():
            boxes += [axes._left_title.get_window_extent(renderer)]
            boxes += [label.get_window_extent(renderer) for label in axes.get_xticklabels()]
            boxes += [axes.get_window_extent(renderer)]
    boxes = [box for box in boxes if box.width]
    return any(
        one.x0 < two.x1 - 1 and two.x0 < one.x1 - 1 and one.y0 < two.y1 - 1 and two.y0 < one.y1 - 1
        for number, one in enumerate(boxes)
        for two in boxes[:number]
    )


def test_long_names_fit_their_panels(shell, pages):
    write(logits)
    with open("names.txt", "w") as file:
        file.writelines(f"{k}$_{{very long name without synonyms$, other\n" for k in range(6))
    out = shell("explain", "m.pb", "--images", "x.npy", "--target", "top2", "--labels",
                "names.txt", "--figure", "m.png", "--compare")  # fmt: skip
    assert "-- in m.png" in out
    assert not boxes_overlap(pages[0])
    assert "\\$_{very" in titles(pages[0])[0]  # drawn as it is: no formula
    assert shown_name("n" * 30) == "n" * 21 + "..." and shown_name(" a  b , c") == "a b"


def test_names_in_letters_that_the_font_lacks(shell, pages, tmp_path):
    """An escape on the page, no box, and no warning, which would fail this test."""
    write(logits)
    (tmp_path / "names.txt").write_text("\u732b\n" * 6, encoding="utf-8")
    out = shell(*EXPLAIN, "--labels", "names.txt", "--figure", "m.png", "--target", "0")
    assert "class 0 (\u732b)" in out and "class 0 (\\u732b)" in head(pages[0])


@pytest.mark.parametrize("kind", ["text", "list", "table", "imagenet", "signature"])
def test_names_of_every_kind_of_file(kind, shell, tmp_path, monkeypatch):
    write(logits)
    path = "names.json"
    if kind == "list":
        text = json.dumps(NAMES)
    elif kind in ("table", "imagenet"):
        text = json.dumps({str(k): [f"n{k:08d}", name] for k, name in enumerate(NAMES)})
    else:
        text = ("\ufeff" if kind == "signature" else "") + "\n".join(NAMES) + "\n\n"
    if kind == "imagenet":
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
        assert "Keras has not stored" in shell(*EXPLAIN, "--labels", "imagenet", code=2)
        (tmp_path / "keras" / "models").mkdir(parents=True)
        path = str(tmp_path / "keras" / "models" / "imagenet_class_index.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    labels = "imagenet" if kind == "imagenet" else path
    for name, number in (("cat", 0), ("crane", 5)):
        out = shell(*EXPLAIN, "--labels", labels, "--target", name)
        assert f"of class {number} ({name})" in out and "--labels has" not in out
    error = shell(*EXPLAIN, "--labels", labels, "--target", "nobody", code=2)
    assert "target 'nobody' is no name of a class; --labels lists cat, dog" in error


@pytest.mark.parametrize(
    "text, why",
    [
        (None, "names.txt: cannot be read"),
        ("[1,", "names.txt: no valid JSON"),
        ("\n\n", "names.txt: holds no name of a class"),
        ("[]", "names.txt: holds no name of a class"),
        ('{"0": "a", "2": "b"}', "names.txt: has no class 1"),
        ("cat\ncat\n", r"names classes \[0, 1\]; give a number"),
    ],
)
def test_names_that_are_none(text, why, shell, tmp_path):
    write(logits)
    if text is None:
        (tmp_path / "names.txt").unlink()
    else:
        (tmp_path / "names.txt").write_text(text)
    assert re.search(why, shell(*EXPLAIN, "--labels", "names.txt", "--target", "cat", code=2))


def test_names_of_another_model_are_noticed(shell, tmp_path):
    write(logits)
    (tmp_path / "more.txt").write_text("\n".join([*NAMES, "background"]))
    assert "-- --labels has 7 names, and the output 6 classes" in shell(
        *EXPLAIN, "--labels", "more.txt"
    )
    for command in (EXPLAIN, ("selftest", "m.pb")):
        error = shell(*command, "--labels", "more.txt", "--target", "background", code=2)
        assert "--target 'background' is class 6 of --labels" in error


def test_targets_of_a_file(shell, pages, tmp_path):
    write(logits)
    wanted = chain(ONE[[4, 0, 1]], PIXELS)
    (tmp_path / "t.txt").write_text("4\n0\n1\n")
    (tmp_path / "n.txt").write_text("\ufeffhorse\ncat\ndog\n", encoding="utf-8")
    np.save("t.npy", [4, 0, 1])
    np.save("places.npy", [[4], [0], [1]])
    np.save("seeds.npy", ONE[[4, 0, 1]])
    argv = [*EXPLAIN, "--labels", "names.txt", "--output", "m.h5", "--batch-size", "2"]
    for name in ("t.txt", "n.txt", "t.npy", "places.npy", "seeds.npy"):
        out = shell(*argv, "--target", name, "--figure", "m.png")
        assert f"gradient of {name}" in out
        np.testing.assert_allclose(stored("maps"), wanted, rtol=1e-4, atol=1e-6, err_msg=name)
        shell(*argv, "--target", name, "--limit", "1")
        np.testing.assert_allclose(stored("maps"), wanted[:1], rtol=1e-4, atol=1e-6)
    for page in pages[:4]:
        assert titles(page)[1].startswith("gradient of class 4 (horse)")
    assert titles(pages[4])[1] == "gradient, sum of 2 channels"
    np.save("one.npy", np.int64(3))
    assert "of class 3 (frog)" in shell(*argv, "--target", "one.npy")


def test_weights_of_a_file(shell, tmp_path):
    weights = np.array([1, -0.5, 0, 0, 2, 0])
    write(logits)
    (tmp_path / "w.txt").write_text("1.0\n-0.5\n0\n0\n2\n0\n")
    np.save("w.npy", weights)
    for name in ("w.txt", "w.npy"):
        shell(*EXPLAIN, "--target", name, "--output", "m.h5", "--batch-size", "2")
        wanted = chain(np.tile(weights, (3, 1)), PIXELS)
        np.testing.assert_allclose(stored("maps"), wanted, rtol=1e-4, atol=1e-6)
    # As many rows as images, and yet the weights of one image: the output has two axes.
    write(lambda x: tf.identity(logits(x, (3, 2)), name="y"))
    np.save("w.npy", weights.reshape(3, 2))
    shell(*EXPLAIN, "--target", "w.npy", "--output", "m.h5", "--output-tensor", "y")
    np.testing.assert_allclose(stored("maps"), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "values, why",
    [
        (np.array([0, 1]), "t.npy: holds 2 targets for 3 images; give one for each"),
        (np.array([0, 1, 6]), "t.npy: target 6 of image 2 is not a class; classes are 0..5"),
        (np.array([0, 1, -1]), "t.npy: target -1 of image 2 is not a class"),
        (np.array([[0], [1], [6]]), "target 6 is no place in an output of shape (6,)"),
        (np.ones((3, 2), int), "--target of shape (3, 2) in whole numbers is neither a class"),
        (np.ones((2, 6)), "--target of shape (2, 6) in floating point is neither weights"),
        (np.ones(5), "--target of shape (5,) in floating point is neither weights"),
        (np.full(6, np.nan), "t.npy: holds NaN or Inf"),
        (np.array(["cat"] * 3), "t.npy: holds <U3; give integers"),
        (np.ones(3, bool), "t.npy: holds bool"),
        ({"a": np.ones(3)}, "t.npy: not a readable array (an archive of several arrays)"),
        ("0\n1\n", "t.txt: holds 2 targets for 3 images"),
        ("cat\ndog\ncat\n", "t.txt: line 1 is 'cat', no class number; for names give --labels"),
        ("0\n1\n99999999999999999999\n", "t.txt: line 3 is '99999999999999999999'"),
        ("", "t.txt: holds 0 targets for 3 images"),
        (b"\xff\xfe\x00", "t.txt: cannot be read"),
        (None, "t.txt: no such file; check --target"),
    ],
)
def test_a_file_that_fits_nothing_is_one_line(values, why, shell, tmp_path):
    write(logits)
    name = "t.txt" if values is None or isinstance(values, (str, bytes)) else "t.npy"
    if isinstance(values, str):
        (tmp_path / name).write_text(values)
    elif isinstance(values, bytes):
        (tmp_path / name).write_bytes(values)
    elif isinstance(values, dict):
        np.savez("t", **values)
        (tmp_path / "t.npz").rename("t.npy")
    elif values is not None:
        np.save(name, values)
    assert why in shell(*EXPLAIN, "--target", name, code=2)


@pytest.mark.parametrize(
    "target, why",
    [
        ("top0", "'top0' is not top1..top100"),
        ("top99999999999999999999", "is not top1..top100"),
        ("top7", "target of rank 7: the output of an image has 6 units"),
        ("top", "--target 'top' is no class number"),
        ("6", "target 6 is not a class; classes are 0..5"),
        ("-1", "'-1' is not a whole number"),
        ("2.0", "'2.0' is not a whole number"),
        ("3-6", "target 6 is not a class"),
        ("3-3", "target 3-3 is a class less itself"),
        ("3-", "--target '3-' is no class number"),
        ("1,2", "target 1,2 is no place in an output of shape (6,)"),
        ("cat", "for a class by its name give --labels"),
        (" ", "--target ' ' is no class number"),
        ("99999999999999999999", "target 99999999999999999999 is not a class"),
        ("layer:conv:7", "has no unit (7,)"),
    ],
)
@pytest.mark.parametrize("command", [EXPLAIN, ("selftest", "m.pb")])
def test_a_target_that_fits_nothing_is_one_line_from_the_shell(command, target, why, shell):
    write(logits)
    assert why in shell(*command, "--target", target, code=2)


def test_final_operations_are_stepped_over_and_said(shell):
    """Named or not, with every target, and with one unit as with many labels."""
    for function, kind in (
        (lambda x: tf.nn.softmax(logits(x), name="p"), "Softmax"),
        (lambda x: tf.sigmoid(logits(x), name="p"), "Sigmoid"),
        (lambda x: tf.argmax(logits(x), 1, name="p"), "ArgMax"),
        (lambda x: tf.greater(logits(x), 0.5, name="p"), "Greater"),
    ):
        write(function)
        out = shell(*EXPLAIN, "--output", "m.h5", "--target", "4")
        assert "-- the output is logits:0; --output-tensor names another" in out
        np.testing.assert_allclose(stored("maps"), chain(ONE[[4] * 3], PIXELS), 1e-4, 1e-6)
        out = shell(*EXPLAIN, "--output", "m.h5", "--target", "4", "--output-tensor", "p")
        assert f"-- p ({kind}): the final operation is stepped over" in out
        np.testing.assert_allclose(stored("maps"), chain(ONE[[4] * 3], PIXELS), 1e-4, 1e-6)


def test_one_unit_with_a_sigmoid(shell, pages, tmp_path):
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    write(lambda x: tf.sigmoid(logits(x)[:, :1], name="p"))
    out = shell(*EXPLAIN, "--output", "m.h5", "--figure", "m.png", "--labels", "two.txt")
    assert "-- the output is one number an image, which is explained" in out
    assert "-- --labels has 2 names, and the output one number an image" in out
    assert titles(pages[0])[0] == f"x.npy row 0: output {Y[0, 0]:.3g}"
    np.testing.assert_allclose(stored("maps"), chain(ONE[[0] * 3], PIXELS), rtol=1e-4, atol=1e-6)
    shell(*EXPLAIN, "--target", "0")
    assert "target 1 is not a class; the output has one alone, 0" in shell(
        *EXPLAIN, "--target", "1", code=2
    )
    error = shell(*EXPLAIN, "--labels", "two.txt", "--target", "dog", code=2)
    assert "--target 'dog': the output is one number for two classes" in error


@pytest.mark.parametrize("first", [False, True])
def test_an_output_of_several_axes(first, shell, pages, tmp_path):
    """y at a pixel is x K: unit (row, column, k) has K[:, k] there, and 0 elsewhere."""

    def function(x_t):
        y_t = tf.nn.conv2d(x_t, KERNEL[None, None], [1, 1, 1, 1], "SAME")
        y_t = tf.transpose(y_t, (0, 3, 1, 2)) if first else y_t
        return tf.identity(y_t, name="y")

    write(function)
    (tmp_path / "three.txt").write_text("sky\nroad\ncar\n")
    argv = [*EXPLAIN, "--output", "m.h5", "--output-tensor", "y", "--labels", "three.txt"]
    out = shell(*argv, "--figure", "m.png")
    shape = "(3, 4, 4)" if first else "(4, 4, 3)"
    assert f"the output of an image has the shape {shape}: the largest of its 48 units" in out
    y = PIXELS @ KERNEL
    row, column, k = np.unravel_index(y[0].argmax(), (4, 4, 3))
    place = (k, row, column) if first else (row, column, k)
    name = ["sky", "road", "car"][k]
    assert titles(pages[0])[0] == f"x.npy row 0: unit {','.join(map(str, place))} ({name})"
    wanted = np.zeros((4, 4, 2))
    wanted[row, column] = KERNEL[:, k]
    np.testing.assert_array_equal(stored("maps")[0], wanted)

    target = "2,3,1" if first else "3,1,2"
    out = shell(*argv, "--target", target, "--figure", "m.png")
    assert f"gradient of unit {target} (car)\n" in out and "largest" not in out
    assert head(pages[1]) == f"m.pb: gradient of unit {target} (car)"
    wanted = np.zeros((3, 4, 4, 2))
    wanted[:, 3, 1] = KERNEL[:, 2]
    np.testing.assert_array_equal(stored("maps"), wanted)

    shell(*argv, "--target", "road")
    np.testing.assert_array_equal(stored("maps"), np.broadcast_to(KERNEL[:, 1], PIXELS.shape))
    assert "gradient of class 1 (road) less class 0 (sky)" in shell(*argv, "--target", "1-0")
    out = shell(*argv, "--target", "top2", "--figure", "m.png")
    assert not boxes_overlap(pages[2]) and "unit" in titles(pages[2])[1]
    np.save("p.npy", [[0, 1, 2], [2, 3, 0] if first else [3, 0, 2], [0, 0, 0]])
    shell(*argv, "--target", "p.npy", "--figure", "m.png")
    assert titles(pages[3])[1].startswith(f"gradient of unit 0,1,2 ({'sky' if first else 'car'})")
    error = shell(*argv, "--target", "3,3,3", code=2)
    assert f"target 3,3,3 is no place in an output of shape {shape}" in error


def test_outputs_whose_rows_are_no_images(shell):
    """(N T, K), a scalar and (N,): plain, and with a second rule beside it."""
    for function, shape in (
        (lambda x: tf.reshape(logits(x), (-1, 2)), (3, 2)),
        (lambda x: tf.reduce_sum(logits(x)), ()),
        (lambda x: tf.reshape(logits(x)[:, :1], [-1]), ()),
    ):
        write(lambda x, function=function: tf.identity(function(x), name="y"))
        argv = [*EXPLAIN[:4], "--output-tensor", "y", "--compare", "--overwrite"]
        shell(*argv, "--output", "m.h5", "--figure", "m.png")
        assert stored("logits").shape == (3, *shape)
        assert stored("maps").shape == stored("maps_gradient").shape == PIXELS.shape
        assert "-- all passed" in shell("selftest", "m.pb", "--output-tensor", "y")


def test_a_graph_that_takes_one_image(shell):
    """(H, W, C) without a batch axis, which the graph adds itself."""
    for shape in ((4, 4, 3), (None, None, 3)):
        write(lambda x: logits(x[None, ..., :2]), shape)
        np.save("x.npy", np.concatenate([PIXELS, PIXELS[..., :1]], axis=-1))
        out = shell(*EXPLAIN, "--target", "4", "--output", "m.h5", "--figure", "m.png")
        assert "-- 3 maps by gradient of class 4" in out
        found = stored("maps")
        np.testing.assert_allclose(found[..., :2], chain(ONE[[4] * 3], PIXELS), 1e-4, 1e-6)
        assert "-- all passed" in shell("selftest", "m.pb", "--shape", "4,4,3")


def test_with_respect_to_a_layer_from_the_shell(shell, pages):
    write(logits)
    argv = [*EXPLAIN, "--target", "2", "--output", "m.h5", "--figure", "m.png"]
    out = shell(*argv, "--wrt", "conv")
    assert "gradient of class 2, with respect to conv\n" in out
    wanted = arriving(ONE[[2] * 3]) + np.zeros((3, 4, 4, 3))
    np.testing.assert_allclose(stored("maps"), wanted, rtol=1e-5)
    assert head(pages[0]) == "m.pb: gradient of class 2, with respect to conv"
    with tf.Graph().as_default() as graph:
        pixelwise(v1.placeholder(tf.float32, (None, 4, 4, 2)))
        kernel = kernel_in(graph)
    out = shell(*argv, "--wrt", kernel)
    assert stored("maps").shape == (3, 1, 1, 2, 3) and "sums of maps" not in out
    assert "no layer 'nope'" in shell(*argv, "--wrt", "nope", code=2)
    for name in sorted(set(METHODS) - set(RULES)):
        error = shell(*argv, "--wrt", "conv", "--method", name, "--layer", "conv", code=2)
        assert f"method '{name}' needs the pixels; --wrt is for" in error


@pytest.mark.parametrize(
    "options",
    [["--target", "2"], ["--target", "mean"], ["--target", "3-1"], ["--target", "layer:conv:1"],
     ["--target", "top2"], ["--shape", "4,4,2"], ["--target", "dog", "--labels", "names.txt"]],
)  # fmt: skip
def test_selftest_of_a_target(options, shell):
    write(logits)
    out = shell("selftest", "m.pb", *options)
    assert out.endswith("-- all passed\n") and "passed  " in out
    assert out.count("gradient against finite differences") == (2 if "top2" in options else 1)


def test_selftest_of_outputs_and_inputs_of_any_shape(shell):
    kernel = np.abs(KERNEL[None, None]) + 1

    def convolution(x_t):
        return tf.nn.relu(tf.nn.conv2d(x_t, kernel, [1, 1, 1, 1], "SAME"))

    write(convolution, (None, None, None, 2))
    for options in ([], ["--shape", "5,7,2"], ["--shape", "5,7,2", "--target", "4,6,1"],
                    ["--target", "63,63,1"]):  # fmt: skip
        assert "-- all passed" in shell("selftest", "m.pb", *options)
    error = shell("selftest", "m.pb", "--shape", "5,7,2", "--target", "5,6,1", code=2)
    assert "target 5,6,1 is no place in an output of shape (5, 7, 3)" in error
    error = shell("selftest", "m.pb", "--shape", "5,7,3", code=2)
    assert "--shape (5, 7, 3) does not fit input x:0" in error
    assert "'0' is not a whole number" in shell("selftest", "m.pb", "--shape", "0,7,2", code=2)
    write(lambda x: convolution(tf.reshape(x, (-1, 4, 4, 2))), None)
    assert "give that of one image by --shape" in shell("selftest", "m.pb", code=2)
    assert "-- all passed" in shell("selftest", "m.pb", "--shape", "4,4,2")


def test_selftest_of_named_final_operations(shell):
    """A sure softmax fails; an ArgMax, which has no gradient, is the question of its scores."""
    write(lambda x: tf.nn.softmax(1e5 * logits(x), name="p"))
    error = shell("selftest", "m.pb", "--output-tensor", "p", code=2)
    assert "selftest failed: the output is no saturated softmax" in error
    for function in (tf.argmax, lambda y_t, _, name: tf.greater(y_t, 0, name)):
        write(lambda x, function=function: function(logits(x), 1, name="p"))
        assert "-- all passed" in shell("selftest", "m.pb", "--output-tensor", "p")


def test_as_many_arrays_as_inputs():
    """y = relu(a) + 2 relu(b): a list is a tuple; one array, or three, are refused."""
    with tf.Graph().as_default() as graph:
        a_t, b_t = (v1.placeholder(tf.float32, (None, 2), name=name) for name in "ab")
        tf.add(tf.nn.relu(a_t), 2 * tf.nn.relu(b_t), name="y")
    one = np.ones((3, 2), np.float32)
    with Network(from_graph_def(graph.as_graph_def(), "g", ["a", "b"], "y")) as net:
        both: Any = [one, one]
        np.testing.assert_array_equal(net.logits(both), 3 * one)
        for images in (one, (one, one, one)):
            with pytest.raises(InputError, match="arrays for a network of 2 inputs; give a tuple"):
                net.logits(images)


def test_a_probability_is_explained_as_a_layer(capsys, tmp_path, monkeypatch):
    """The gradient of p = softmax(z) of two equal logits z = (x, 0), x = 0: p (1 - p) = 1/4."""
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 1), name="x")
        logits_t = tf.matmul(x_t, tf.constant([[1.0, 0.0]]), name="logits")
        tf.nn.softmax(logits_t, name="prob")
        with open("p.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
    np.save("x.npy", np.zeros((1, 1), np.float32))
    argv = [
        "explain",
        "p.pb",
        "--images",
        "x.npy",
        "--output-tensor",
        "prob",
        "--output",
        "m.h5",
        "--overwrite",
    ]
    argv += ["--method", "gradient"]
    for target, slope in (("layer:prob:0", 0.25), ("0", 1.0)):
        assert main_all([*argv, "--target", target]) == 0
        out = capsys.readouterr().out
        assert ("prob (Softmax): the final operation is stepped over" in out) == (target == "0")
        with h5py.File("m.h5", "r") as file:
            np.testing.assert_allclose(file["maps"][:], [[slope]], rtol=1e-6)
