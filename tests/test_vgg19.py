"""VGG19 against Keras, at full size and at 32x32; weight files of every layout; pictures."""

import os
import shutil

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution import method
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target_forms import Layer
from legacy_gbp.errors import InputError
from legacy_gbp.graph.layers import find_layer
from legacy_gbp.models.keras_weights import KerasWeights
from legacy_gbp.models.source import Endpoints
from legacy_gbp.networks.keras_layout import KerasLayout
from legacy_gbp.networks.vgg19 import IMAGE_SHAPE, preprocess, vgg19
from tests import numpy_backward
from tests.keras_vgg19 import GRAPH_MODE, KerasVGG19, guided_relu

SMALL = (32, 32)
WEIGHTS = "vgg19.h5" if GRAPH_MODE else "vgg19.weights.h5"  # Keras 3 insists on the latter

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
    pytest.mark.filterwarnings("ignore::h5py.h5py_warnings.H5pyDeprecationWarning"),
]


def relative(a, b):
    assert a.shape == b.shape and np.abs(b).max() > 0
    return np.abs(a - b).max() / np.abs(b).max()


def random_pictures(count, image_shape, seed=0):
    rng = np.random.RandomState(seed)
    return preprocess(rng.randint(0, 256, (count, *image_shape, 3)).astype(np.uint8))


def untrained(image_shape):
    """The graph alone."""
    with tf.Graph().as_default():
        images_t = tf.compat.v1.placeholder(tf.float32, (None, *image_shape, 3))
        builder = KerasLayout(images_t)
        vgg19(builder)
    return Endpoints((images_t,), builder.logits_t, {}, builder.layers)


# ---- the whole network


def test_full_size_logits_and_gradient_equal_keras(tmp_path):
    images = random_pictures(1, IMAGE_SHAPE)
    keras = KerasVGG19(IMAGE_SHAPE, seed=1)
    try:
        path = keras.save(tmp_path / WEIGHTS)
        logits, probabilities = keras.logits(images), keras.probabilities(images)
        gradient = keras.gradient(images, np.eye(1000)[[207]])
    finally:
        keras.close()
    with Network(KerasWeights(vgg19, path)) as net:
        found = net.logits(images)
        maps = method("gradient")(net, images, 207)
        definition = net.under("gradient").graph.as_graph_def()
        nonlinear = [finding.name for finding in net.under("gradient").findings]
    os.remove(path)
    assert relative(found, logits) < 1e-5
    softmax = np.exp(found - found.max()) / np.exp(found - found.max()).sum()
    assert 0.001 < probabilities.max() < 0.9  # neither flat nor saturated
    assert relative(softmax, probabilities) < 1e-4
    assert relative(maps, gradient) < 1e-4
    assert definition.ByteSize() < 200_000  # the weights stand in variables, not in the graph
    convs = [f"block{b}_conv{c}" for b in range(1, 6) for c in range(1, 3 if b < 3 else 5)]
    assert nonlinear == [name + "/Relu" for name in [*convs, "fc1", "fc2"]]


@pytest.fixture(scope="module")
def keras():
    model = KerasVGG19(SMALL, seed=2)
    yield model
    model.close()


@pytest.fixture(scope="module")
def net(keras, tmp_path_factory):
    path = keras.save(tmp_path_factory.mktemp("vgg19") / WEIGHTS)
    with Network(KerasWeights(vgg19, path, SMALL)) as net:
        yield net
    os.remove(path)


def test_guided_map_of_a_class_equals_keras_with_a_custom_gradient(keras, net):
    images = random_pictures(2, SMALL)
    classes = np.array([3, 999])
    expected = keras.gradient(images, np.eye(1000)[classes], relu=guided_relu)
    assert relative(method("guided")(net, images, classes), expected) < 1e-4
    assert relative(method("gradient")(net, images, classes), expected) > 0.1


@pytest.mark.parametrize("first", [3, 2, 0], ids=["layer", "channel", "neuron"])
def test_guided_map_of_the_layer_of_the_tutorials_equals_keras(keras, net, first):
    """The layer after its ReLU: all of it, a channel, one neuron; such as live in both images."""
    images = random_pictures(2, SMALL)
    active = net.under("guided", of="block5_conv4").output(images)
    assert active.shape == (2, 2, 2, 512) and active.min() == 0
    weaker = active.min(axis=0)
    index = tuple(int(n) for n in np.unravel_index(weaker.argmax(), weaker.shape))[first:]
    seeds = np.zeros_like(active)
    if first == 3:
        seeds[:] = 1
    elif first == 2:
        seeds[:, :, :, index[0]] = 1
    else:
        seeds[:, index[0], index[1], index[2]] = 1
    expected = keras.gradient(images, seeds, "block5_conv4", guided_relu)
    assert relative(method("guided")(net, images, Layer("block5_conv4", index)), expected) < 1e-4


def test_a_whole_model_file_serves_too(keras, net, tmp_path):
    images = random_pictures(2, SMALL)
    path = keras.save(tmp_path / "model.h5", whole=True)
    with Network(KerasWeights(vgg19, path, SMALL)) as other:
        np.testing.assert_array_equal(other.logits(images), net.logits(images))
    os.remove(path)
    assert relative(net.logits(images), keras.logits(images)) < 1e-5


