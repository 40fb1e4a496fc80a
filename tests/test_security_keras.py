"""Files of strangers that name more than layers of Keras: each exploit works where it is trusted.

The code of a stranger writes a file of a known name. Where that file appears, the code has run.
"""

import codecs
import importlib.util
import json
import marshal
import os
import struct
import zipfile
from typing import Any, Dict, List

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import Network
from legacy_gbp.cli import main_all
from legacy_gbp.errors import InputError
from legacy_gbp.models import keras_library
from legacy_gbp.models.keras_models import keras_model
from tests.test_keras_files import write_model
from tests.test_keras_generations import BUILDERS, KERAS_3

TF2 = not tf.__version__.startswith("1.")
MARKER = "code_has_run"
KERNEL = np.array([[1, 2], [3, 4], [5, 6]], "f4")
X = np.array([[1, 0, 2]], "f4")
DENSE = {"name": "dense", "units": 2, "use_bias": False}
INPUT = {"batch_input_shape": [None, 3], "dtype": "float32"}


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)


@pytest.fixture(params=BUILDERS)
def builder(request, monkeypatch):
    """With the former Keras where it is installed, and as if it were not."""
    if request.param != "tf_keras":
        monkeypatch.setattr(keras_library, "LEGACY", "no_such_keras")
    return request.param


