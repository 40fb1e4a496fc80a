"""A SavedModel tells TensorFlow's loader what to run; here nothing of it runs unchecked.

Every exploit is built, shown to work when TensorFlow loads the folder, and then shown to do
nothing when the commands open it.
"""

import contextlib
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from legacy_gbp.cli import main_all
from legacy_gbp.errors import ModelError
from legacy_gbp.models.saved_models import saved_model
from tests.test_sources import IMAGES, TF2, build, maps

v1 = tf.compat.v1
MARKER, SECRET, MODEL = "marker", "secret", "model"


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", IMAGES)


@pytest.fixture(name="clean", scope="module")
def _clean(tmp_path_factory):
    """The network of test_sources as a SavedModel, and a variable that it does not need."""
    path = str(tmp_path_factory.mktemp("clean") / MODEL)
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 6, 6, 2), name="images")
        _, probabilities_t = build(x_t)
        v1.get_variable("beside", initializer=1.0, use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, path, {"x": x_t}, {"p": probabilities_t})
    return path


def constant(nodes, name, value):
    tensor = v1.make_tensor_proto(value)
    node = nodes.add(op="Const", name=name)
    node.attr["value"].tensor.CopyFrom(tensor)
    node.attr["dtype"].type = tensor.dtype
    return name


def add(nodes, op, name, inputs, **types):
    node = nodes.add(op=op, name=name, input=inputs)
    for key, value in types.items():
        if isinstance(value, list):
            node.attr[key].list.type.extend(one.as_datatype_enum for one in value)
        else:
            node.attr[key].type = value.as_datatype_enum
    return node


def writes(nodes, base, port=""):
    """Add an operation that writes a file, and return its name."""
    constant(nodes, "evil/name", os.path.join(base, MARKER).encode())
    constant(nodes, "evil/text", b"written")
    return add(nodes, "WriteFile", "evil", ["evil/name" + port, "evil/text" + port]).name


def as_main_op(meta, name):
    meta.collection_def["saved_model_main_op"].node_list.value[:] = [name]


def meta_graphs_of_one_tag(stored, base):
    """The checked one is ``[serve]``, the loaded one ``[serve, serve]``."""
    evil = stored.meta_graphs.add()
    evil.CopyFrom(stored.meta_graphs[0])
    evil.meta_info_def.tags[:] = ["serve", "serve"]
    as_main_op(evil, writes(evil.graph_def.node, base))
    both = [evil.SerializeToString(), stored.meta_graphs[0].SerializeToString()]
    del stored.meta_graphs[:]
    stored.meta_graphs.extend(map(v1.MetaGraphDef.FromString, both))


def control_input_of_a_variable(stored, base, variable="d"):
    graph_def = stored.meta_graphs[0].graph_def
    named = [node for node in graph_def.node if node.name == variable]
    assert named
    named[0].input.append("^" + writes(graph_def.node, base))


def control_input_of_another_variable(stored, base):
    control_input_of_a_variable(stored, base, "beside")


def control_input_of_a_variable_that_nothing_restores(stored, base):
    """What runs with the restore operation does not show it."""
    control_input_of_a_variable(stored, base)
    nodes = stored.meta_graphs[0].graph_def.node
    restores = {"^" + node.name for node in nodes if node.op == "Assign" and node.input[0] == "d"}
    for node in nodes:
        if node.op == "NoOp":
            node.input[:] = [name for name in node.input if name not in restores]


def main_op_saves(stored, base):
    """Overwrites the index of another checkpoint."""
    meta = stored.meta_graphs[0]
    nodes = meta.graph_def.node
    constant(nodes, "evil/prefix", os.path.join(base, "victim").encode())
    constant(nodes, "evil/names", [b"a"])
    constant(nodes, "evil/slices", [b""])
    constant(nodes, "evil/value", np.float32(3))
    inputs = ["evil/prefix", "evil/names", "evil/slices", "evil/value"]
    as_main_op(meta, add(nodes, "SaveV2", "evil", inputs, dtypes=[tf.float32]).name)


def main_op_merges(stored, base):
    """Moves the files of another checkpoint, and removes their folder."""
    shutil.copytree(os.path.join(base, MODEL, "variables"), os.path.join(base, "loot"))
    meta = stored.meta_graphs[0]
    nodes = meta.graph_def.node
    constant(nodes, "evil/from", [os.path.join(base, "loot", "variables").encode()])
    constant(nodes, "evil/to", os.path.join(base, "victim").encode())
    node = add(nodes, "MergeV2Checkpoints", "evil", ["evil/from", "evil/to"])
    node.attr["delete_old_dirs"].b = True
    as_main_op(meta, "evil")


