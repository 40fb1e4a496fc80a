"""The values of a SavedModel's variables, found without running its saver."""

import contextlib
import os
import shutil
from typing import Any, Dict, Tuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from legacy_gbp import Network
from legacy_gbp.errors import InputError, ModelError
from legacy_gbp.models.meta_graphs import meta_graph
from legacy_gbp.models.restored_keys import Place, restored_keys
from legacy_gbp.models.saved_models import saved_model, serving_meta
from legacy_gbp.models.saved_variables import saved_variables
from tests.bundle_index import write_index
from tests.test_security_savedmodel import constant, edit
from tests.test_sources import TF2

v1 = tf.compat.v1
BFLOAT16 = tf.bfloat16.as_numpy_dtype
RANDOM = np.random.RandomState(5)
VALUES = {
    "matrix": RANDOM.normal(size=(3, 4)).astype("f4"),
    "scalar": np.float32(0.25),
    "half": np.array([0.5, -1.5], "f2"),
    "bfloat": np.array([0.5, -3.0]).astype(BFLOAT16),
    "double": np.array([0.1], "f8"),
    "integer": np.array([[7, -7]], "i4"),
    "long": np.array(2**40),
    "flag": np.array([True, False]),
    "scope/of/another": np.ones((2, 1, 2), "f4"),
}
PARTS = RANDOM.normal(size=(7, 2)).astype("f4")
POINTS = RANDOM.normal(size=(3, 2)).astype("f4")


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def of_tensorflow_1(variables, saver=None, path="saved"):
    """Write the variables that a callable builds."""
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 2), name="x")
        built = variables()
        y_t = tf.nn.relu(x_t, name="y")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(path)
        signature = v1.saved_model.predict_signature_def({"x": x_t}, {"y": y_t})
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, saver=saver and saver(built)
        )
        builder.save()
    return serving_meta(path)


def values_in(meta, path="saved"):
    return saved_variables(path, meta, meta.graph_def)


@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_every_type_and_kind_of_variable(resource):
    def build():
        for name, value in VALUES.items():
            v1.get_variable(name, initializer=value, use_resource=resource)
        v1.get_variable(
            "whole", PARTS.shape, initializer=rows, use_resource=resource,
            partitioner=v1.fixed_size_partitioner(3),
        )  # fmt: skip

    def rows(shape, dtype=None, partition_info=None):
        start = partition_info.var_offset[0]
        return tf.constant(PARTS[start : start + shape[0]])

    meta = of_tensorflow_1(build)
    found = values_in(meta)
    for name, value in VALUES.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
    for number, (start, stop) in enumerate([(0, 3), (3, 5), (5, 7)]):
        np.testing.assert_array_equal(found[f"whole/part_{number}"], PARTS[start:stop])
    keys = restored_keys(meta.graph_def, meta.saver_def.restore_op_name)
    assert keys["whole/part_1"] == Place("whole", "7 2 3,2:0,2")
    assert keys["scope/of/another"].key == "scope/of/another"


def two(resource):
    return [v1.get_variable(name, initializer=tf.fill([2], value), use_resource=resource)
            for name, value in (("a", 1.0), ("b", 2.0))]  # fmt: skip


@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
@pytest.mark.parametrize("sharded", [False, True], ids=["one file", "sharded"])
def test_a_saver_that_exchanges_names(resource, sharded):
    """A moving average is restored into the weight whose name another key has."""
    meta = of_tensorflow_1(
        lambda: two(resource),
        lambda built: v1.train.Saver({"b": built[0], "a": built[1]}, sharded=sharded),
    )
    found = values_in(meta)
    np.testing.assert_array_equal(found["a"], [1, 1])
    np.testing.assert_array_equal(found["b"], [2, 2])


def test_of_several_savers_the_one_that_is_named():
    """The graph holds one that restores every variable of its own name, and built last."""

    def savers(built):
        exchanged = v1.train.Saver({"b": built[0], "a": built[1]})
        v1.train.Saver()
        return exchanged

    found = values_in(of_tensorflow_1(lambda: two(True), savers))
    np.testing.assert_array_equal(found["a"], [1, 1])


