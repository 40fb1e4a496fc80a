"""What a Keras file may be besides a complete model of the installed Keras under its own name.

Every file here is a reference file in another guise, so that its maps are known
(`tests/reference/make_keras_reference.py`).
"""

import glob
import json
import os
import shutil
import zipfile
from typing import Any, List

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import InputError, Layer, ModelError, Network, gradient, guided_backprop
from legacy_gbp.attribution import bound_method
from legacy_gbp.attribution.pipeline import Explanation, explain_batches
from legacy_gbp.data.batches import Batch
from legacy_gbp.models import keras_library
from legacy_gbp.models.formats import model_file
from legacy_gbp.models.keras_hdf5 import names_in
from legacy_gbp.models.keras_models import keras_model
from tests.test_keras_generations import FOLDER, builder, close, reference  # noqa: F401
from tests.test_vgg19 import LITTLE_IMAGES, little_arrays, source, write_old

TF2 = not tf.__version__.startswith("1.")
KERAS_3 = TF2 and int(tf.keras.__version__.split(".")[0]) > 2


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def copied(name, target):
    shutil.copy(os.path.join(FOLDER, name), target)
    return target


def has_the_maps_of(name, found, method=gradient):
    expected = reference(name)
    with Network(found) as net:
        close(method(net, expected["images"], 1), expected[method.__name__.split("_")[0]])


def text_of(path):
    with h5py.File(path, "r") as file:
        text = file.attrs["model_config"]
    return text.decode() if isinstance(text, bytes) else text


def changed(path, change, **attributes):
    """Rewrite the topology of a file, and its arrays by layer."""
    with h5py.File(path, "r+") as file:
        config = json.loads(text_of_open(file))
        change(config, file["model_weights"])
        file.attrs["model_config"] = json.dumps(config).encode()
        for key, value in attributes.items():
            file.attrs[key] = value
            file["model_weights"].attrs[key] = value


def text_of_open(file):
    text = file.attrs["model_config"]
    return text.decode() if isinstance(text, bytes) else text


def replaced(group, name, value):
    del group[name]
    group.create_dataset(name, data=value)


@pytest.mark.parametrize(
    "name, called",
    [
        ("k224_mlp.h5", "model.keras"),
        ("k3_mlp.h5", "model.keras"),
        ("k3_mlp.keras", "model.h5"),
        ("tfk_cnn.keras", "model.hdf5"),
        ("k224_cnn.h5", "model_final"),
        ("k3_cnn.keras", "weights.best.zip"),
    ],
)
def test_a_file_of_any_name(name, called):
    """What it is, its first bytes say."""
    has_the_maps_of(name, model_file(copied(name, called)), guided_backprop)


@pytest.mark.parametrize("beside", ["w.json", "model.json", "architecture.json", "anything.json"])
def test_weights_beside_their_topology(beside):
    path = copied("k224_cnn.h5", "w.h5")
    with open(beside, "w") as file:
        file.write(text_of(path))
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
    has_the_maps_of("k224_cnn.h5", keras_model(path), guided_backprop)


def test_weights_at_the_root_of_a_file():
    """As `save_weights` puts them."""
    with h5py.File(copied("k224_lstm.h5", "whole.h5"), "r") as whole:
        with h5py.File("lstm_weights.h5", "w") as file:
            for name in whole["model_weights"]:
                whole.copy("model_weights/" + name, file)
            file.attrs.update(whole["model_weights"].attrs)
        with open("lstm.json", "w") as text:
            text.write(text_of_open(whole))
    has_the_maps_of("k224_lstm.h5", keras_model("lstm_weights.h5"))


def test_weights_without_a_topology_say_what_is_missing():
    path = copied("k224_cnn.h5", "cnn_weights.h5")
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
    with pytest.raises(ModelError, match=r"holds weights alone, .* beside it as cnn_weights.json$"):
        keras_model(path)
    for name in ("a.json", "b.json"):
        with open(name, "w") as file:
            file.write("{}")
    with pytest.raises(ModelError, match=r"as cnn_weights.json; a.json, b.json are there$"):
        keras_model(path)
    shutil.move("a.json", "cnn.json")
    with pytest.raises(ModelError, match=r"cnn.json: holds no topology of Keras; give a file of"):
        keras_model(path)