def test_every_name_of_keras_is_a_layer_of_the_same_shape(keras):
    ends = untrained(SMALL)
    assert [layer.name for layer in ends.layers] == [
        "images", *(layer.name for layer in keras.model.layers[1:])
    ]  # fmt: skip
    for ours, theirs in zip(ends.layers[1:], keras.model.layers[1:]):
        assert find_layer(ends, ours.name) is ours.output_t
        assert ours.output_t.shape.as_list()[1:] == [int(n) for n in theirs.output.shape[1:]]


def test_the_full_size_has_the_published_number_of_parameters():
    graph = untrained(IMAGE_SHAPE).logits_t.graph
    with graph.as_default():
        shapes = [v.shape.as_list() for v in tf.compat.v1.global_variables()]
    assert sum(int(np.prod(shape)) for shape in shapes) == 143667240


def test_preprocess_by_hand_and_as_keras_does():
    red = np.array([[[[255, 0, 10]]]], np.uint8)
    found = preprocess(red)
    assert found.dtype == np.float32 and found.shape == (1, 1, 1, 3)
    np.testing.assert_allclose(found[0, 0, 0], [10 - 103.939, -116.779, 255 - 123.68], rtol=1e-6)
    pictures = np.random.RandomState(0).randint(0, 256, (2, 5, 4, 3)).astype(np.uint8)
    theirs = tf.keras.applications.vgg19.preprocess_input(pictures.astype(np.float32))
    np.testing.assert_allclose(preprocess(pictures), theirs, rtol=1e-6)


# ---- files, with a little network


def little(net):
    net.conv("block1_conv1", 4).conv("block1_conv2", 5).max_pool("block1_pool")
    net.flatten("flatten")
    net.dense("fc1", 6)
    net.logits("predictions", 3)


SHAPES = {
    "block1_conv1": (3, 3, 3, 4),
    "block1_conv2": (3, 3, 4, 5),
    "fc1": (4 * 3 * 5, 6),
    "predictions": (6, 3),
}
LITTLE_SHAPE = (8, 6)
LITTLE_IMAGES = np.random.RandomState(5).normal(0, 1, (2, *LITTLE_SHAPE, 3))


def little_arrays(seed=4):
    rng = np.random.RandomState(seed)
    return {
        layer: [rng.normal(0, 0.5, s).astype(np.float32) for s in (shape, shape[-1:])]
        for layer, shape in SHAPES.items()
    }


def write_old(path, arrays):
    """The official layout of 2015: layer_names, weight_names, block1_conv1_W_1:0."""
    with h5py.File(str(path), "w") as file:
        names = ["input_1", "block1_conv1", "block1_conv2", "block1_pool", "flatten", "fc1"]
        names.append("predictions")
        file.attrs["layer_names"] = np.array([name.encode() for name in names])
        for name in names:
            group = file.create_group(name)
            weights = [f"{name}_W_1:0", f"{name}_b_1:0"] if name in arrays else []
            group.attrs["weight_names"] = np.array([w.encode() for w in weights], "S")
            for weight, array in zip(weights, arrays.get(name, ())):
                group[weight] = array
    return str(path)


def write_keras3(path, arrays):
    with h5py.File(str(path), "w") as file:
        kinds = zip(arrays.items(), ["conv2d", "conv2d_1", "dense", "dense_1"])
        for (name, (kernel, bias)), kind in kinds:
            group = file.create_group(f"layers/{kind}/vars")
            group.attrs["name"] = name
            group["0"], group["1"] = kernel, bias
        file.create_group("layers/flatten/vars").attrs["name"] = "flatten"
        file.create_group("vars").attrs["name"] = "functional"
    return str(path)


def source(path, **options):
    return KerasWeights(little, path, LITTLE_SHAPE, **options)


def by_hand(arrays, images, seeds, rule):
    """Logits, and the guided map, in NumPy."""
    kernels = {name: [a.astype(np.float64) for a in pair] for name, pair in arrays.items()}
    (k1, b1), (k2, b2), (w1, c1), (w2, c2) = (kernels[name] for name in SHAPES)
    x1 = numpy_backward.conv(images, k1) + b1
    y1 = np.maximum(x1, 0)
    x2 = numpy_backward.conv(y1, k2) + b2
    y2 = np.maximum(x2, 0)
    flat = numpy_backward.max_pool(y2, 2, 2).reshape(len(images), -1)
    x3 = flat @ w1 + c1
    logits = np.maximum(x3, 0) @ w2 + c2
    back = numpy_backward.relu_back(seeds @ w2.T, x3, rule) @ w1.T
    back = numpy_backward.max_pool_back(back.reshape(-1, 4, 3, 5), y2, 2, 2)
    back = numpy_backward.conv_back(numpy_backward.relu_back(back, x2, rule), y1, k2)
    return logits, numpy_backward.conv_back(numpy_backward.relu_back(back, x1, rule), images, k1)