def test_of_several_savers_of_a_meta_graph_the_one_that_is_named():
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 2), name="x")
        built = two(False)
        tf.nn.relu(x_t * built[0], name="y")
        session.run(v1.global_variables_initializer())
        exchanged = v1.train.Saver({"b": built[0], "a": built[1]})
        v1.train.Saver()
        exchanged.save(session, "model", write_state=False)
    with Network(meta_graph("model", "x", "y")) as net:
        np.testing.assert_array_equal(net.under("gradient").output(POINTS), np.maximum(POINTS, 0))


def test_the_shape_of_a_variable_that_changes_is_restored():
    """``reshape`` of a saver."""
    meta = of_tensorflow_1(lambda: two(False), lambda built: v1.train.Saver(reshape=True))
    np.testing.assert_array_equal(values_in(meta)["b"], [2, 2])


def without_saver(stored):
    meta = stored.meta_graphs[0]
    meta.saver_def.Clear()
    kept = [node for node in meta.graph_def.node if not node.name.startswith("save")]
    del meta.graph_def.node[:]
    meta.graph_def.node.extend(kept)


def test_without_a_saver_a_variable_has_the_key_of_its_name():
    of_tensorflow_1(lambda: two(True))
    edit("saved", without_saver)
    np.testing.assert_array_equal(values_in(serving_meta("saved"))["b"], [2, 2])


def test_a_variable_without_a_value_is_refused_by_name():
    def multiplied(name):
        weight = v1.get_variable("weight", initializer=tf.ones([2]), use_resource=True)
        other = v1.get_variable("other", initializer=tf.ones([2]), use_resource=True)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            x_t = v1.placeholder(tf.float32, (None, 2))
            y_t = tf.nn.relu(x_t) * weight
            builder = v1.saved_model.Builder(name)
            signature = v1.saved_model.predict_signature_def({"x": x_t}, {"y": y_t})
            builder.add_meta_graph_and_variables(
                session, ["serve"], {"s": signature}, saver=v1.train.Saver([other])
            )
            builder.save()

    with tf.Graph().as_default():
        multiplied("saved")
    with pytest.raises(ModelError, match="holds no variable 'weight', which the graph needs"):
        saved_model("saved")


def multiplied(path="saved"):
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 2), name="x")
        weight = v1.get_variable("weight", initializer=[2.0, 3.0], use_resource=True)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, path, {"x": x_t}, {"y": tf.nn.relu(x_t) * weight})


@pytest.mark.parametrize("change", ["dtype", "shape"])
def test_a_variable_that_contradicts_the_graph(change):
    multiplied()

    def contradict(stored):
        for node in stored.meta_graphs[0].graph_def.node:
            if node.op == "VarHandleOp" and change == "dtype":
                node.attr["dtype"].type = tf.float64.as_datatype_enum
            elif node.op == "VarHandleOp":
                node.attr["shape"].shape.dim[0].size = 3

    edit("saved", contradict)
    declared = {"dtype": r"float64 \(2,\)", "shape": r"float32 \(3,\)"}[change]
    with pytest.raises(
        ModelError, match=rf"'weight' is {declared} in the graph, and float32 \(2,\) among"
    ):
        saved_model("saved")


def test_a_type_or_shape_that_is_none():
    multiplied()
    for change in ("dtype", "shape"):

        def distort(stored):
            for node in stored.meta_graphs[0].graph_def.node:
                if node.op == "VarHandleOp" and change == "dtype":  # noqa: B023 - called here
                    node.attr["dtype"].type = 77
                elif node.op == "VarHandleOp":
                    node.attr["dtype"].type = tf.float32.as_datatype_enum
                    node.attr["shape"].shape.dim[0].size = -7

        edit("saved", distort)
        with pytest.raises(InputError) as caught:
            saved_model("saved")
        assert "\n" not in str(caught.value)


def test_the_name_that_a_newer_tensorflow_records_is_no_obstacle():
    multiplied()

    def named(stored):
        for node in stored.meta_graphs[0].graph_def.node:
            if node.op == "VarHandleOp":
                node.attr["debug_name"].s = b"weight/"

    edit("saved", named)
    check_multiplied()


def check_multiplied():
    with Network(saved_model("saved")) as net:
        np.testing.assert_array_equal(
            net.under("gradient").output(POINTS),
            np.maximum(POINTS, 0) * np.array([2, 3], np.float32),
        )