def test_kernels_of_theano_are_turned():
    """Theano convolves, TensorFlow correlates; Keras 2 turns the kernels when it loads them."""

    def turn(config, weights):
        for layer in ("conv", "conv2d_1"):
            name = f"{layer}/{layer}/kernel:0"
            replaced(weights, name, weights[name][()][::-1, ::-1])

    path = copied("k224_cnn.h5", "theano.h5")
    changed(path, turn, backend=b"theano")
    has_the_maps_of("k224_cnn.h5", keras_model(path), guided_backprop)
    path = copied("k224_mobilenet.h5", "theano.h5")
    changed(path, lambda config, weights: None, backend=b"theano")
    with pytest.raises(ModelError, match=r"a DepthwiseConv2D trained with Theano"):
        keras_model(path)


def test_an_lstm_of_cudnn():
    """Its kernels are transposed gate by gate, and it has two biases that are added.

    The file is that of an LSTM, turned by the formulas of cuDNN: x W^T + b_x + h R^T + b_h.
    """

    def turn(config, weights):
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "LSTM":
                layer["class_name"] = "CuDNNLSTM"
                for key in ("recurrent_activation", "activation", "use_bias", "implementation"):
                    del layer["config"][key]
        for layer in [name for name in weights if name.startswith("lstm")]:
            names = names_in(weights[layer], "weight_names", layer)
            kernel, recurrent, bias = (weights[layer][name][()] for name in names)
            gates = [one.T.reshape(one.shape) for one in np.split(kernel, 4, 1)]
            turned = [np.concatenate(gates, 1)]
            turned.append(np.concatenate([one.T for one in np.split(recurrent, 4, 1)], 1))
            turned.append(np.concatenate([0.25 * bias, 0.75 * bias]))
            for name, value in zip(names, turned):
                replaced(weights[layer], name, value)

    path = copied("tfk_lstm.h5", "cudnn.h5")
    changed(path, turn)
    has_the_maps_of("tfk_lstm.h5", keras_model(path))


def test_the_twelve_arrays_of_keras_1():
    """Weights of Keras 1 under a topology of Keras 2: one array a gate, in another order."""

    def split(config, weights):
        for layer in [name for name in weights if name.startswith("lstm")]:
            group = weights[layer]
            arrays = [group[name][()] for name in names_in(group, "weight_names", layer)]
            names = []
            for gate, place in zip("icfo", (0, 2, 1, 3)):
                for kind, value in zip("WUb", arrays):
                    names.append(f"{layer}_{kind}_{gate}:0".encode())
                    group.create_dataset(names[-1], data=np.split(value, 4, -1)[place])
            group.attrs["weight_names"] = names

    path = copied("k208_lstm.h5", "old.h5")
    changed(path, split)
    with open("old.json", "w") as file:
        file.write(text_of(path))
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["keras_version"] = b"1.2.2"
    has_the_maps_of("k208_lstm.h5", keras_model(path))


def test_two_heads():
    path = os.path.join(FOLDER, "k224_heads.h5")
    with pytest.raises(ModelError, match=r"has 2 outputs \(classes, other\); name one by `output`"):
        keras_model(path)
    has_the_maps_of("k224_heads.h5", keras_model(path, output="classes"), guided_backprop)
    with Network(keras_model(path, output="other")) as net:
        assert net.classes == 2
    with pytest.raises(ModelError, match=r"no output 'third' in the graph"):
        keras_model(path, output="third")


def test_a_hidden_layer_as_the_output():
    expected = reference("k224_cnn.h5")
    path = os.path.join(FOLDER, "k224_cnn.h5")
    with Network(keras_model(path, output="dense")) as net:
        found = gradient(net, expected["images"], 2)
    with Network(keras_model(path)) as net:
        close(found, gradient(net, expected["images"], Layer("dense", (2,))))


@pytest.mark.skipif(not KERAS_3, reason="of the Keras that lacks old layers")
def test_a_class_that_keras_lacks(monkeypatch):
    def rename(config, weights):
        config["config"]["layers"][1]["class_name"] = "CrossedColumn"

    path = copied("tfk_cnn.h5", "old.h5")
    changed(path, rename)
    monkeypatch.setattr(keras_library, "LEGACY", "no_such_keras")
    with pytest.raises(ModelError) as error:
        keras_model(path)
    assert "layer 'conv' is of class CrossedColumn, which is not in Keras 3." in str(error.value)
    assert str(error.value).endswith("pip install 'legacy_gbp[keras2]'")


def test_an_option_that_changes_numbers_is_not_dropped():
    def add(config, weights):
        config["config"]["layers"][1]["config"]["power"] = 2

    path = copied("k224_cnn.h5", "new.h5")
    changed(path, add)
    with pytest.raises(ModelError, match=r"layer 'conv' \(Conv2D\) has power=2, which is unknown"):
        keras_model(path)


