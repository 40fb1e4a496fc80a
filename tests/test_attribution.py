"""Attribution methods on graphs small enough to follow by hand."""

import functools
import inspect

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_gbp.attribution import METHODS, method
from legacy_gbp.attribution.deconvnet import deconvnet
from legacy_gbp.attribution.grad_cam import grad_cam
from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.gradient_x_input import gradient_x_input
from legacy_gbp.attribution.guided_backprop import guided_backprop
from legacy_gbp.attribution.guided_grad_cam import guided_grad_cam
from legacy_gbp.attribution.integrated_gradients import integrated_gradients
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.occlusion import occlusion
from legacy_gbp.attribution.running_statistics import mean, variance
from legacy_gbp.attribution.smoothgrad import smoothgrad
from legacy_gbp.attribution.target_forms import Layer
from legacy_gbp.attribution.upsample import nearest
from legacy_gbp.attribution.vargrad import vargrad
from legacy_gbp.errors import InputError
from legacy_gbp.metrics.faithfulness import completeness_error
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.rules import relu as relu_backprop


class Formula(PixelScaled):
    """A source: logits (N, K) as a function of inputs of these shapes."""

    def __init__(self, formula, *shapes, dtype=tf.float64):
        self.formula, self.shapes, self.dtype = formula, shapes, dtype

    def load(self, session, rule):
        x_ts = tuple(tf.compat.v1.placeholder(self.dtype, (None, *shape)) for shape in self.shapes)
        with relu_backprop.under_rule(x_ts[0].graph, rule):
            return Endpoints(x_ts, self.formula(*x_ts), {}, [])


# One convolution, numbers published in Captum's tests. The 3x3 sums of
# arange(16) are [[45, 54], [81, 90]], and 9 more with the input + 1. The
# convolution is [[-5, 4], [31, 40]] and [[-30, -21], [6, 15]]; with the input
# + 1 [[4, 13], [40, 49]] and [[-21, -12], [15, 24]].


def one_convolution(x_t):
    kernel, weights = np.ones((3, 3, 1, 2)), np.repeat([1.0] * 5 + [-1.0] * 3, 4).reshape(8, 4)
    sums_t = tf.nn.conv2d(x_t, tf.constant(kernel, x_t.dtype), [1, 1, 1, 1], "VALID")
    relu_t = tf.nn.relu(tf.add(sums_t, tf.constant([-50, -75], x_t.dtype), "conv"), "relu")
    flat_t = tf.reshape(tf.transpose(relu_t, (0, 3, 1, 2)), (-1, 8))  # channel first
    return tf.nn.relu(tf.matmul(flat_t, tf.constant(weights, x_t.dtype)), "output")


RAMP = np.arange(16.0).reshape(1, 4, 4, 1)
RAMPS = np.concatenate([RAMP, RAMP + 1])


@pytest.fixture(scope="module")
def captum():
    with Network(Formula(one_convolution, (4, 4, 1))) as net:
        yield net