def legacy_init_op(stored, base):
    meta = stored.meta_graphs[0]
    name = writes(meta.graph_def.node, base)
    meta.collection_def["legacy_init_op"].node_list.value[:] = [name]


def init_op_of_a_signature(stored, base):
    meta = stored.meta_graphs[0]
    name = writes(meta.graph_def.node, base)
    key = "__saved_model_init_op"
    meta.signature_def[key].outputs[key].name = name


def restore_op(stored, base):
    meta = stored.meta_graphs[0]
    waited = ["^" + meta.saver_def.restore_op_name, "^" + writes(meta.graph_def.node, base)]
    add(meta.graph_def.node, "NoOp", "evil/restore", waited)
    meta.saver_def.restore_op_name = "evil/restore"


def asset_file(stored, base):
    """Copies a file that lies outside of the model's folder."""
    meta = stored.meta_graphs[0]
    nodes = meta.graph_def.node
    writes(nodes, base)
    constant(nodes, "evil/asset", b"asset")
    add(nodes, "ReadFile", "evil/read", ["evil/asset"])
    evil = next(node for node in nodes if node.name == "evil")
    evil.input[1] = "evil/read"
    as_main_op(meta, "evil")
    asset = meta.asset_file_def.add(filename=f"../../{SECRET}")
    asset.tensor_info.name = "evil/asset:0"


def table(stored, base):
    meta = stored.meta_graphs[0]
    nodes = meta.graph_def.node
    handle = add(nodes, "HashTableV2", "evil/table", [], key_dtype=tf.int64, value_dtype=tf.int64)
    constant(nodes, "evil/keys", np.arange(2, dtype=np.int64))
    inputs = [handle.name, "evil/keys", "evil/keys", "^" + writes(nodes, base)]
    filled = add(nodes, "InitializeTableV2", "evil/filled", inputs, Tkey=tf.int64, Tval=tf.int64)
    as_main_op(meta, filled.name)


def main_op_calls_a_function(stored, base):
    meta = stored.meta_graphs[0]
    function = meta.graph_def.library.function.add()
    function.signature.name = "evil_function"
    function.signature.is_stateful = True
    argument = function.signature.output_arg.add(name="result")
    argument.type = tf.string.as_datatype_enum
    writes(function.node_def, base, ":output:0")
    add(function.node_def, "Identity", "after", ["evil/text:output:0", "^evil"], T=tf.string)
    function.ret["result"] = "after:output:0"
    function.control_ret["evil"] = "evil"
    function.signature.control_output.append("evil")
    call = add(
        meta.graph_def.node, "StatefulPartitionedCall", "evil/call", [], Tin=[], Tout=[tf.string]
    )
    call.attr["f"].func.name = "evil_function"
    as_main_op(meta, add(meta.graph_def.node, "NoOp", "evil/main", ["^evil/call"]).name)


# What the output needs not; it is opened, and its maps are those of the clean model.
NOT_NEEDED = (
    control_input_of_another_variable, main_op_saves, main_op_merges, legacy_init_op,
    init_op_of_a_signature, restore_op, asset_file, table, main_op_calls_a_function,
)  # fmt: skip
REFUSED = {
    meta_graphs_of_one_tag: "holds 2 graphs of the same tags (['serve', 'serve'], ['serve'])",
    control_input_of_a_variable: "WriteFile (evil)",
    control_input_of_a_variable_that_nothing_restores: "WriteFile (evil)",
}


def plant(exploit, clean, base):
    """Write an exploit into a folder of its own, beside files that it is after."""
    os.makedirs(base)
    shutil.copytree(clean, os.path.join(base, MODEL))
    for name in (SECRET, "victim.index", "victim.data-00000-of-00001"):
        with open(os.path.join(base, name), "w", encoding="utf-8") as file:
            file.write(f"{name} of somebody")
    edit(os.path.join(base, MODEL), lambda stored: exploit(stored, base))
    return os.path.join(base, MODEL)


def edit(folder, change):
    path = os.path.join(folder, "saved_model.pb")
    with open(path, "rb") as file:
        stored = saved_model_pb2.SavedModel.FromString(file.read())
    change(stored)
    with open(path, "wb") as file:
        file.write(stored.SerializeToString())


def files_below(base):
    found = {}
    for folder, _, names in os.walk(base):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), base)] = file.read()
    return found