def test_the_cause_is_in_the_message():
    """Keras nests it in its own advice, a configuration and a traceback."""

    def break_it(config, weights):
        config["config"]["layers"][1]["config"]["padding"] = "sane"

    path = copied("k224_cnn.h5", "broken.h5")
    changed(path, break_it)
    with pytest.raises(ModelError) as error:
        keras_model(path)
    assert "layer 'conv' (Conv2D) cannot be built (" in str(error.value)
    assert "sane" in str(error.value)
    assert "\n" not in str(error.value)


def test_arrays_of_another_model_are_refused():
    def cut(config, weights):
        replaced(weights, "conv/conv/kernel:0", np.zeros((3, 3, 2, 5), "f4"))

    path = copied("k224_cnn.h5", "other.h5")
    changed(path, cut)
    with pytest.raises(
        ModelError,
        match=r"'conv' \(Conv2D\) has arrays \(3, 3, 2, 5\), \(4,\), but needs \(3, 3, 2, 4\), ",
    ):
        keras_model(path)


def test_a_topology_of_keras_1_is_named():
    def age(config, weights):
        config["config"]["layers"][1]["config"]["nb_filter"] = 4

    path = copied("k224_cnn.h5", "one.h5")
    changed(path, age, keras_version=b"1.2.2")
    with pytest.raises(ModelError, match=r"its topology was written by Keras 1; load it with"):
        keras_model(path)


def test_tokens_and_rows_of_an_embedding():
    """(N, T) integers of any type, or (N, T, D) rows."""
    expected = reference("k224_lstm.h5")
    tokens = expected["images"]
    with Network(keras_model(os.path.join(FOLDER, "k224_lstm.h5"))) as net:
        rows = net.under("gradient").activation(tokens)
        assert rows.shape == (3, 6, 4)
        for images in (tokens.astype("int64"), tokens.astype("uint8"), rows):
            close(gradient(net, images, 1), expected["gradient"])
        with pytest.raises(InputError, match=r"the graph does not take these images"):
            net.logits(tokens.astype("f4"))


def test_official_weights_without_the_top():
    """What lies before the missing layer works; the logits say which layer is missing."""
    arrays = little_arrays()
    del arrays["fc1"], arrays["predictions"]
    complete, cut = write_old("all.h5", little_arrays()), write_old("notop.h5", arrays)
    layer = Layer("block1_conv2", (1,))
    with Network(source(complete)) as net:
        expected = guided_backprop(net, LITTLE_IMAGES, layer)
    with Network(source(cut)) as net:
        np.testing.assert_array_equal(guided_backprop(net, LITTLE_IMAGES, layer), expected)
        for run in (net.logits, net.predict):
            with pytest.raises(ModelError, match=r"notop.h5: no layer 'fc1', which little needs"):
                run(LITTLE_IMAGES)


def test_a_batch_of_a_hidden_layer_needs_no_top():
    arrays = little_arrays()
    del arrays["fc1"], arrays["predictions"]
    layer = Layer("block1_conv2", (1,))
    with Network(source(write_old("notop.h5", arrays))) as net:
        asked = Explanation({"guided": bound_method("guided", net)}, layer, str)
        batches = [Batch(np.arange(len(LITTLE_IMAGES)), LITTLE_IMAGES)]
        (found,) = explain_batches(net, batches, 1, asked, lambda explained: None, "test")
        expected = guided_backprop(net, net.prepare(LITTLE_IMAGES), layer)
    np.testing.assert_array_equal(found.maps["guided"], expected)
    assert found.logits.shape == (len(LITTLE_IMAGES), 0)


@pytest.mark.parametrize("name", sorted(glob.glob(os.path.join(FOLDER, "*_cnn.*"))))
def test_layers_have_the_names_of_the_file(name):
    """Also where Keras traces layer ``conv`` in scope ``conv_1``."""
    with Network(keras_model(name)) as net:
        for layer in ("conv", "act", "classes"):
            assert len(net.under("gradient", of=layer).output(np.ones((2, 9, 8, 2), "f4"))) == 2


def test_names_that_do_not_fit_into_one_attribute():
    """HDF5 takes 64 kB; Keras cuts longer lists."""
    path = copied("k224_mobilenet.h5", "long.h5")
    with h5py.File(path, "r+") as file:
        for group in (file["model_weights"], file["model_weights/conv1_bn"]):
            for key in ("layer_names", "weight_names"):
                if key in group.attrs:
                    names = group.attrs[key]
                    del group.attrs[key]
                    group.attrs[key + "0"], group.attrs[key + "1"] = names[:3], names[3:]
    has_the_maps_of("k224_mobilenet.h5", keras_model(path), guided_backprop)


