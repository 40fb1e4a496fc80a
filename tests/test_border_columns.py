"""Zero padding shows on a pedestal, in the plain graph and in the folded one alike.

The first convolution pads with zeros. A channel whose kernel sums to zero ignores a
pedestal, and sees a step of its height where padding cuts off the last taps: its ReLU is
closed in the interior and open along the border.
"""

import numpy as np
import pytest

from legacy_gbp import EX07
from legacy_gbp.attribution.guided_backprop import guided_backprop
from legacy_gbp.attribution.network import Network
from legacy_gbp.models.built_network import BuiltNetwork
from tests.weights import random_arrays

PEDESTAL = 6.0  # grey levels
COLUMNS = 4  # one cell of the first pooling
UNIFORM = COLUMNS / 284


def last_columns(padding, plain):
    """Return the share of the last columns in |guided map|, of noise on a pedestal.

    Subtracting `padding` from the pixels and from the running means pads with `padding`
    grey levels; no convolution off the border changes.
    """
    pixels = np.random.RandomState(2).normal(PEDESTAL - padding, 1, (8, 363, 284, 1))
    arrays = random_arrays(EX07.network, seed=4)
    kernel = np.full((4, 4, 1, 2), 1 / 16)  # channel 1 is open everywhere
    kernel[..., 0] = [[[0.0], [0.04], [0.0], [-0.04]]] * 4  # channel 0 sums to zero
    arrays["conv1/kernel"] = kernel
    # The map comes from channel 0, and the second convolution has no border of its own.
    arrays["conv2/kernel"] = np.abs(arrays["conv2/kernel"]) * [[1.0], [0.1]]
    moments = {"running_mean": [0.25, PEDESTAL / 2 - padding], "running_std": [1, 1]}
    for name, values in dict(moments, gamma=[1, 1], beta=[0, 0]).items():
        arrays["conv1/batch_norm/" + name] = np.array(values, float)
    with Network(BuiltNetwork(EX07.network, arrays, "float64"), plain=plain) as net:
        maps = np.abs(guided_backprop(net, pixels, "predicted"))
    return maps[:, :, -COLUMNS:].sum() / maps.sum()


def test_zeros_beside_a_pedestal_light_the_last_columns():
    plain, folded = last_columns(0, plain=True), last_columns(0, plain=False)
    assert folded == pytest.approx(plain, rel=1e-9)
    assert folded > 1.7 * UNIFORM


def test_padding_at_the_pedestal_does_not():
    plain, folded = last_columns(PEDESTAL, plain=True), last_columns(PEDESTAL, plain=False)
    assert folded == pytest.approx(plain, rel=1e-9)
    assert folded < 1.2 * UNIFORM
