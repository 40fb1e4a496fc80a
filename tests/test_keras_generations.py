"""Files that each generation of Keras wrote, against the maps that it computed itself.

`tests/reference/make_keras_reference.py` made both, with gradients written by hand for the
guided ones.
"""

import os

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import Network, gradient, guided_backprop
from legacy_gbp.models import keras_library
from legacy_gbp.models.keras_models import keras_model
from tests.conftest import REFERENCE

TF2 = not tf.__version__.startswith("1.")
KERAS_3 = TF2 and int(tf.keras.__version__.split(".")[0]) > 2
FOLDER = os.path.join(REFERENCE, "keras")
FILES = sorted(name for name in os.listdir(FOLDER) if not name.endswith(".npz"))
BUILDERS = ["builtin", "tf_keras"] if KERAS_3 else ["builtin"]


def reference(name):
    era, build = os.path.splitext(name)[0].split("_", 1)
    with np.load(os.path.join(FOLDER, era + ".npz")) as stored:
        return {key[len(build) + 1 :]: stored[key] for key in stored.files if key.startswith(build)}


@pytest.fixture(params=BUILDERS)
def builder(request, monkeypatch):
    """With the former Keras where it is installed, and as if it were not."""
    if request.param == "tf_keras":
        pytest.importorskip("tf_keras")
    else:
        monkeypatch.setattr(keras_library, "LEGACY", "no_such_keras")
    return request.param


def close(found, expected):
    error = np.abs(found - expected).max() / np.abs(expected).max()
    print(f"largest difference {error:.1e}")
    assert found.shape == expected.shape
    assert error < 1e-6


@pytest.mark.parametrize("name", FILES)
def test_maps_of_every_generation(name, builder):
    expected = reference(name)
    source = keras_model(os.path.join(FOLDER, name), output="classes" if "heads" in name else None)
    with Network(source) as net:
        close(net.logits(expected["images"]), expected["logits"])
        close(gradient(net, expected["images"], 1), expected["gradient"])
        if "guided" in expected:
            close(guided_backprop(net, expected["images"], 1), expected["guided"])