@pytest.mark.skipif(not KERAS_3, reason="of Keras 3")
def test_an_option_of_a_later_keras_that_is_not_used():
    old = os.path.join(FOLDER, "k3_cnn.keras")
    with zipfile.ZipFile(old) as old_file, zipfile.ZipFile("new.keras", "w") as new_file:
        for name in old_file.namelist():
            content = old_file.read(name)
            if name == "config.json":
                content = content.replace(b'"kernel_size"', b'"an_option": null, "kernel_size"')
            new_file.writestr(name, content)
    has_the_maps_of("k3_cnn.keras", keras_model("new.keras"), guided_backprop)


def test_a_lambda_of_another_python():
    """Its bytecode is not run; with `trusted` it is tried, and the message says whose it is."""

    def add(config, weights):
        layers = config["config"]["layers"]
        layers[2]["class_name"] = "Lambda"
        layers[2]["config"] = {"name": "norm", "function": ["gAAA", None, None], "arguments": {}}

    path = copied("k224_cnn.h5", "lambda.h5")
    changed(path, add)
    with pytest.raises(ModelError, match=r"holds a Lambda layer, .* set `trusted`$"):
        keras_model(path)
    with pytest.raises(ModelError, match=r"layer 'norm' \(Lambda\) is Python code that does not"):
        keras_model(path, trusted=True)


def written_by_keras_2(path, layers, arrays):
    """Write a sequential or functional model of Keras 2.2.4; `layers` are (class, options)."""
    chain = [{"class_name": kind, "config": options} for kind, options in layers]
    write_model(path, {"class_name": "Sequential", "config": {"layers": chain}}, arrays)
    return keras_model(path)


def write_model(path, config, arrays):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"], file.attrs["backend"] = b"2.2.4", b"tensorflow"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [name.encode() for name in arrays]
        for layer, values in arrays.items():
            group = weights.create_group(layer)
            names = [f"{layer}/array_{number}:0" for number in range(len(values))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, values):
                group.create_dataset(name, data=value)


def random_arrays(*shapes):
    rng = np.random.RandomState(7)
    return [rng.normal(size=shape).astype("f4") for shape in shapes]


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.usefixtures("builder")
def test_a_locally_connected_layer_with_the_channels_first():
    """A patch is (channels, rows, columns); Keras reads the bias as (filters, rows, columns)."""
    x, kernel, bias = random_arrays((2, 2, 3, 4), (6, 8, 3), (2, 3, 3))
    local = {
        "name": "local", "filters": 3, "kernel_size": [2, 2], "strides": [1, 1],
        "data_format": "channels_first", "batch_input_shape": [None, 2, 3, 4],
    }  # fmt: skip
    source = written_by_keras_2(
        "local.h5", [("LocallyConnected2D", local)], {"local": [kernel, bias]}
    )
    expected = np.empty((2, 3, 2, 3))
    for place in range(6):
        row, column = divmod(place, 3)
        patch = x[:, :, row : row + 2, column : column + 2].reshape(2, 8)
        expected[:, :, row, column] = patch @ kernel[place]
    with Network(source) as net:
        close(net.logits(x), expected + bias.reshape(3, 2, 3))


CONV_FIRST = {
    "name": "conv", "filters": 3, "kernel_size": [1, 1], "data_format": "channels_first",
    "batch_input_shape": [None, 2, 4, 5],
}  # fmt: skip


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_scores_with_the_channels_first(activation):
    """They have the axes of the output."""
    x, kernel, bias = random_arrays((2, 2, 4, 5), (1, 1, 2, 3), (3,))
    layers = [("Conv2D", {**CONV_FIRST, "activation": activation})]
    with Network(written_by_keras_2("end.h5", layers, {"conv": [kernel, bias]})) as net:
        close(net.logits(x), np.einsum("nihw,io->nohw", x, kernel[0, 0]) + bias[:, None, None])


@pytest.mark.usefixtures("builder")
def test_a_softmax_after_channels_first_is_over_the_last_axis():
    """As in Keras, which takes the columns for the classes."""
    x, kernel, bias, dense = random_arrays((2, 2, 4, 5), (1, 1, 2, 3), (3,), (60, 2))
    layers = [
        ("Conv2D", {**CONV_FIRST, "activation": "softmax"}),
        ("Flatten", {"name": "flat"}),
        ("Dense", {"name": "dense", "units": 2, "use_bias": False}),
    ]
    arrays = {"conv": [kernel, bias], "dense": [dense]}
    scores = np.einsum("nihw,io->nohw", x, kernel[0, 0]) + bias[:, None, None]
    with Network(written_by_keras_2("within.h5", layers, arrays)) as net:
        close(net.logits(x), softmax(scores).reshape(2, 60) @ dense)