@pytest.mark.parametrize(
    "explain, expected",
    [
        # The units that are on: all of filter 1 but the first (weight 1), the
        # lower two of filter 2 (weight -1); each spreads over its 3x3.
        (gradient, [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]),
        # Of these the three with a positive gradient.
        (guided_backprop, [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]),
        # The five with a positive weight: filter 1, and the first of filter 2.
        (deconvnet, [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]),
        # weights 0.75 and -0.5: 0.75 * -5 + 15 = 11.25, 0.75 * 4 + 10.5 = 13.5, ...
        (
            functools.partial(grad_cam, layer="conv", upsample=False),
            [[11.25, 13.5], [20.25, 22.5]],
        ),
        # weights 1 and -0.5: 0, 4, 31 - 3 = 28, 40 - 7.5 = 32.5
        (functools.partial(grad_cam, layer="relu", upsample=False), [[0, 4], [28, 32.5]]),
        (
            functools.partial(guided_grad_cam, layer="relu"),
            [[0, 0, 4, 4], [0, 0, 12, 8], [28, 84, 97.5, 65], [28, 56, 65, 32.5]],
        ),
    ],
)
def test_one_convolution_of_captum(captum, explain, expected):
    np.testing.assert_allclose(explain(captum, RAMP, 0)[0, :, :, 0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "explain, expected",
    [
        # All of filter 1 is on.
        (guided_backprop, [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]),
        (deconvnet, [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]),
        # weights 1 and -0.5: 4 + 10.5 = 14.5, 13 + 6 = 19, 40 - 7.5 = 32.5, 49 - 12 = 37
        (functools.partial(grad_cam, layer="conv", upsample=False), [[14.5, 19], [32.5, 37]]),
        (
            functools.partial(guided_grad_cam, layer="conv"),
            [[14.5, 29, 38, 19], [29, 58, 76, 38], [65, 130, 148, 74], [32.5, 65, 74, 37]],
        ),
    ],
)
def test_one_convolution_of_captum_with_the_input_plus_1(captum, explain, expected):
    """Second of a batch, whose first image has other numbers."""
    np.testing.assert_allclose(explain(captum, RAMPS, 0)[1, :, :, 0], expected, rtol=1e-12)


def test_grad_cam_of_a_negative_weight_has_a_sign_without_its_relu(captum):
    """The sign of the target turned around: weights -1 and 0.5."""
    seeds, expected = np.array([[-1.0, 0, 0, 0]]), np.array([[0, -4], [-28, -32.5]])
    explain = functools.partial(grad_cam, captum, RAMP, seeds, layer="relu", upsample=False)
    np.testing.assert_allclose(explain(relu=False)[0, :, :, 0], expected)
    np.testing.assert_array_equal(explain(), 0)


def test_grad_cam_fills_the_image_and_has_one_channel(captum):
    expected = [[0, 0, 4, 4], [0, 0, 4, 4], [28, 28, 32.5, 32.5], [28, 28, 32.5, 32.5]]
    maps = grad_cam(captum, RAMP, 0, layer="relu")
    assert maps.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(maps[0, :, :, 0], np.array(expected))


@pytest.mark.parametrize("unit", range(4))
def test_a_unit_of_the_last_relu_is_the_target_of_that_number(captum, unit):
    np.testing.assert_array_equal(
        guided_backprop(captum, RAMPS, Layer("output", (unit,))),
        guided_backprop(captum, RAMPS, unit),
    )


# y = relu(relu(x1 - 1) - relu(x2)) at [-10, -5] and [3, 1], numbers published
# in DeepExplain's tests: y is 0, also everywhere near, and 1.


def two_inputs(x1_t, x2_t):
    return tf.nn.relu(tf.nn.relu(x1_t - 1) - tf.nn.relu(x2_t))


TWO = (np.array([[-10.0], [3.0]]), np.array([[-5.0], [1.0]]))
DEEPEXPLAIN = [
    (gradient, [1, -1]),
    (gradient_x_input, [3, -1]),
    # On the way (3a, a) the gradient is (1, -1) from 3a - 1 > a, a > 1/2.
    (integrated_gradients, [1.5, -0.5]),
    # Without x1 y is 0, it falls by 1; without x2 it is 2.
    (functools.partial(occlusion, window=1), [1, -1]),
    # At noise 0 the mean is the map and the variance is 0.
    (functools.partial(smoothgrad, noise=0), [1, -1]),
    (functools.partial(vargrad, noise=0), [0, 0]),
]


@pytest.mark.parametrize("explain, expected", DEEPEXPLAIN)
def test_two_inputs_of_deepexplain_apart(explain, expected):
    with Network(Formula(two_inputs, (1,), (1,))) as net:
        maps = explain(net, TWO, 0)
    assert isinstance(maps, tuple) and [one.shape for one in maps] == [(2, 1)] * 2
    np.testing.assert_allclose(np.hstack(maps), [[0, 0], expected], atol=1e-12)


@pytest.mark.parametrize("explain, expected", DEEPEXPLAIN)
def test_two_inputs_of_deepexplain_as_features(explain, expected):
    with Network(Formula(lambda x_t: two_inputs(x_t[:, :1], x_t[:, 1:]), (2,))) as net:
        maps = explain(net, np.hstack(TWO), 0)
    np.testing.assert_allclose(maps, [[0, 0], expected], atol=1e-12)


def test_completeness_of_several_inputs():
    with Network(Formula(two_inputs, (1,), (1,))) as net:
        maps = integrated_gradients(net, TWO, 0)
        np.testing.assert_allclose(completeness_error(net, TWO, 0, maps), 0, atol=1e-12)
        assert completeness_error(net, TWO, 0, TWO)[1] == 3 + 1 - 1  # any map, y = 1


def test_integer_images_do_not_wrap():
    """The ways from 9 to 1 and to 0 are -8 and -9 long, in uint8 248 and 247."""
    image = np.array([[1, 0]], np.uint8)
    with Network(Formula(lambda x_t: tf.reduce_sum(x_t, 1, keepdims=True), (2,))) as net:
        np.testing.assert_array_equal(integrated_gradients(net, image, 0, baseline=9), [[-8, -9]])
        np.testing.assert_array_equal(
            occlusion(net, image, 0, window=1, baseline=0.5), [[0.5, -0.5]]
        )


def smooth(x_t):
    return 5 * x_t[:, :1] + x_t[:, 1:2] ** 2 + tf.sin(x_t[:, 2:])


def test_smooth_terms_of_pair():
    """5x + y^2 + sin z at (1, 2, 3), numbers published in PAIR's saliency tests."""
    x, start = np.array([[1.0, 2, 3]]), np.array([0.5, 0.8, 1])
    with Network(Formula(smooth, (3,))) as net:
        np.testing.assert_allclose(gradient(net, x, 0), [[5, 4, np.cos(3)]])
        maps = integrated_gradients(net, x, 0, baseline=start, steps=100)
        # Each term alone goes from the baseline to x. A midpoint sum is off by at
        # most max|f'''| (z - start)^3 / 24 steps^2 = 8 / 24e4.
        expected = [[5 * 0.5, 4 - 0.64, np.sin(3) - np.sin(1)]]
        np.testing.assert_allclose(maps, expected, atol=8 / 24e4)
        error = completeness_error(net, x, 0, maps, baseline=start)
    np.testing.assert_allclose(error, (maps - expected).sum(axis=1), atol=1e-12)


def two_pixels(x_t):
    return 3 * x_t[:, 1, 1] + 3 * x_t[:, 3, 3]


def test_occlusion_of_pair():
    """Published in PAIR's saliency tests: windows wholly inside the image.

    The falls at the nine positions are [[3, 3, 0], [3, 6, 3], [0, 3, 3]]; the
    middle pixel is under all of them: 24.
    """
    image = np.zeros((1, 5, 5, 1))
    image[0, [1, 3], [1, 3]] = 1
    with Network(Formula(two_pixels, (5, 5, 1))) as net:
        maps = occlusion(net, image, 0, window=3, stride=1)
    expected = [
        [3, 6, 6, 3, 0],
        [6, 15, 18, 12, 3],
        [6, 18, 24, 18, 6],
        [3, 12, 18, 15, 6],
        [0, 3, 6, 6, 3],
    ]
    np.testing.assert_array_equal(maps[0, :, :, 0], expected)


def test_occlusion_by_brute_force():
    """y = (w x)^2 in NumPy, a colour image, the last windows flush with the border."""
    rng = np.random.default_rng(3)
    images, cover = rng.normal(size=(2, 5, 4, 2)), rng.normal(size=(5, 4, 2))
    w = rng.normal(size=(5, 4, 2))

    def y(x):
        return np.sum(w * x, axis=(1, 2, 3)) ** 2

    expected = np.zeros(images.shape)
    for row in (0, 2, 3):  # 5 rows, 2 high, step 2
        for column in (0, 1):  # 4 columns, 3 wide, step 3
            inside = np.zeros((5, 4, 1))
            inside[row : row + 2, column : column + 3] = 1
            fall = y(images) - y(images * (1 - inside) + cover * inside)
            expected += inside * fall[:, None, None, None]
    with Network(
        Formula(lambda x_t: tf.reduce_sum(w * x_t, [1, 2, 3])[:, None] ** 2, (5, 4, 2))
    ) as net:
        maps = occlusion(net, images, 0, window=(2, 3), stride=(2, 3), baseline=cover)
    np.testing.assert_allclose(maps, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("window", [3, 4, 9])
def test_a_window_wider_than_the_input_covers_all_of_it(window):
    with Network(Formula(smooth, (3,))) as net:
        maps = occlusion(net, np.array([[1.0, 2, 3]]), 0, window=window)
    np.testing.assert_allclose(maps, [[9 + np.sin(3)] * 3])


@pytest.mark.parametrize("kind", ["relu", "tanh"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_completeness_improves_with_the_steps(kind, seed):
    """y = v f(c + W x), random; along the way unit j is f(c_j + a s_j), s = W x.

    A midpoint sum of n steps is off by at most max|third derivative| / 24 n^2,
    with |tanh'''| <= 2, and by half a step of the jump |v_j s_j| at a kink.
    """
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    c, v = rng.normal(size=5), rng.normal(size=5)
    activation, s = getattr(tf.nn, kind), x @ weights

    def network(x_t):
        return tf.reduce_sum(v * activation(c + tf.matmul(x_t, weights)), 1, keepdims=True)

    with Network(Formula(network, (4,))) as net:
        for steps in (1, 10, 100):
            maps = integrated_gradients(net, x, 0, steps=steps)
            error = np.abs(completeness_error(net, x, 0, maps))
            bound = {
                "relu": np.abs(v * s).sum(axis=1) / (2 * steps),
                "tanh": np.abs(v * s**3).sum(axis=1) * 2 / (24 * steps**2),
            }
            assert np.all(error <= bound[kind] + 1e-12)


# Class 0 is predicted at x1 = 0.5 (1 against 0.5), class 1 at x1 = 0.


def two_classes(x_t):
    return tf.concat([2 * x_t[:, :1], 1 - x_t[:, :1]], axis=1) + 0 * x_t[:, 1:]


@pytest.mark.parametrize(
    "explain, expected",
    [
        (integrated_gradients, [1, 0]),
        (functools.partial(occlusion, window=1), [1, 0]),
        (functools.partial(smoothgrad, noise=1), [2, 0]),
        (functools.partial(vargrad, noise=1), [0, 0]),  # linear
    ],
)
def test_the_predicted_class_is_that_of_the_image(explain, expected):
    """The gradient of class 0 is (2, 0), that of class 1 (-1, 0)."""
    image = np.array([[0.5, 9.5]])
    with Network(Formula(two_classes, (2,))) as net:
        np.testing.assert_array_equal(explain(net, image), [expected])
        np.testing.assert_array_equal(explain(net, image, np.array([[1.0, 0]])), [expected])


def test_a_hidden_channel_is_explained_too(captum):
    """Channel 0 of the convolution is linear: its sum falls to the bias."""
    target = Layer("conv", (0,))
    maps = integrated_gradients(captum, RAMPS, target, steps=2)
    np.testing.assert_allclose(completeness_error(captum, RAMPS, target, maps), 0, atol=1e-9)
    np.testing.assert_allclose(maps.sum(axis=(1, 2, 3)), [270, 306])  # 45 + 54 + 81 + 90, + 4 * 9
    found = smoothgrad(captum, RAMPS, target, samples=3)
    np.testing.assert_allclose(found, gradient(captum, RAMPS, target))


@pytest.mark.parametrize(
    "inner", [gradient, guided_backprop, functools.partial(guided_grad_cam, layer="relu")]
)
def test_without_noise_smoothgrad_is_the_method_and_vargrad_0(captum, inner):
    np.testing.assert_array_equal(
        smoothgrad(captum, RAMPS, 0, method=inner, samples=3, noise=0), inner(captum, RAMPS, 0)
    )
    np.testing.assert_array_equal(vargrad(captum, RAMPS, 0, method=inner, samples=3, noise=0), 0)


@pytest.mark.parametrize("explain", [smoothgrad, vargrad])
def test_noise_is_seeded_and_does_not_depend_on_the_batch(captum, explain):
    explain = functools.partial(explain, captum, target=0, method=gradient_x_input, samples=4)
    maps = explain(RAMPS)
    np.testing.assert_array_equal(explain(RAMPS), maps)
    np.testing.assert_allclose(explain(RAMPS[1:]), maps[1:])
    assert np.all(np.any(explain(RAMPS, seed=1) != maps, axis=(1, 2)))


def test_noise_has_the_width_that_was_asked_for():
    """y = x^2 has the gradient 2x: mean 2x, variance 4 sigma^2, sigma 0.1 of the range 10 or 20."""
    images = np.array([[0.0, 10], [10, -10]])
    with Network(Formula(lambda x_t: tf.reduce_sum(x_t**2, 1, keepdims=True), (2,))) as net:
        means, variances = (
            explain(net, images, 0, samples=2000, noise=0.1) for explain in (smoothgrad, vargrad)
        )
    # 5 standard errors: of the mean 2 sigma / sqrt(2000), of the variance sqrt(2 / 2000).
    assert np.all(np.abs(means - 2 * images) < 5 * np.array([[2], [4]]) / 2000**0.5)
    np.testing.assert_allclose(variances, [[4, 4], [16, 16]], rtol=5 * (2 / 2000) ** 0.5)


def test_moments_are_those_of_numpy():
    samples = 1e4 + np.random.default_rng(0).normal(size=(7, 2, 3))
    np.testing.assert_allclose(mean(iter(samples)), samples.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance(iter(samples)), samples.var(axis=0), rtol=1e-9)


@pytest.mark.parametrize("size, cells", [(5, [0, 0, 1, 2, 2]), (6, [0, 0, 1, 1, 2, 2]), (1, [1])])
def test_nearest_takes_the_cell_of_the_centre(size, cells):
    """Three cells: of five pixels the centres lie at 0.3, 0.9, 1.5, 2.1, 2.7."""
    maps = np.arange(3.0).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(nearest(maps, (size, 2))[0, :, :, 0], np.c_[cells, cells])


CHANNEL_WEIGHTS = np.array([[1.0, 2], [3, 1], [2, 5], [4, 7]])  # the second logit is larger


def pair_of_images(grey_t, colour_t):
    joined_t = tf.nn.relu(tf.concat([grey_t, colour_t], axis=3), name="joined")
    return tf.matmul(tf.reduce_sum(joined_t, [1, 2]), tf.constant(CHANNEL_WEIGHTS, tf.float32))


# By the weights w of its channels and all places' weighted sum, for numbers far above 0.
MAPS_OF_A_PAIR = {
    "gradient": lambda image, w, places: w,
    "guided": lambda image, w, places: w,
    "deconvnet": lambda image, w, places: w,
    "smoothgrad": lambda image, w, places: w,
    "vargrad": lambda image, w, places: 0,
    "gradient-x-input": lambda image, w, places: w * image,
    "integrated": lambda image, w, places: w * image,
    # One window covers an input of fewer than 16 pixels a side.
    "occlusion": lambda image, w, places: (w * image).sum(axis=(1, 2, 3), keepdims=True),
    "gradcam": lambda image, w, places: places,
    "guided-gradcam": lambda image, w, places: w * places,
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_takes_several_images_and_keeps_their_type(name):
    """Grey camera counts, in bytes, and a colour image of another type, a float32 network."""
    rng = np.random.default_rng(0)
    images = (
        rng.integers(100, 200, (2, 4, 6, 1)).astype(np.uint8),
        rng.uniform(5, 9, (2, 4, 6, 3)),  # float64
    )
    given = [image.copy() for image in images]
    explain = method(name)
    assert list(inspect.signature(explain).parameters)[:3] == ["net", "images", "target"]
    options = {"layer": "joined"} if "gradcam" in name else {}
    with Network(Formula(pair_of_images, (4, 6, 1), (4, 6, 3), dtype=tf.float32)) as net:
        maps = explain(net, images, **options)
    shapes = [(2, 4, 6, 1), (2, 4, 6, 1 if name == "gradcam" else 3)]
    assert [one.shape for one in maps] == shapes
    assert [one.dtype for one in maps] == [np.float32, np.float32]
    weights = CHANNEL_WEIGHTS[:, 1]
    places = (np.concatenate(given, axis=3) * weights).sum(axis=3, keepdims=True)
    for one, image, before, w in zip(maps, images, given, (weights[:1], weights[1:])):
        expected = MAPS_OF_A_PAIR[name](before.astype(float), w, places)
        np.testing.assert_allclose(one, np.broadcast_to(expected, one.shape), rtol=1e-5)
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "explain",
    [
        smoothgrad,
        vargrad,
        functools.partial(integrated_gradients, baseline=250),
        functools.partial(occlusion, window=2, baseline=250),
    ],
    ids=["smoothgrad", "vargrad", "integrated", "occlusion"],
)
def test_camera_counts_in_bytes_are_explained_as_numbers(explain):
    """Noise, and a difference from a brighter baseline, would wrap; of a network that curves."""
    counts = np.random.default_rng(0).integers(100, 200, (2, 4, 6, 1)).astype(np.uint8)
    with Network(Formula(lambda x_t: tf.reduce_sum(tf.square(x_t), [1, 2]), (4, 6, 1))) as net:
        found, expected = (explain(net, images, 0) for images in (counts, counts.astype(float)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "explain, advice",
    [
        (functools.partial(integrated_gradients, steps=0), "in 0 steps; give `steps` of 1 or more"),
        (
            functools.partial(integrated_gradients, baseline=np.zeros((3, 4, 1))),
            r"baseline of shape \(3, 4, 1\) does not fit images of shape \(1, 4, 4, 1\)",
        ),
        (functools.partial(smoothgrad, samples=0), "0 noisy samples; give `samples` of 1 or more"),
        (functools.partial(vargrad, noise=-1), "noise of -1 times the range"),
        (functools.partial(occlusion, window=0), "occlusion window 0 on an input of 2 axes"),
        (functools.partial(occlusion, stride=(1, 2, 3)), r"stride \(1, 2, 3\) on an input of 2"),
        (grad_cam, "Grad-CAM needs a layer; name one by `layer`"),
        (functools.partial(grad_cam, layer="output"), "'output' of shape .* has no places"),
    ],
)
def test_refusals_give_advice(captum, explain, advice):
    with pytest.raises(InputError, match=advice) as caught:
        explain(captum, RAMP, 0)
    assert "\n" not in str(caught.value)


def test_inputs_and_baselines_must_agree_in_number():
    with Network(Formula(two_inputs, (1,), (1,))) as net, pytest.raises(
        InputError, match="3 baselines for 2 inputs"
    ):
        integrated_gradients(net, TWO, 0, baseline=(0, 0, 0))


def test_a_map_without_the_axes_of_the_image_is_refused():
    with pytest.raises(InputError, match=r"upsample=False"):
        nearest(np.zeros((1, 3, 2)), (4, 4))