@pytest.mark.parametrize("write", [write_old, write_keras3])
@pytest.mark.parametrize("rule", ["gradient", "guided", "deconvnet"])
def test_a_file_written_by_hand_gives_numbers_by_hand(tmp_path, write, rule):
    arrays, classes = little_arrays(), [2, 0]
    path = write(tmp_path / "little.h5", arrays)
    logits, expected = by_hand(arrays, LITTLE_IMAGES, np.eye(3)[classes], rule)
    with Network(source(path, dtype="float64")) as net:
        assert relative(net.logits(LITTLE_IMAGES), logits) < 1e-12
        assert relative(method(rule)(net, LITTLE_IMAGES, np.array(classes)), expected) < 1e-12


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_missing_file_says_which_to_get(tmp_path):
    with pytest.raises(InputError) as error:
        KerasWeights(vgg19, tmp_path / "no.h5")
    one_line(error, "no.h5: no such file; none is downloaded",
             "give vgg19_weights_tf_dim_ordering_tf_kernels.h5")  # fmt: skip


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(InputError) as error:
        KerasWeights(vgg19, tmp_path)
    one_line(error, "is not a file; name an HDF5 file")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = write_old(tmp_path / "little.h5", little_arrays())
    os.truncate(path, int(share * os.path.getsize(path)))
    with pytest.raises(InputError) as error:
        source(path)
    one_line(error, "little.h5: not a whole HDF5 file (", "copy it again")


def test_a_damaged_array_is_refused(tmp_path):
    """An array with a checksum and other bytes: the file opens, the array does not."""
    path = write_old(tmp_path / "little.h5", little_arrays())
    with h5py.File(path, "r+") as file:
        kernel = file["fc1/fc1_W_1:0"][()]
        del file["fc1/fc1_W_1:0"]
        file["fc1"].create_dataset("fc1_W_1:0", data=kernel, fletcher32=True, chunks=kernel.shape)
    with open(path, "r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(content.replace(kernel.tobytes(), kernel[::-1].tobytes()))
    with Network(source(path)) as net, pytest.raises(InputError) as error:
        net.logits(LITTLE_IMAGES)
    one_line(error, "fc1", " cannot be read (", "copy the file again")


@pytest.mark.parametrize("write", [write_old, write_keras3])
def test_a_missing_layer_is_named_with_those_that_exist(tmp_path, write):
    """As in the official file without the top."""
    arrays = little_arrays()
    del arrays["fc1"], arrays["predictions"]
    path = write(tmp_path / "little.h5", arrays)
    with Network(source(path)) as net, pytest.raises(InputError) as error:
        net.logits(LITTLE_IMAGES)
    one_line(error, "no layer 'fc1', which little needs; it holds block1_conv1, block1_conv2;",
             "give little_weights_tf_dim_ordering_tf_kernels.h5")  # fmt: skip


def test_a_wrong_shape_says_found_and_wanted(tmp_path):
    """As in a file of Theano's ordering."""
    arrays = little_arrays()
    arrays["block1_conv2"][0] = np.zeros((5, 4, 3, 3))
    path = write_old(tmp_path / "little.h5", arrays)
    with Network(source(path)) as net, pytest.raises(InputError) as error:
        net.logits(LITTLE_IMAGES)
    one_line(error, "layer 'block1_conv2' has arrays (5, 4, 3, 3) and (5,), but little needs "
             "(3, 3, 4, 5) and (5,)")  # fmt: skip


def test_an_array_that_is_listed_but_not_there(tmp_path):
    path = write_old(tmp_path / "little.h5", little_arrays())
    with h5py.File(path, "r+") as file:
        del file["fc1/fc1_b_1:0"]
    with Network(source(path)) as net, pytest.raises(InputError) as error:
        net.logits(LITTLE_IMAGES)
    one_line(error, "layer 'fc1' has arrays (60, 6) and missing, but little needs (60, 6) and (6,)")


@pytest.mark.parametrize("name", ["lasing", "layers", "model_weights", None])
def test_another_hdf5_file_is_refused(tmp_path, name):
    path = str(tmp_path / "foreign.h5")
    with h5py.File(path, "w") as file:
        if name:
            file[name] = np.zeros(3)
    with pytest.raises(InputError) as error:
        source(path)
    one_line(
        error, "foreign.h5: no Keras weights (", f"it holds {name or 'nothing'}); give little_"
    )


def test_a_file_without_any_array_is_refused(tmp_path):
    with pytest.raises(InputError) as error:
        source(write_old(tmp_path / "empty.h5", {}))
    one_line(error, "no Keras weights")


def test_an_unknown_rule_is_refused(tmp_path):
    path = write_old(tmp_path / "little.h5", little_arrays())
    with Network(source(path)) as net, pytest.raises(InputError, match="rule 'guded' is unknown"):
        net.under("guded")


def test_the_file_may_go_once_the_graph_stands(tmp_path):
    path = write_old(tmp_path / "little.h5", little_arrays())
    with Network(source(path)) as net:
        before = net.logits(LITTLE_IMAGES)
        shutil.move(path, path + ".away")
        np.testing.assert_array_equal(net.logits(LITTLE_IMAGES), before)
        with pytest.raises(InputError, match="no such file"):
            net.under("guided")