@pytest.mark.usefixtures("builder")
def test_two_calls_of_a_layer_with_the_channels_first():
    first, second, kernel, bias = random_arrays((2, 2, 4, 5), (2, 2, 4, 5), (1, 1, 2, 3), (3,))
    images = {"batch_input_shape": [None, 2, 4, 5], "dtype": "float32"}
    stored: List[Any] = [
        ("InputLayer", {"name": "a", **images}, []),
        ("InputLayer", {"name": "b", **images}, []),
        ("Conv2D", CONV_FIRST, [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]),
        ("Subtract", {"name": "less"}, [[["conv", 0, 0, {}], ["conv", 1, 0, {}]]]),
    ]
    config = {
        "name": "twice",
        "layers": [
            {"class_name": kind, "name": options["name"], "config": options, "inbound_nodes": nodes}
            for kind, options, nodes in stored
        ],
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["less", 0, 0]],
    }
    write_model("twice.h5", {"class_name": "Model", "config": config}, {"conv": [kernel, bias]})
    with Network(keras_model("twice.h5")) as net:
        expected = np.einsum("nihw,io->nohw", first - second, kernel[0, 0])
        close(net.logits((first, second)), expected)


@pytest.mark.usefixtures("builder")
def test_a_convolutional_lstm_with_the_channels_first():
    """Windows of one place, so that the formulas are those of an LSTM at every place."""
    x, kernel, recurrent, bias = random_arrays((2, 3, 2, 4, 5), (1, 1, 2, 12), (1, 1, 3, 12), (12,))
    options = {
        "name": "lstm", "filters": 3, "kernel_size": [1, 1], "data_format": "channels_first",
        "batch_input_shape": [None, 3, 2, 4, 5], "return_sequences": True, "activation": "tanh",
        "recurrent_activation": "hard_sigmoid",
    }  # fmt: skip
    arrays = {"lstm": [kernel, recurrent, bias]}
    state = cell = np.zeros((2, 4, 5, 3))
    expected = []
    for time in range(3):
        image = np.moveaxis(x[:, time], 1, -1)
        i, f, c, o = np.split(image @ kernel[0, 0] + state @ recurrent[0, 0] + bias, 4, -1)
        i, f, o = (np.clip(0.2 * gate + 0.5, 0, 1) for gate in (i, f, o))
        cell = f * cell + i * np.tanh(c)
        state = o * np.tanh(cell)
        expected.append(np.moveaxis(state, -1, 1))
    with Network(written_by_keras_2("lstm.h5", [("ConvLSTM2D", options)], arrays)) as net:
        close(net.logits(x), np.stack(expected, 1))


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize("kind", ["Activation", "Softmax", "Conv2D"])
def test_a_softmax_of_images_at_the_end(kind):
    """Also where Keras writes it as a quotient of exponentials: the scores are explained."""
    x, kernel = random_arrays((2, 3, 4, 2), (1, 1, 2, 3))
    conv = {
        "name": "conv", "filters": 3, "kernel_size": [1, 1], "use_bias": False,
        "batch_input_shape": [None, 3, 4, 2],
    }  # fmt: skip
    if kind == "Conv2D":
        layers = [(kind, {**conv, "activation": "softmax"})]
    else:
        options = {"axis": -1} if kind == "Softmax" else {"activation": "softmax"}
        layers = [("Conv2D", conv), (kind, {"name": "probabilities", **options})]
    with Network(written_by_keras_2("images.h5", layers, {"conv": [kernel]})) as net:
        close(net.logits(x), x @ kernel[0, 0])


@pytest.mark.usefixtures("builder")
def test_what_a_file_says_of_training_is_not_needed():
    """A loss and an optimiser of the author's own, and the optimiser's arrays."""
    path = copied("k224_cnn.h5", "trained.h5")
    optimiser = {"class_name": "MyOptimiser", "config": {"lr": 0.1, "mine": True}}
    training = {"optimizer_config": optimiser, "loss": "my_loss", "metrics": ["my_metric"]}
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = json.dumps(training).encode()
        group = file.require_group("optimizer_weights")
        group.create_dataset("MyOptimiser/iterations:0", data=3)
        group.attrs["weight_names"] = [b"MyOptimiser/iterations:0"]
    has_the_maps_of("k224_cnn.h5", keras_model(path), guided_backprop)