def refused(path, capsys, *words):
    """No command runs the code of a file; explain says in one line why, and what to do."""
    assert main_all(["explain", path, "--images", "x.npy", "--output", "maps.h5"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for word in words:
        assert word in error
    assert not os.path.exists("maps.h5")
    assert main_all(["inspect", path]) in (0, 2)
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    assert any(word in said.err + said.out for word in words)
    assert not os.path.exists(MARKER)
    return error


def explained(path, capsys):
    """With --trust-graph it is opened."""
    argv = ["explain", path, "--images", "x.npy", "--output", "maps.h5", "--trust-graph"]
    assert main_all([*argv, "--method", "gradient", "--target", "1"]) == 0, capsys.readouterr().err
    with h5py.File("maps.h5", "r") as file:
        return file["maps"][()]


def code_of(text):
    """The base64 in which Keras stores a function of the Python that runs."""
    made = eval(text)
    return codecs.encode(marshal.dumps(made.__code__), "base64").decode("ascii")


WRITES = f"lambda x: (open({MARKER!r}, 'w').close(), x * 3.0)[1]"


def chain(path, *layers, name="Sequential"):
    """Write a chain of layers, of which the last is a Dense, as Keras 2 does."""
    stored = [{"class_name": kind, "config": dict(config)} for kind, config in layers]
    stored[0]["config"].update(INPUT)
    stored.append({"class_name": "Dense", "config": DENSE})
    config = {"name": "chain", "layers": stored}
    write_model(path, {"class_name": name, "config": config}, {"dense": [KERNEL]})


def of_keras_2(text=WRITES):
    return {
        "name": "python", "function": [code_of(text), None, None], "function_type": "lambda",
        "module": "__main__", "output_shape": None, "output_shape_type": "raw",
        "output_shape_module": None, "arguments": {},
    }  # fmt: skip


def of_keras_3(text=WRITES):
    code = {"code": code_of(text), "defaults": None, "closure": None}
    return {"name": "python", "function": {"class_name": "__lambda__", "config": code}}


def rewritten(path, change):
    """Change the JSON text of an HDF5 file."""
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        text = text.decode() if isinstance(text, bytes) else text
        file.attrs["model_config"] = change(text).encode()


def escaped(path):
    rewritten(path, lambda text: text.replace('"Lambda"', '"\\u004cambda"'))


def with_a_zip_behind(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", "{}")


def in_a_package(path):
    rewritten(path, lambda text: text.replace('"Lambda"', '"Custom>Lambda"'))


@pytest.mark.parametrize("disguise", [lambda path: None, escaped, with_a_zip_behind, in_a_package])
@pytest.mark.usefixtures("builder")
def test_a_lambda_of_keras_2(disguise, capsys):
    chain("l.h5", ("Lambda", of_keras_2()))
    disguise("l.h5")
    refused("l.h5", capsys, "l.h5: holds a Lambda layer, which is Python code", "--trust-graph")
    np.testing.assert_allclose(explained("l.h5", capsys).ravel(), 3 * KERNEL[:, 1], rtol=1e-6)
    assert os.path.exists(MARKER)


@pytest.mark.usefixtures("builder")
def test_a_lambda_within_a_layer_and_a_model(capsys):
    python = {"class_name": "\u004cambda", "config": of_keras_2()}
    wrapped: Dict[str, Any] = {"name": "wrapped", "layer": python}
    wrapped["batch_input_shape"] = [None, 1, 3]
    inner = {"name": "inner", "layers": [{"class_name": "TimeDistributed", "config": wrapped}]}
    layers = [
        ("Reshape", {"name": "series", "target_shape": [1, 3]}),
        ("Sequential", inner),
        ("Flatten", {"name": "flat"}),
    ]
    chain("w.h5", *layers)
    refused("w.h5", capsys, "w.h5: holds a Lambda layer", "--trust-graph")
    explained("w.h5", capsys)
    assert os.path.exists(MARKER)


@pytest.mark.usefixtures("builder")
def test_a_lambda_of_another_python_is_named(capsys):
    stored = of_keras_2()
    stored["function"][0] = codecs.encode(b"\xe3\x01\x00\x00", "base64").decode()
    chain("l.h5", ("Lambda", stored))
    argv = ["explain", "l.h5", "--images", "x.npy", "--trust-graph"]
    assert main_all(argv) == 2
    error = capsys.readouterr().err
    assert "layer 'python' (Lambda) is Python code that does not run here (" in error
    assert error.endswith("open it with the Python and Keras that wrote it\n")
    assert error.count("\n") == 1


def object_of(kind, config, module="keras.layers", **more):
    return {
        "module": module, "class_name": kind, "config": config, "registered_name": None, **more,
    }  # fmt: skip


def topology_of_keras_3(*layers):
    first = object_of("InputLayer", {"name": "input", "batch_shape": [None, 3]})
    last = object_of("Dense", DENSE, build_config={"input_shape": [None, 3]})
    config = {"name": "chain", "layers": [first, *layers, last]}
    return object_of("Sequential", config, "keras", build_config={"input_shape": [None, 3]})


def weights_of_keras_3(path, fill=None):
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "dense"
        if fill:
            fill(group)
        else:
            group["0"] = KERNEL


def write_zip(path, topology, fill=None, **members):
    """Write a model as Keras 3 does; `members` are added."""
    weights_of_keras_3("weights", fill)
    text = topology if isinstance(topology, (str, bytes)) else json.dumps(topology)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.8.0"}))
        archive.writestr("config.json", text)
        archive.write("weights", "model.weights.h5")
        for name, content in members.items():
            archive.writestr(name, content)


def write_h5_of_keras_3(path, topology):
    write_model(path, topology, {"dense": [KERNEL]})
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = b"3.8.0"


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_lambda_of_keras_3(ending, capsys):
    """Also opened by Keras 2 of the same Python."""
    topology = topology_of_keras_3(object_of("Lambda", of_keras_3()))
    (write_zip if ending == "keras" else write_h5_of_keras_3)("l." + ending, topology)
    refused("l." + ending, capsys, "holds a Lambda layer, which is Python code", "--trust-graph")
    found = explained("l." + ending, capsys)
    np.testing.assert_allclose(found.ravel(), 3 * KERNEL[:, 1], rtol=1e-6)
    assert os.path.exists(MARKER)


def test_what_is_checked_is_what_keras_opens(capsys):
    """Of two members of one name, zip readers take either."""
    harmless, harmful = (
        json.dumps(topology_of_keras_3(*layers))
        for layers in ([], [object_of("Lambda", of_keras_3())])
    )
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_zip("twice.keras", harmless, **{"config.json": harmful})
    refused("twice.keras", capsys, "holds config.json 2 times; save the model again")
    write_zip("once.keras", harmless)
    with open("once.keras", "rb") as first, open("both.keras", "wb") as both:
        both.write(first.read())
    write_zip("other.keras", harmful)
    with open("other.keras", "rb") as second, open("both.keras", "ab") as both:
        both.write(second.read())  # the first bytes are of one archive, the last of the other
    refused("both.keras", capsys, "holds a Lambda layer")


@pytest.mark.skipif(not TF2, reason="of the Keras of TensorFlow 2")
def test_a_function_of_tensorflow_as_a_layer(capsys):
    """``TFOpLambda`` calls what it names, at once where no argument is a tensor of the model."""
    pytest.importorskip("tf_keras")
    with open("secret", "w") as file:
        file.write("secret")
    layers = [
        ("InputLayer", {"name": "input", **INPUT}, []),
        (
            "TFOpLambda",
            {"name": "call", "function": "io.gfile.copy"},
            [["_CONSTANT_VALUE", -1, "secret", {"dst": MARKER}]],
        ),
        ("Dense", DENSE, [[["input", 0, 0, {}]]]),
    ]
    write_network("call.h5", layers)
    words = ["a TFOpLambda layer calls 'io.gfile.copy' of TensorFlow", "--trust-graph"]
    refused("call.h5", capsys, *words)
    main_all(["inspect", "call.h5", "--trust-graph"])
    assert os.path.exists(MARKER)


def write_network(path, layers, **more):
    config = {
        "name": "net",
        "layers": [
            {"class_name": kind, "name": options["name"], "config": options, "inbound_nodes": nodes}
            for kind, options, nodes in layers
        ],
        "input_layers": [["input", 0, 0]],
        "output_layers": [["dense", 0, 0]],
        **more,
    }
    write_model(path, {"class_name": "Model", "config": config}, {"dense": [KERNEL]})


@pytest.mark.skipif(not TF2, reason="of the Keras of TensorFlow 2")
def test_functions_of_tensorflow_that_only_compute(capsys):
    pytest.importorskip("tf_keras")
    layers = [
        ("InputLayer", {"name": "input", **INPUT}, []),
        (
            "TFOpLambda",
            {"name": "times", "function": "math.multiply"},
            [["input", 0, 0, {"y": 2.0}]],
        ),
        ("Dense", DENSE, [[["times", 0, 0, {}]]]),
    ]
    write_network("times.h5", layers)
    with Network(keras_model("times.h5")) as net:
        np.testing.assert_allclose(net.logits(X), 2 * X @ KERNEL, rtol=1e-6)


def test_an_operation_of_tensorflow_as_a_layer(capsys):
    """Where no tensor of the model goes in, TensorFlow 2 runs it at once: it writes a file."""
    saving: Dict[str, Any] = {"name": "w", "op": "Save", "input": ["file", "names", "value"]}
    saving["attr"] = {"T": {"list": {"type": ["DT_FLOAT"]}}}
    stored = {"name": "w", "node_def": saving, "constants": {"0": MARKER, "1": ["x"]}}
    layers = [
        ("InputLayer", {"name": "input", **INPUT}, []),
        ("TensorFlowOpLayer", stored, [["_CONSTANT_VALUE", -1, 2.0, {}]]),
        ("Dense", DENSE, [[["input", 0, 0, {}]]]),
    ]
    write_network("write.h5", layers)
    refused("write.h5", capsys, "Save (w)", "--trust-graph")
    if importlib.util.find_spec("tf_keras"):
        main_all(["inspect", "write.h5", "--trust-graph"])
        assert os.path.exists(MARKER)
        os.remove(MARKER)
    stored["node_def"] = {"op": ["no", "operation"]}
    write_network("odd.h5", layers)
    refused("odd.h5", capsys, "layer 'w' holds no operation of TensorFlow (", "save the model")


FUNCTION = {"module": "os", "class_name": "function", "config": "system", "registered_name": "s"}
GADGETS = {
    "function": (
        object_of("Activation", {"name": "a", "activation": FUNCTION}),
        "names the function 'system', which is Python code",
    ),
    "get_file": (
        object_of(
            "Activation",
            {
                "name": "a",
                "activation": {
                    "module": "keras.utils",
                    "class_name": "function",
                    "config": "get_file",
                    "registered_name": "get_file",
                },
            },
        ),
        "names the function 'get_file'",
    ),
    "module": (
        object_of("Dense", {"name": "d", "units": 3}, "shutil"),
        "names the module 'shutil', which is not of Keras",
    ),
    "module with a line": (
        object_of("Dense", {"name": "d", "units": 3}, "keras\nos"),
        r"names the module 'keras\nos'",
    ),
    "registered": (
        object_of("Dense", {"name": "d", "units": 3}, None, registered_name="mine>Dense"),
        "holds 'mine>Dense', which is of another package than Keras",
    ),
    "TFSMLayer": (
        object_of("TFSMLayer", {"name": "t", "filepath": "folder", "call_endpoint": "serve"}),
        "holds a TFSMLayer layer, which is Python code",
    ),
    "JaxLayer": (object_of("JaxLayer", {"name": "j"}), "holds a JaxLayer layer"),
    "lambda": (
        object_of(
            "Activation",
            {"name": "a", "activation": {"class_name": "__lambda__", "config": {"value": "x"}}},
        ),
        "holds '__lambda__', which may be Python code",
    ),
    "typespec": (
        object_of(
            "Activation",
            {"name": "a", "activation": {"class_name": "__typespec__", "config": []}},
        ),
        "holds '__typespec__'",
    ),
    "vocabulary": (
        object_of("StringLookup", {"name": "s", "vocabulary": "/etc/passwd"}),
        "the vocabulary of a StringLookup layer lies in the file '/etc/passwd'",
    ),
    "TextVectorization": (
        object_of("TextVectorization", {"name": "s", "vocabulary": "/etc/passwd"}),
        "the vocabulary of a TextVectorization layer",
    ),
}


@pytest.mark.parametrize("name", sorted(GADGETS))
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_what_is_no_layer_of_keras_is_refused_by_name(name, ending, capsys):
    layer, words = GADGETS[name]
    topology = topology_of_keras_3(layer)
    (write_zip if ending == "keras" else write_h5_of_keras_3)("g." + ending, topology)
    error = refused("g." + ending, capsys, words)
    assert error.endswith("if you trust its author, set --trust-graph\n")


@pytest.mark.skipif(not KERAS_3, reason="of Keras 3")
def test_a_class_of_the_caller(capsys):
    """Registered by the caller: his own Python; it is named until he trusts the file."""

    class Twice(tf.keras.layers.Layer):
        def call(self, x):
            return 2 * x

    tf.keras.utils.register_keras_serializable("mine", "Twice")(Twice)
    try:
        layer = object_of("Twice", {"name": "twice"}, None, registered_name="mine>Twice")
        write_zip("twice.keras", topology_of_keras_3(layer))
        refused("twice.keras", capsys, "holds 'mine>Twice', which is of another package")
        with Network(keras_model("twice.keras", trusted=True)) as net:
            np.testing.assert_allclose(net.logits(X), 2 * X @ KERNEL, rtol=1e-6)
    finally:
        tf.keras.utils.get_custom_objects().pop("mine>Twice")


def test_training_state_is_never_made(capsys):
    """A loss, an initialiser and a regulariser that are Python code: none is needed."""
    dense = {**DENSE, "kernel_initializer": FUNCTION, "kernel_regularizer": FUNCTION}
    topology = topology_of_keras_3()
    topology["compile_config"] = {"loss": FUNCTION, "optimizer": object_of("Evil", {}, "os")}
    topology["config"]["layers"][-1]["config"] = dense
    for name, write in [("t.keras", write_zip), ("t.h5", write_h5_of_keras_3)]:
        write(name, topology)
        with Network(keras_model(name)) as net:
            np.testing.assert_allclose(net.logits(X), X @ KERNEL, rtol=1e-6)


SECRET = np.array([[7, 7], [7, 7], [7, 7]], "f4")


def external_link(group):
    with h5py.File("secret.h5", "w") as file:
        file["secret"] = SECRET
    group["0"] = h5py.ExternalLink("secret.h5", "/secret")


def soft_link(group):
    group["1"] = SECRET
    group["0"] = h5py.SoftLink(group.name + "/1")


def external_storage(group):
    SECRET.tofile("secret.bin")
    group.create_dataset("0", (3, 2), "f4", external=[("secret.bin", 0, SECRET.nbytes)])


def virtual_dataset(group):
    with h5py.File("secret.h5", "w") as file:
        file["secret"] = SECRET
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "secret", (3, 2))
    group.create_virtual_dataset("0", layout)


def second_name(group):
    group["0"] = SECRET
    group["again"] = group


@pytest.mark.parametrize(
    "fill, words",
    [
        (external_link, "'/layers/dense/vars/0' is a link to another name or file"),
        (soft_link, "'/layers/dense/vars/0' is a link to another name or file"),
        (external_storage, "'/layers/dense/vars/0' lies in another file"),
        (virtual_dataset, "'/layers/dense/vars/0' is a virtual dataset"),
        (second_name, "'/layers/dense/vars/again' is a second name of an object"),
    ],
)
def test_arrays_outside_of_the_file(fill, words, capsys):
    """HDF5 reads them: a secret would come out as logits."""
    weights_of_keras_3("weights.h5", fill)
    with h5py.File("weights.h5", "r") as file:
        np.testing.assert_array_equal(file["layers/dense/vars/0"][()], SECRET)
    write_zip("m.keras", topology_of_keras_3(), fill)
    refused("m.keras", capsys, words, "save the model again")
    chain("m.h5", ("Flatten", {"name": "flat"}))
    with h5py.File("m.h5", "r+") as file:
        room = file["model_weights/dense"]
        room.attrs["weight_names"] = [b"vars/0"]
        fill(room.create_group("vars"))
    refused("m.h5", capsys, words.replace("/layers/", "/model_weights/"), "save the model again")


def sized(**changes):
    """A chain whose layers declare much."""

    def write(path):
        chain(path, ("Dense", {"name": "wide", "units": 3, **changes}))

    return write


def json_of(text):
    def write(path):
        chain(path, ("Flatten", {"name": "flat"}))
        rewritten(path, lambda old: text if isinstance(text, str) else text(old))

    return write


def hdf5_with(change):
    def write(path):
        chain(path, ("Flatten", {"name": "flat"}))
        with h5py.File(path, "r+") as file:
            change(file)

    return write


def attribute(place, name, value):
    return hdf5_with(lambda file: file[place].attrs.__setitem__(name, value))


def array(value, name="array_0:0", **options):
    def change(file):
        room = file["model_weights/dense/dense"]
        del room[name]
        room.create_dataset(name, data=value, **options)

    return hdf5_with(change)


def bomb(file):
    room = file["model_weights/dense/dense"]
    del room["array_0:0"]
    room.create_dataset("array_0:0", (2**31, 363, 284), "f4", chunks=(1, 363, 284))


def network(reads="dense", **more):
    layers = [
        ("InputLayer", {"name": "input", **INPUT}, []),
        ("Flatten", {"name": "flat"}, [[[reads, 0, 0, {}]]]),
        ("Dense", DENSE, [[["flat", 0, 0, {}]]]),
    ]
    return lambda path: write_network(path, layers, **more)


BOUNDS = {
    "units": (sized(units=10**12), "its layers need many more values than its arrays hold (6)"),
    "units of a model": (
        lambda path: write_zip(
            path,
            topology_of_keras_3(
                object_of(
                    "Dense",
                    {"name": "wide", "units": 10**12},
                    build_config={"input_shape": [None, 3]},
                )
            ),
        ),
        "its layers need many more values than its arrays hold (6)",
    ),
    "input": (
        lambda path: chain(
            path, ("Flatten", {"name": "f", "build_input_shape": [2**31, 363, 284]})
        ),
        "declares an input of shape [2147483648, 363, 284]",
    ),
    "depth": (json_of("[" * 100000), "its topology: has more than 100 levels"),
    "depth 2": (json_of('{"class_name":' * 150 + "1" + "}" * 150), "has more than 100 levels"),
    "length": (json_of("[" + "1," * (9 << 20) + "1]"), "its topology: has more than 16 MiB"),
    "twice": (
        json_of(lambda old: '{"class_name": "Lambda", ' + old[1:]),
        "key 'class_name' comes twice",
    ),
    "NaN": (json_of(lambda old: old.replace('"units": 2', '"units": NaN')), "NaN is no number"),
    "1e999": (json_of(lambda old: old.replace('"units": 2', '"units": 1e999')), "no finite number"),
    "digits": (
        json_of(lambda old: old.replace('"units": 2', '"units": ' + "9" * 5000)),
        "5000 digits",
    ),
    "half a text": (json_of(lambda old: old.replace("chain", "\\ud800")), "which is no text"),
    "no JSON": (json_of("{"), "its topology: is no JSON ("),
    "a number": (json_of("1"), "holds no topology of Keras"),
    "not UTF-8": (
        hdf5_with(lambda file: file.attrs.__setitem__("model_config", np.bytes_(b'{"\xff": 1}'))),
        "attribute 'model_config' is no text in UTF-8",
    ),
    "numbers": (attribute("/", "model_config", np.zeros(3)), "'model_config' is no text"),
    "version": (attribute("/", "keras_version", 2.0), "attribute 'keras_version' is no text"),
    "names": (
        attribute("model_weights", "layer_names", np.zeros(3)),
        "attribute 'layer_names' of '/model_weights' is no list of names",
    ),
    "names of bytes": (
        attribute("model_weights", "layer_names", [b"\xff"]),
        "attribute 'layer_names' is no text",
    ),
    "missing array": (
        attribute("model_weights/dense", "weight_names", [b"../other"]),
        "holds no array 'dense/../other', which it lists",
    ),
    "texts": (array(np.array([b"a", b"b"])), "holds no numbers"),
    "shape": (array(np.zeros((4, 2), "f4")), "layer 'dense' (Dense) has arrays (4, 2), but needs"),
    "bomb": (hdf5_with(bomb), "declare 885553536958464 bytes and hold 0, as no weights do"),
    "cycle": (network(), "layer 'flat' reads a layer that the file does not hold, or that reads"),
    "output": (network("input", output_layers=[["gone", 0, 0]]), "Keras cannot load it ("),
    "form": (network(output_layers=7), "its topology has an unknown form (TypeError: "),
    "class": (
        json_of(lambda old: old.replace('"Flatten"', "[1]")),
        "names [1] as a class, which is no te",
    ),
}


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_what_exceeds_a_bound_or_has_another_form(name, capsys):
    write, words = BOUNDS[name]
    write("b.h5")
    error = refused_at_once("b.h5", capsys)
    assert words in error
    assert error.startswith("legacy-gbp explain: ") or "b.h5" in error


def refused_at_once(path, capsys):
    assert main_all(["explain", path, "--images", "x.npy", "--output", "maps.h5"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and path in error and "; " in error
    assert not os.path.exists("maps.h5")
    return error


def test_a_topology_beside_the_weights_is_bounded_too(capsys):
    chain("w.h5", ("Flatten", {"name": "flat"}))
    with h5py.File("w.h5", "r+") as file:
        del file.attrs["model_config"]
    with open("w.json", "wb") as sparse:
        sparse.truncate(5 << 30)
    assert "w.json: its topology: has more than 16 MiB" in refused_json(capsys)
    with open("w.json", "wb") as file:
        file.write(b"\xff\xfe")
    assert "w.json: its topology: is no text in UTF-8 (byte 0)" in refused_json(capsys)
    with open("w.json", "w") as text:
        text.write(json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}}))
    assert "w.json: holds a Lambda layer" in refused_json(capsys)
    with open("w.json", "w") as text:
        text.write("class_name: Sequential\nconfig: !!python/object/apply:os.system [ls]\n")
    assert "w.json: its topology: is no JSON (" in refused_json(capsys)


LAMBDA = {"class_name": "Lambda", "config": {"name": "l", "function": ["", None, None]}}


def refused_json(capsys):
    assert main_all(["explain", "w.h5", "--images", "x.npy"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def patched(path, old, new, offset=0):
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        start = -1
        while True:
            start = data.find(old, start + 1)
            if start < 0:
                break
            data[start + offset : start + offset + len(new)] = new
        file.seek(0)
        file.write(data)


def encrypted(path):
    patched(path, b"PK\x01\x02", struct.pack("<H", 1), 8)


def packed_unknown(path):
    patched(path, b"PK\x01\x02", struct.pack("<H", 97), 10)


def truncated(path):
    os.truncate(path, os.path.getsize(path) // 2)


def damaged(path):
    patched(path, b"InputLayer", b"Output")


def linked(path):
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if name == "model.weights.h5" else 0o644) << 16
            archive.writestr(info, content)


def without_weights(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(topology_of_keras_3()))


@pytest.mark.parametrize(
    "change, words",
    [
        (encrypted, "config.json is encrypted; decrypt the archive"),
        (packed_unknown, "config.json is compressed by method 97"),
        (truncated, "z.keras"),
        (damaged, "Keras cannot load it (a damaged zip archive: Bad CRC-32 for file 'config.json'"),
        (linked, "model.weights.h5 is a link; pack the file itself"),
        (without_weights, "a zip archive without model.weights.h5"),
    ],
)
def test_a_damaged_archive(change, words, capsys):
    write_zip("z.keras", topology_of_keras_3())
    keras_model("z.keras")
    change("z.keras")
    assert words in refused_at_once("z.keras", capsys)


def test_a_member_that_inflates(capsys, monkeypatch):
    """What the archive says of its size does not matter: it is counted."""
    write_zip("z.keras", topology_of_keras_3())
    with zipfile.ZipFile("z.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(topology_of_keras_3()))
        archive.writestr("model.weights.h5", bytes(80 << 20))
    assert "inflates to more than 20 times its size" in refused_at_once("z.keras", capsys)
    with zipfile.ZipFile("z.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", bytes(20 << 20))
    assert "config.json: has more than 16 MiB" in refused_at_once("z.keras", capsys)


def test_other_members_are_not_read():
    """Also not under names that lead elsewhere."""
    others = {"assets/layers/dense/vocabulary.txt": "x", "../../outside": "x", "/tmp/outside": "x"}
    write_zip("z.keras", topology_of_keras_3(), **others)
    with Network(keras_model("z.keras")) as net:
        np.testing.assert_allclose(net.logits(X), X @ KERNEL, rtol=1e-6)
    assert not os.path.exists("../../outside")


def test_a_few_of_the_mutants():
    """A value of another type anywhere: opened, or refused in one line (the fuzzer has more)."""
    chain("m.h5", ("Conv1D", {"name": "conv", "filters": 1, "kernel_size": [1]}))
    for topology in mutants(topology_of_keras_3(), 60, np.random.RandomState(0)):
        write_zip("m.keras", topology)
        try:
            keras_model("m.keras")
        except InputError as error:
            assert "\n" not in str(error) and "m.keras" in str(error)


VALUES: List[Any] = [
    None,
    [],
    {},
    7,
    -1,
    2.5,
    "text",
    True,
    [[]],
    {"class_name": "Dense", "config": 3},
    10**18,
]


def mutants(topology, number, rng):
    """Yield copies in which one value is another, or is missing."""
    text = json.dumps(topology)
    for _ in range(number):
        copy = json.loads(text)
        places = list(containers(copy))
        inside, key = places[rng.randint(len(places))]
        value = rng.randint(len(VALUES) + 1)
        if value == len(VALUES):
            del inside[key]
        else:
            inside[key] = VALUES[value]
        yield copy


def containers(value):
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from containers(value[key])