def test_two_handles_of_one_shared_name_are_one_variable():
    multiplied()

    def doubled(stored):
        graph_def = stored.meta_graphs[0].graph_def
        handle = next(node for node in graph_def.node if node.op == "VarHandleOp")
        again = graph_def.node.add()
        again.CopyFrom(handle)
        again.name = "again"
        again.attr["shared_name"].s = handle.attr["shared_name"].s or handle.name.encode()
        output = stored.meta_graphs[0].signature_def["serving_default"].outputs["y"].name
        read = next(node for node in graph_def.node if node.name == output.split(":")[0]).input[1]
        next(node for node in graph_def.node if node.name == read).input[0] = "again"

    edit("saved", doubled)
    check_multiplied()


def identities_in_a_circle(meta):
    for node in meta.graph_def.node:
        if node.op == "Identity" and node.name.startswith("save/"):
            node.input[0] = node.name


def a_function_that_calls_itself(meta):
    name = "again"
    for place in (meta.graph_def.library.function.add(),):
        place.signature.name = name
        for number in range(2):
            node = place.node_def.add(op="StatefulPartitionedCall", name=f"call_{number}")
            node.attr["f"].func.name = name
    node = meta.graph_def.node.add(op="StatefulPartitionedCall", name="first")
    node.attr["f"].func.name = name
    meta.saver_def.restore_op_name = "first"


def no_such_element(meta):
    for node in meta.graph_def.node:
        if node.op == "Identity" and node.name.startswith("save/"):
            node.input[0] += ":99"


def an_empty_list(meta):
    for node in meta.graph_def.node:
        if node.name == "save/RestoreV2/tensor_names":
            del node.attr["value"].tensor.string_val[:]


def a_list_of_numbers(meta):
    for node in list(meta.graph_def.node):
        if node.op == "RestoreV2":
            node.input[1] = constant(meta.graph_def.node, "numbers", np.ones(3, "f4"))


@pytest.mark.parametrize(
    "change",
    [identities_in_a_circle, a_function_that_calls_itself, no_such_element, an_empty_list,
     a_list_of_numbers],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_a_saver_that_cannot_be_read_is_no_trap(change):
    """The name of the variable is its key then, or the graph is broken."""
    multiplied()
    edit("saved", lambda stored: change(stored.meta_graphs[0]))
    meta = serving_meta("saved")
    np.testing.assert_array_equal(values_in(meta)["weight"], [2, 3])
    with contextlib.suppress(ModelError):
        check_multiplied()


def a_part(meta, part):
    for node in meta.graph_def.node:
        if node.name == "save/RestoreV2/shape_and_slices":
            node.attr["value"].tensor.string_val[0] = part


@pytest.mark.parametrize("part", [b"what", b"2 x,y", b"2 0", b"2 2 2 0,1:0,1:0,1", b"\xff"])
def test_an_odd_slice_is_one_line(part):
    multiplied()
    edit("saved", lambda stored: a_part(stored.meta_graphs[0], part))
    with pytest.raises(InputError, match=r"which has no such part|in the graph, and"):
        saved_model("saved")


def entry(**changes):
    """The entry of ``weight`` in an index."""
    value = tensor_bundle_pb2.BundleEntryProto(dtype=1, shard_id=0, offset=0, size=8)
    value.shape.dim.add().size = 2
    for key, changed in changes.items():
        if key == "shape":
            del value.shape.dim[:]
            for size in changed:
                value.shape.dim.add().size = size
        else:
            setattr(value, key, changed)
    return value


INDICES: Dict[str, Tuple[int, Dict[str, Any]]] = {
    "2 billion shards": (2**31 - 1, {}),
    "no shard": (0, {}),
    "less than no shard": (-5, {}),
    "a shard that is not there": (2, {"shard_id": 1}),
    "a shard beyond the last": (1, {"shard_id": 2**31 - 1}),
    "a shape of petabytes": (1, {"shape": [2**30, 2**20]}),
    "a shape and size of petabytes": (1, {"shape": [2**30, 2**20], "size": 2**52}),
    "an offset beyond the end": (1, {"offset": 2**40}),
    "a wrong checksum": (1, {"crc32c": 7}),
}


@pytest.mark.parametrize("name", INDICES)
def test_an_absurd_index_is_one_line(name):
    multiplied()
    shards, changes = INDICES[name]
    header = tensor_bundle_pb2.BundleHeaderProto(num_shards=shards)
    header.version.producer = 1
    write_index(
        os.path.join("saved", "variables", "variables.index"),
        {b"": header.SerializeToString(), b"weight": entry(**changes).SerializeToString()},
    )
    with pytest.raises(InputError, match="not a readable checkpoint") as caught:
        saved_model("saved")
    assert "\n" not in str(caught.value)


def of_one_name():
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.listed = [
                tf.Variable(value, name="w")
                for value in np.array([0.5, -2.0, 3.0, 5.0], np.float32)
            ]
            self.short = tf.Variable(tf.constant([2.0, 7.0], tf.bfloat16), name="short")
            self.inner = tf.Module()
            self.inner.last = tf.Variable(np.array([[1, 2], [3, 4]], np.float32), name="last")

        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32)])
        def __call__(self, x):
            for number, weight in enumerate(self.listed):
                x = tf.nn.relu(x) * weight + number
            return {"y": tf.matmul(x, self.inner.last) * tf.cast(self.short, tf.float32)}

    module = Module()
    tf.saved_model.save(module, "saved")
    return module