def load_by_tensorflow(folder):
    """Load a folder and compute its result, as far as this succeeds."""
    with tf.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.load(session, ["serve"], folder)
        signature = meta.signature_def["serving_default"]
        names = [next(iter(ends.values())).name for ends in (signature.outputs, signature.inputs)]
        with contextlib.suppress(tf.errors.FailedPreconditionError):
            session.run(names[0], {names[1]: np.load("images.npy")})


def commands(folder):
    with contextlib.suppress(FileNotFoundError):
        os.remove("maps.h5")
    yield ["inspect", folder]
    yield ["explain", folder, "--images", "images.npy", "--output", "maps.h5"]
    yield ["selftest", folder]


@pytest.mark.parametrize("exploit", [*NOT_NEEDED, *REFUSED], ids=lambda one: one.__name__)
def test_an_exploit_works_in_tensorflow_and_not_here(exploit, clean, tmp_path, capsys):
    folder = plant(exploit, clean, str(tmp_path / "loaded"))
    before = files_below(str(tmp_path / "loaded"))
    load_by_tensorflow(folder)
    assert files_below(str(tmp_path / "loaded")) != before

    folder = plant(exploit, clean, str(tmp_path / "opened"))
    before = files_below(str(tmp_path / "opened"))
    for argv in commands(folder):
        code = main_all(argv)
        captured = capsys.readouterr()
        if exploit in REFUSED:
            told = captured.err + captured.out
            assert REFUSED[exploit] in told
            assert argv[0] == "inspect" or (code == 2 and captured.err.count("\n") == 1)
        else:
            assert code == 0, captured.err
    if exploit not in REFUSED:
        np.testing.assert_array_equal(
            maps(saved_model(folder), "guided")[0], maps(saved_model(clean), "guided")[0]
        )
    assert files_below(str(tmp_path / "opened")) == before


def tensorflow_2(base, change):
    """Write a SavedModel of TensorFlow 2, and change one of its functions."""

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(np.eye(4, dtype="f4"))

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
        def __call__(self, x):
            return {"y": tf.nn.relu(tf.matmul(x, self.w))}

    tf.saved_model.save(Module(), os.path.join(base, MODEL))

    def infect(stored):
        for function in stored.meta_graphs[0].graph_def.library.function:
            if change in function.signature.name:
                result = next(iter(function.ret))
                last = function.ret[result].split(":")[0]
                node = next(node for node in function.node_def if node.name == last)
                node.input.append("^" + writes(function.node_def, base, ":output:0"))

    edit(os.path.join(base, MODEL), infect)
    return os.path.join(base, MODEL)


@pytest.mark.skipif(not TF2, reason="SavedModels of TensorFlow 2")
def test_functions_of_tensorflow_2_that_write(tmp_path, capsys):
    np.save("images.npy", np.ones((1, 4), "f4"))
    base = str(tmp_path / "loaded")
    load_by_tensorflow(tensorflow_2(base, "traced_restore"))
    assert os.path.exists(os.path.join(base, MARKER))

    base = str(tmp_path / "restoring")
    folder = tensorflow_2(base, "traced_restore")
    for argv in commands(folder):
        assert main_all(argv) == 0, capsys.readouterr().err
    assert not os.path.exists(os.path.join(base, MARKER))

    base = str(tmp_path / "needed")
    folder = tensorflow_2(base, "__call__")
    for argv in commands(folder):
        code = main_all(argv)
        captured = capsys.readouterr()
        assert "WriteFile" in captured.out + captured.err
        assert argv[0] == "inspect" or (code == 2 and captured.err.count("\n") == 1)
    assert not os.path.exists(os.path.join(base, MARKER))


@pytest.mark.parametrize(
    "tags",
    [(["serve"], ["serve"]), (["serve", "gpu"], ["gpu", "serve"]), (["serve", "serve"],) * 2],
)
def test_graphs_of_the_same_tags_are_ambiguous(tags, clean, tmp_path, capsys):
    folder = str(shutil.copytree(clean, str(tmp_path / MODEL)))

    def tagged(stored):
        one = stored.meta_graphs[0].SerializeToString()
        del stored.meta_graphs[:]
        for names in tags:
            stored.meta_graphs.add().MergeFromString(one)
            stored.meta_graphs[-1].meta_info_def.tags[:] = names

    edit(folder, tagged)
    for argv in commands(folder):
        assert main_all(argv) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"holds 2 graphs of the same tags ({tags[0]}, {tags[1]})" in error


