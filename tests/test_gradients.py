"""Maps of both networks against hand-written NumPy and finite differences, in float64."""

import numpy as np
import pytest

from legacy_gbp.attribution import method
from legacy_gbp.attribution.network import Network
from legacy_gbp.data.synthetic import files as synthetic
from legacy_gbp.data.synthetic.shot import develop
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.exercises.layer_by_layer import LayerByLayer
from legacy_gbp.models.built_network import BuiltNetwork
from legacy_gbp.networks.batch_norm import batch_norm
from tests.numpy_backward import Numpy
from tests.weights import random_arrays

FULL, SMALL = (363, 284), (64, 47)


def make(exercise, image_shape, batch, dtype="float64", seed=3):
    arrays = random_arrays(exercise.network, image_shape, seed)
    images = np.random.RandomState(seed).normal(0, 1, (batch, *image_shape, 1)).astype(dtype)
    return BuiltNetwork(exercise.network, arrays, dtype, image_shape=image_shape), arrays, images


def relative(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


@pytest.mark.parametrize(
    "exercise, image_shape, batch",
    [(EX07, FULL, 1), (EX07, FULL, 2), (EX07, FULL, 64), (EX08, FULL, 1), (EX08, FULL, 2),
     (EX08, SMALL, 64)],
)  # fmt: skip
@pytest.mark.parametrize("rule", ["gradient", "guided", "deconvnet"])
def test_rules_equal_a_numpy_backward_pass(exercise, image_shape, batch, rule):
    source, arrays, images = make(exercise, image_shape, batch)
    target = np.arange(batch) % len(exercise.classes)
    by_hand = Numpy(images, arrays)
    exercise.network(by_hand)
    expected = by_hand.maps(np.eye(len(exercise.classes))[target], rule)
    with Network(source) as net:
        maps = method(rule)(net, images, target)
        assert relative(net.under(rule).logits(images), by_hand.x) < 1e-10
    assert np.abs(expected).max() > 0
    assert relative(maps, expected) < 1e-10


@pytest.mark.parametrize("exercise, image_shape", [(EX07, FULL), (EX08, FULL), (EX08, SMALL)])
def test_plain_gradient_equals_central_differences(exercise, image_shape):
    """The network is piecewise linear: where no kink lies between, they agree exactly."""
    source, _, images = make(exercise, image_shape, 1)
    step = 1e-6
    with Network(source) as net:
        gradient = method("gradient")(net, images, 1)
        largest = np.argsort(np.abs(gradient).ravel())[-12:]
        for place in largest:
            moved = np.concatenate([images, images])
            moved[0].flat[place] += step
            moved[1].flat[place] -= step
            up, down = net.logits(moved)[:, 1]
            difference = (up - down) / (2 * step)
            assert abs(difference - gradient.flat[place]) < 1e-7 * np.abs(gradient).max()


@pytest.mark.parametrize("exercise", [EX07, EX08])
def test_layer_by_layer_equals_the_override_bit_for_bit(exercise):
    """100 synthetic shots each; only the NaN kept the two ways apart in 2016.

    Of the graph as the table reads: folded, it adds the same numbers in another order.
    """
    arrays = random_arrays(exercise.network)
    source = BuiltNetwork(exercise.network, arrays)
    _, _, shots = synthetic.shots_of_file(70, 9, 100, synthetic.Recipe())
    with Network(source, plain=True) as override, Network(
        source, lambda source, rule: LayerByLayer(source, rule, batch_norm)
    ) as layers:
        for shot in shots:
            image = develop(shot).image[None, :, :, None].astype(np.float32)
            first = method("guided")(override, image, "predicted")
            second = method("guided")(layers, image, "predicted")
            assert np.abs(first).max() > 0
            np.testing.assert_array_equal(first, second)


def test_a_batch_equals_its_single_images_and_adds_no_operation():
    source, _, images = make(EX07, FULL, 5)
    with Network(source) as net:
        together = method("guided")(net, images, "predicted")
        operations = len(net.under("guided").graph.get_operations())
        alone = [method("guided")(net, images[k : k + 1], "predicted") for k in range(5)]
        assert len(net.under("guided").graph.get_operations()) == operations
    assert relative(np.concatenate(alone), together) < 1e-12