def expected_of_one_name():
    x = POINTS
    for number, weight in enumerate(np.array([0.5, -2.0, 3.0, 5.0], np.float32)):
        x = np.maximum(x, 0) * weight + number
    return x @ np.array([[1, 2], [3, 4]], np.float32) * np.array([2, 7], np.float32)


@pytest.mark.skipif(not TF2, reason="SavedModels of TensorFlow 2")
def test_variables_of_tensorflow_2_that_share_a_name():
    of_one_name()
    with Network(saved_model("saved")) as net:
        np.testing.assert_allclose(
            net.under("gradient").output(POINTS), expected_of_one_name(), rtol=1e-6
        )


@pytest.mark.skipif(not TF2, reason="SavedModels of TensorFlow 2")
def test_without_a_restore_function_the_objects_of_tensorflow_2_have_the_keys():
    of_one_name()

    def without_restore(stored):
        stored.meta_graphs[0].saver_def.restore_op_name = ""
        for function in stored.meta_graphs[0].graph_def.library.function:
            if "traced_restore" in function.signature.name:
                for node in function.node_def:
                    if node.op == "AssignVariableOp":  # what is added is not what is restored
                        node.op = "AssignAddVariableOp"
                        node.attr.pop("validate_shape", None)

    edit("saved", without_restore)
    meta = serving_meta("saved")
    found = saved_variables("saved", meta, meta.graph_def)
    np.testing.assert_array_equal(found["last"], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(found["short"].astype("f4"), [2, 7])
    with pytest.raises(ModelError, match=r"holds no variable 'w(_\d)?', which the graph needs"):
        saved_model("saved")  # four have this name


@pytest.mark.skipif(not TF2, reason="SavedModels of TensorFlow 2")
@pytest.mark.parametrize("export", ["export", "save"])
def test_a_keras_model(export):
    inputs = tf.keras.Input((6, 6, 2))
    x = tf.keras.layers.Conv2D(3, 3, use_bias=False)(inputs)
    x = tf.keras.layers.ReLU()(tf.keras.layers.BatchNormalization()(x))
    x = tf.keras.layers.Flatten()(x)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(3)(x))
    for weight in model.weights:
        weight.assign(np.random.RandomState(len(weight.shape)).uniform(0.5, 1, weight.shape))
    model.export("saved") if export == "export" else tf.saved_model.save(model, "saved")
    images = RANDOM.normal(size=(2, 6, 6, 2)).astype("f4")
    with Network(saved_model("saved")) as net:
        found = net.under("gradient").output(images)
    np.testing.assert_allclose(found, model(images), rtol=1e-5, atol=1e-5)


def test_a_model_without_variables_needs_no_folder_of_them():
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 2), name="x")
        v1.saved_model.simple_save(session, "saved", {"x": x_t}, {"y": tf.nn.relu(x_t) * 3.0})
    shutil.rmtree(os.path.join("saved", "variables"), ignore_errors=True)
    with Network(saved_model("saved")) as net:
        np.testing.assert_array_equal(
            net.under("gradient").output(POINTS), np.maximum(POINTS, 0) * 3
        )