def test_the_graph_for_serving_alone_is_taken(clean, tmp_path):
    """A graph for an accelerator comes first; the copy of its tags is for training."""
    folder = str(shutil.copytree(clean, str(tmp_path / MODEL)))

    def with_others(stored):
        one = stored.meta_graphs[0].SerializeToString()
        del stored.meta_graphs[:]
        for names in (["train"], ["serve", "tpu"], ["serve"], ["train"]):
            meta = stored.meta_graphs.add()
            meta.MergeFromString(one)
            meta.meta_info_def.tags[:] = names
            if names != ["serve"]:
                del meta.graph_def.node[:]

    edit(folder, with_others)
    np.testing.assert_array_equal(
        maps(saved_model(folder), "guided")[0], maps(saved_model(clean), "guided")[0]
    )


def test_a_trusted_graph_runs_what_it_needs_and_no_more(clean, tmp_path):
    base = str(tmp_path / "trusted")
    found, _ = maps(saved_model(plant(main_op_saves, clean, base), trusted=True), "guided")
    np.testing.assert_array_equal(found, maps(saved_model(clean), "guided")[0])
    with open(os.path.join(base, "victim.index"), encoding="utf-8") as file:
        assert file.read() == "victim.index of somebody"


def with_a_table():
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        rows_t = v1.placeholder(tf.int64, (None,), name="rows")
        numbers = np.arange(4, dtype=np.int64)
        initial = tf.lookup.KeyValueTensorInitializer(numbers, numbers[::-1].copy())
        table_of_rows = tf.lookup.StaticHashTable(initial, -1)
        y_t = tf.nn.relu(x_t) * tf.cast(table_of_rows.lookup(rows_t), tf.float32)[:, None]
        v1.tables_initializer().run()
        main_op = v1.tables_initializer()
        v1.saved_model.simple_save(
            session, "tabled", {"x": x_t, "rows": rows_t}, {"y": y_t}, legacy_init_op=main_op
        )


def test_a_lookup_table_that_the_output_needs_is_refused_by_name():
    with_a_table()
    with pytest.raises(ModelError, match=r"needs lookup tables \(.*hash_table.*\), whose values"):
        saved_model("tabled", input="x", feeds={"rows": [0]})


def broken_links(folder):
    shutil.move(os.path.join(folder, "variables", "variables.index"), "outside")
    os.symlink(os.path.abspath("outside"), os.path.join(folder, "variables", "variables.index"))
    return "variables.index: is a link out of the model's folder"


def linked_folder(folder):
    shutil.move(os.path.join(folder, "variables"), "outside")
    os.symlink(os.path.abspath("outside"), os.path.join(folder, "variables"))
    return "is a link out of the model's folder"


def pipe(folder):
    path = os.path.join(folder, "variables", "variables.data-00000-of-00001")
    os.remove(path)
    os.mkfifo(path)
    return "variables.data-00000-of-00001: is not a file"


def missing_index(folder):
    os.remove(os.path.join(folder, "variables", "variables.index"))
    return "variables.index: no such file"


def missing_folder(folder):
    shutil.rmtree(os.path.join(folder, "variables"))
    return "variables.index: no such file"


def missing_shard(folder):
    os.remove(os.path.join(folder, "variables", "variables.data-00000-of-00001"))
    return "variables.data-00000-of-00001"


def cut_shard(folder):
    path = os.path.join(folder, "variables", "variables.data-00000-of-00001")
    os.truncate(path, os.path.getsize(path) // 2)
    return "variables"


def cut_index(folder):
    path = os.path.join(folder, "variables", "variables.index")
    os.truncate(path, os.path.getsize(path) // 2)
    return "not a readable checkpoint"


@pytest.mark.parametrize(
    "damage",
    [broken_links, linked_folder, pipe, missing_index, missing_folder, missing_shard, cut_shard,
     cut_index],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_damaged_files_of_variables_are_one_line(damage, clean, tmp_path, capsys):
    folder = str(shutil.copytree(clean, str(tmp_path / MODEL)))
    told = damage(folder)
    for argv in commands(folder):
        code = main_all(argv)
        captured = capsys.readouterr()
        assert told in captured.err + captured.out
        if argv[0] != "inspect":  # which says what hinders the graph that it shows
            assert (code, captured.err.count("\n")) == (2, 1)
    assert not os.path.exists("maps.h5")


def test_a_link_inside_of_the_folder_is_followed(clean, tmp_path):
    folder = str(shutil.copytree(clean, str(tmp_path / MODEL)))
    index = os.path.join(folder, "variables", "variables.index")
    os.rename(index, os.path.join(folder, "elsewhere"))
    os.symlink(os.path.join("..", "elsewhere"), index)
    os.symlink(folder, "link")  # the folder itself may be one
    np.testing.assert_array_equal(
        maps(saved_model("link"), "guided")[0], maps(saved_model(clean), "guided")[0]
    )
