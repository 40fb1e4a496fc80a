"""``inspect``, ``explain`` and ``selftest`` on model files, as a user calls them."""

import hashlib
import os

import h5py
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.image import imsave

from legacy_gbp import Network, figures
from legacy_gbp.attribution import method
from legacy_gbp.attribution.target_forms import Layer
from legacy_gbp.cli import main_all
from legacy_gbp.models.frozen_graphs import frozen_graph
from tests.test_sources import IMAGES, Overridden, build, maps

v1 = tf.compat.v1
REFERENCE = os.path.join(os.path.dirname(__file__), "reference")


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def frozen():
    """The network of test_sources as a frozen graph."""
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 6, 6, 2), name="images")
        build(x_t)
        session.run(v1.global_variables_initializer())
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["probabilities"]
        )
    with open("frozen.pb", "wb") as file:
        file.write(frozen.SerializeToString())
    np.save("images.npy", IMAGES)
    return "frozen.pb"


def photographs(channels=3):
    """A frozen graph that takes 8x8 pictures."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 8, 8, channels), name="x")
        rng = np.random.RandomState(0)
        kernel = rng.normal(size=(3, 3, channels, 4)).astype("f4")
        with tf.name_scope("conv"):
            y_t = tf.nn.relu(tf.nn.conv2d(x_t, kernel, [1, 1, 1, 1], "SAME"))
        y_t = tf.reduce_mean(y_t, (1, 2))
        tf.matmul(y_t, rng.normal(size=(4, 3)).astype("f4"), name="y")
        with open("photos.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
    return "photos.pb"


def said(argv, capsys, code=0):
    assert main_all(argv) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_inspect_lists_ends_layers_and_the_audit(frozen, capsys):
    out = said(["inspect", frozen], capsys)
    with open(frozen, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest()[:16] in out
    assert "input   images:0 float32 (?, 6, 6, 2)" in out
    assert "output  logits:0 float32 (?, 3)" in out
    assert "layer   conv2/Conv2D: Conv2D (?, 3, 3, 5)" in out
    assert "audit   rule guided: 3 of 3 nonlinearities take it" in out
    assert "takes  conv1/Relu (Relu)" in out


def test_explain_writes_maps_and_a_picture(frozen, monkeypatch, capsys):
    """The page shows what the file holds; how it is drawn is tested with the figures."""
    pages, draw = [], figures.explained_page

    def explained_page(title, explained, *more):
        pages.append(explained)
        return draw(title, explained, *more)

    monkeypatch.setattr(figures, "explained_page", explained_page)
    argv = ["explain", frozen, "--images", "images.npy", "--output", "maps.h5"]
    out = said([*argv, "--figure", "maps.png", "--batch-size", "3", "--compare"], capsys)
    assert "-- 4 maps by guided of predicted" in out and "-- in maps.png" in out
    guided, gradient = (maps(Overridden(), rule)[0] for rule in ("guided", "gradient"))
    with Network(Overridden()) as net:
        logits = net.logits(IMAGES)
    names = [f"images.npy row {k}" for k in range(4)]
    with h5py.File("maps.h5", "r") as file:
        for name, expected in (("maps", guided), ("maps_gradient", gradient), ("logits", logits)):
            np.testing.assert_allclose(file[name][()], expected, rtol=1e-5, atol=1e-6)
        assert file.attrs["method"] == "guided" and file.attrs["target"] == "predicted"
        with open(frozen, "rb") as model:
            assert file.attrs["model_sha256"] == hashlib.sha256(model.read()).hexdigest()
        assert file.attrs["tensorflow_version"] == tf.__version__
        assert [n.decode() if isinstance(n, bytes) else n for n in file["name"][()]] == names
    (page,) = pages
    assert [caption for caption, _, _ in page] == [
        f"{name}: class {k}" for name, k in zip(names, logits.argmax(axis=1))
    ]
    for k, (_, image, shown) in enumerate(page):
        np.testing.assert_array_equal(image, IMAGES[k])
        assert [name for name, _ in shown] == ["gradient", "guided"]
        for (_, found), expected in zip(shown, (gradient[k], guided[k])):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    with open("maps.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "options, name, target",
    [
        (["--method", "gradient", "--target", "1"], "gradient", 1),
        (["--method", "deconvnet"], "deconvnet", "predicted"),
        (["--method", "gradient-x-input"], "gradient-x-input", "predicted"),
        (["--method", "integrated"], "integrated", "predicted"),
        (["--method", "smoothgrad"], "smoothgrad", "predicted"),
        (["--method", "vargrad"], "vargrad", "predicted"),
        (["--method", "occlusion"], "occlusion", "predicted"),
        (["--method", "gradcam", "--layer", "conv2"], "gradcam", "predicted"),
        (["--method", "guided-gradcam", "--layer", "conv2"], "guided-gradcam", "predicted"),
        (["--target", "layer:conv2"], "guided", Layer("conv2")),
        (["--target", "layer:conv2:3"], "guided", Layer("conv2", (3,))),
        (["--target", "layer:conv2:1,2,3"], "guided", Layer("conv2", (1, 2, 3))),
    ],
)
def test_every_method_and_target(options, name, target, frozen, capsys):
    """The maps of the library, whose methods are tested by themselves; of the first two images."""
    argv = ["explain", frozen, "--images", "images.npy", "--output", "m.h5", "--limit", "2"]
    said([*argv, *options], capsys)
    layer = {"layer": "conv2"} if "--layer" in options else {}
    with Network(frozen_graph(frozen)) as net:
        expected = method(name)(net, IMAGES[:2], target, **layer)
    with h5py.File("m.h5", "r") as file:
        found = file["maps"][()]
    size = np.abs(expected).max()
    assert size > 0
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * size)


def test_images_of_every_kind(capsys):
    model = photographs()
    rng = np.random.RandomState(0)
    for name in ("a.png", "b.png"):
        imsave(name, rng.rand(20, 30, 3))
    said(["explain", model, "--images", "a.png", "b.png", "--output", "m.h5", "--figure", "m.png"],
         capsys)  # fmt: skip
    with h5py.File("m.h5", "r") as file:
        assert file["maps"].shape == (2, 8, 8, 3)
    with h5py.File("images.h5", "w") as file:
        file["group/x"] = rng.rand(5, 8, 8, 3)
    argv = ["explain", model, "--output", "m.h5", "--overwrite"]
    said([*argv, "--images", "images.h5:group/x", "--scale", "tf"], capsys)
    with h5py.File("m.h5", "r") as file:
        assert file["maps"].shape == (5, 8, 8, 3)
    photographs(1)
    np.save("grey.npy", rng.rand(2, 8, 8).astype("f4"))
    said([*argv, "--images", "grey.npy"], capsys)
    said([*argv, "--images", "a.png", "--figure", "grey.png"], capsys)
    with h5py.File("m.h5", "r") as file:
        assert file["maps"].shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    "options, why",
    [
        (["--images", "no.npy"], "no.npy: no such file"),
        (["--images", "bad.npy"], "bad.npy: not a readable array"),
        (["--images", "small.npy"], "small.npy: images of shape (5, 6, 2); the network takes (6,"),
        (["--images", "nan.npy"], "nan.npy row 1 holds NaN or Inf"),
        (["--images", "images.npy", "images.npy"], "beside others; give one array"),
        (["--images", "no.png"], "no.png: no such file"),
        (["--images", "images.npy", "--target", "3"], "target 3 is not a class; classes are 0..2"),
        (["--images", "images.npy", "--target", "layer:conv3"], "no layer 'conv3'"),
        (["--images", "images.npy", "--target", "layer:conv2:9"], "has no unit (9,)"),
        (
            ["--images", "images.npy", "--method", "gradcam"],
            "Grad-CAM needs a layer; name one by --layer",
        ),
        (["--images", "images.npy", "--input", "imagos"], "no input 'imagos' in the graph; near"),
        (["--images", "images.npy", "--output-tensor", "logit"], "near names: logits"),
        (["--images", "images.npy", "--feed", "keep=1"], "--feed names keep:0, which the output"),
        (["--images", "images.npy", "--signature", "a"], "--signature is for a SavedModel"),
        (["--images", "images.npy", "--output", "."], "is a folder"),
    ],
)
def test_bad_input_is_one_line(options, why, frozen, capsys):
    with open("bad.npy", "w") as file:
        file.write("x")
    np.save("small.npy", IMAGES[:, 1:])
    broken = IMAGES.copy()
    broken[1, 0, 0, 0] = np.nan
    np.save("nan.npy", broken)
    error = said(["explain", frozen, *options], capsys, code=2)
    assert why in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "options, why",
    [
        (["--feed", "keep"], "is not NAME=VALUE"),
        (["--target", "layer:"], "is not layer:NAME"),
        (["--target", "-1"], "is not a whole number"),
        (["--method", "magic"], "invalid choice"),
    ],
)
def test_impossible_options_cost_no_tensorflow(options, why, frozen, capsys):
    with pytest.raises(SystemExit):
        main_all(["explain", frozen, "--images", "images.npy", *options])
    assert why in capsys.readouterr().err


def test_weights_of_vgg19_that_are_not_there(capsys):
    """The error says which file to get: nothing is downloaded."""
    argv = ["explain", "vgg19.h5", "--net", "vgg19", "--images", "cat.png"]
    error = said(argv, capsys, code=2)
    assert "give vgg19_weights_tf_dim_ordering_tf_kernels.h5" in error


def test_models_that_are_none(capsys):
    with open("notes.txt", "w"):
        pass
    for model, why in (
        ("gone.pb", "gone.pb: no such file or folder"),
        ("notes.txt", "notes.txt: not a model that is known here"),
        (".", ".: not a model that is known here"),
    ):
        assert why in said(["inspect", model], capsys, code=2)


def test_all_zero_maps_are_said(capsys):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        tf.matmul(tf.nn.relu(x_t), -tf.ones((4, 2)), name="y")
        with open("g.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
    np.save("x.npy", np.ones((3, 4), "f4"))
    out = said(["explain", "g.pb", "--images", "x.npy", "--figure", "x.png"], capsys)
    assert "-- 3 maps are all zero, such as that of x.npy row 0" in out


def test_a_rule_that_misses_is_refused_until_allowed(capsys):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        tf.matmul(tf.sigmoid(tf.nn.relu(x_t)), tf.ones((4, 2)), name="y")
        with open("g.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
    np.save("x.npy", np.ones((3, 4), "f4"))
    argv = ["explain", "g.pb", "--images", "x.npy"]
    assert "missed 1 of 2 nonlinearities: Sigmoid" in said(argv, capsys, code=2)
    out = said([*argv, "--allow-partial"], capsys)
    assert "-- partial: 1 nonlinearities went backwards by the chain rule" in out
    assert "MISSED Sigmoid (Sigmoid)" in said(["inspect", "g.pb"], capsys)


def test_selftest_with_and_without_a_model(frozen, capsys):
    out = said(["selftest"], capsys)
    assert out.count("passed  ") == 5 and out.endswith("-- all passed\n")
    out = said(["selftest", frozen], capsys)
    assert "passed  guided reaches every nonlinearity: 3 of 3" in out
    assert "passed  gradient against finite differences" in out


def test_checkpoints_of_2016_by_their_network_and_by_their_own_graph(capsys):
    """The graph that the original wrote, with its own batch normalisation, gives the same maps."""
    prefix = os.path.join(REFERENCE, "tf_saved_model")
    images = np.random.RandomState(0).randint(0, 90, (2, 363, 284, 1)).astype("f4")
    np.save("x.npy", images)
    argv = ["explain", prefix, "--images", "x.npy"]
    said([*argv, "--output", "ours.h5", "--net", "ex07"], capsys)
    ends = ["--output-tensor", "xw_plus_b", "--feed", "trainflag=false"]
    said([*argv, *ends, "--output", "theirs.h5"], capsys)
    found = []
    for name in ("ours.h5", "theirs.h5"):
        with h5py.File(name, "r") as file:
            found.append((file["maps"][()], file["logits"][()]))
    for ours, theirs in zip(*found):
        assert np.abs(ours - theirs).max() < 5e-6 * np.abs(ours).max()
