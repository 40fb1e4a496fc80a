"""The ends of graphs as people had them in 2016-2018: input, logits, and what is to be fed.

Every expected name and value is written by hand.
"""

import glob
import os
import re
import shlex
import shutil

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.network import Network
from legacy_gbp.cli import main_all
from legacy_gbp.errors import first_line
from legacy_gbp.graph.final_operations import logits_before
from legacy_gbp.graph.flag_values import Switches
from legacy_gbp.graph.suggested_ends import suggest_ends
from legacy_gbp.models.frozen_graphs import from_graph_def
from legacy_gbp.models.saved_models import saved_model
from tests.zoo.control_flow import control_flow_of_tensorflow_1
from tests.zoo.parts import conv, conv_relu, dense, drawn, flatten, images, initial_values, v1
from tests.zoo.training_by_feeds import cross_entropy, labels


def graph_of(build):
    """The GraphDef that a builder makes, with the shapes that a Saver records."""
    with control_flow_of_tensorflow_1(), tf.Graph().as_default() as graph:
        build()
    return graph.as_graph_def(add_shapes=True)


def features(x_t):
    return flatten(conv_relu(x_t, 4, "conv", stride=2))


def classes(h_t, name="logits", units=5):
    return tf.identity(dense(h_t, units, name + "_layer"), name=name)


def trained(loss_t):
    v1.train.AdamOptimizer().minimize(loss_t)


def batches(*parts):
    """A data set's next batch; each part is an array, or a dictionary of arrays."""
    data = v1.data.Dataset.from_tensor_slices(parts[0] if len(parts) == 1 else parts).batch(2)
    return v1.data.make_one_shot_iterator(data).get_next()


PICTURES, NUMBERS = np.zeros((4, 12, 12, 3), np.float32), np.zeros(4, np.int64)


# What is fed: the inputs, the logits, and the values of other placeholders.


def label_comes_first():
    labels_t, x_t = batches(NUMBERS, PICTURES)
    trained(cross_entropy(classes(features(x_t)), labels_t))


def dictionary_of_a_data_set():
    found = batches({"id": NUMBERS, "label": NUMBERS, "weight": np.zeros(4), "zoomed": PICTURES})
    trained(cross_entropy(classes(features(found["zoomed"])), found["label"]))


def bytes_of_a_data_set():
    x_t, labels_t = batches(PICTURES.astype(np.uint8), NUMBERS)
    trained(cross_entropy(classes(features(tf.cast(x_t, tf.float32) / 255.0)), labels_t))


def feedable_iterator():
    handle_t = v1.placeholder(tf.string, (), "handle")
    shapes = (tf.TensorShape((None, 12, 12, 3)), tf.TensorShape((None,)))
    iterator = v1.data.Iterator.from_string_handle(handle_t, (tf.float32, tf.int64), shapes)
    x_t, labels_t = iterator.get_next()
    trained(cross_entropy(classes(features(x_t)), labels_t))


def data_set_of_placeholders():
    fed = (v1.placeholder(tf.float32, (None, 12, 12, 3)), v1.placeholder(tf.int64, (None,)))
    data = v1.data.Dataset.from_tensor_slices(fed).batch(v1.placeholder(tf.int64, (), "batch_size"))
    x_t, labels_t = v1.data.make_initializable_iterator(data).get_next()
    trained(cross_entropy(classes(features(x_t)), labels_t))


def queue_of_batches():
    queue = v1.RandomShuffleQueue(8, 2, [tf.int64, tf.float32], [(), (12, 12, 3)])
    queue.enqueue_many([labels(), images(name="enqueued")])
    number_t = v1.placeholder(tf.int32, name="batch_size")
    labels_t, x_t = queue.dequeue_many(number_t, name="dequeue")
    trained(cross_entropy(classes(features(x_t)), labels_t))


def queue_of_single_pictures():
    queue = v1.FIFOQueue(8, [tf.float32, tf.int64], [(12, 12, 3), ()])
    x_t, label_t = queue.dequeue(name="dequeue")
    x_t = tf.expand_dims(x_t, 0, name="batch")
    trained(cross_entropy(classes(features(x_t)), tf.expand_dims(label_t, 0)))


def queue_behind_a_default():
    queue = v1.FIFOQueue(8, [tf.float32, tf.int64], [(12, 12, 3), ()])
    x_t, labels_t = queue.dequeue_up_to(8)
    x_t = v1.placeholder_with_default(x_t, (None, 12, 12, 3), "images")
    labels_t = v1.placeholder_with_default(labels_t, (None,), "labels")
    trained(cross_entropy(classes(features(x_t)), labels_t))


def one_picture_without_a_batch():
    x_t = v1.placeholder(tf.uint8, (None, None, 3), "picture")
    x_t = tf.expand_dims(tf.cast(x_t, tf.float32), 0, name="batch")
    y_t = classes(features(v1.image.resize_bilinear(x_t, (12, 12))))
    tf.nn.softmax(y_t, name="probabilities")


def examples_of_a_server():
    text_t = v1.placeholder(tf.string, (None,), "examples")
    parsed = v1.parse_example(text_t, {"x": v1.FixedLenFeature((12, 12, 3), tf.float32)})
    y_t = classes(features(tf.identity(parsed["x"]) * 2.0))
    tf.nn.softmax(y_t)
    tf.argmax(y_t, 1)


def decoded_one_by_one():
    def decoded(text_t):
        picture_t = tf.image.convert_image_dtype(tf.image.decode_png(text_t, 3), tf.float32)
        picture_t.set_shape((12, 12, 3))
        return picture_t

    text_t = v1.placeholder(tf.string, (None,), "bytes")
    x_t = v1.map_fn(decoded, text_t, dtype=tf.float32)
    tf.nn.softmax(classes(features(x_t * 2.0)))


def words():
    x_t, keep_t = v1.placeholder(tf.int32, (None, 6), "words"), v1.placeholder(tf.float32)
    table_t = v1.get_variable("table", initializer=drawn("table", (9, 4)))
    h_t = v1.nn.dropout(flatten(tf.gather(table_t, x_t)), keep_prob=keep_t)
    trained(cross_entropy(classes(h_t), labels()))


def picture_and_words():
    x_t, words_t = images(), v1.placeholder(tf.int32, (None, 6), "captions")
    table_t = v1.get_variable("table", initializer=drawn("table", (9, 4)))
    h_t = tf.concat([features(x_t), flatten(tf.gather(table_t, words_t))], 1)
    trained(cross_entropy(classes(h_t), labels()))


def picture_and_numbers():
    h_t = tf.concat([features(images()), images(6, name="measured")], 1)
    trained(cross_entropy(classes(h_t), labels()))


def branch_of_a_number():
    x_t, branch_t = images(), v1.placeholder(tf.int32, (), "branch")
    h_t = features(x_t)
    h_t = v1.cond(branch_t > 2, lambda: h_t + 1.0, lambda: h_t - 1.0)
    trained(cross_entropy(classes(h_t), labels()))


# TensorFlow 2 parses by another operation.
PARSED = "ParseExample/ParseExample" + ("V2:0" if tf.__version__ > "2" else ":0")
DECODED = "map/TensorArrayStack/TensorArrayGatherV3:0"

ENDS = {
    label_comes_first: (["IteratorGetNext:1"], {}),
    dictionary_of_a_data_set: (["IteratorGetNext:3"], {}),
    bytes_of_a_data_set: (["IteratorGetNext:0"], {}),
    feedable_iterator: (["IteratorGetNext:0"], {}),
    data_set_of_placeholders: (["IteratorGetNext:0"], {}),
    queue_of_batches: (["dequeue:1"], {}),
    queue_of_single_pictures: (["batch:0"], {}),
    queue_behind_a_default: (["images:0"], {}),
    one_picture_without_a_batch: (["batch:0"], {}),
    examples_of_a_server: ([PARSED], {}),
    decoded_one_by_one: ([DECODED], {}),
    words: (["words:0"], {"Placeholder": "1"}),
    picture_and_words: (["images:0"], {"captions": None}),
    picture_and_numbers: (["images:0", "measured:0"], {}),
    branch_of_a_number: (["images:0"], {"branch": None}),
}


@pytest.mark.parametrize("build", ENDS, ids=lambda build: build.__name__)
def test_input_logits_and_feeds(build):
    inputs, feeds = ENDS[build]
    found = suggest_ends(graph_of(build))
    assert (found.inputs, found.output, found.feeds) == (inputs, "logits:0", feeds)
    assert found.alike == 1


def test_a_frozen_graph_that_lost_its_version():
    """Before version 24 an empty shape was an open one: of two placeholders, one has axes."""

    def build():
        h_t = features(images()) / v1.placeholder(tf.float32, (), "temperature")
        tf.nn.softmax(classes(h_t))

    graph_def = graph_of(build)
    graph_def.ClearField("versions")
    found = suggest_ends(graph_def)
    assert (found.inputs, found.feeds) == (["images:0"], {"temperature": None})


# What is explained.


def transcription():
    x_t = v1.placeholder(tf.float32, (None, 7, 6), "x")
    y_t = tf.transpose(tf.reshape(classes(tf.reshape(x_t, (-1, 6)), "flat"), (-1, 7, 5)), (1, 0, 2))
    y_t = tf.identity(y_t, name="by_time")
    lengths_t = v1.placeholder(tf.int32, (None,), "lengths")
    truth_t = v1.sparse_placeholder(tf.int32, name="truth")
    trained(tf.reduce_mean(v1.nn.ctc_loss(truth_t, y_t, lengths_t)))
    decoded, _ = tf.nn.ctc_greedy_decoder(y_t, lengths_t)
    tf.reduce_mean(tf.edit_distance(tf.cast(decoded[0], tf.int32), truth_t))


def last_state_of_a_loop():
    """A recurrence whose outputs nobody reads, and a loss without a name."""
    x_t = v1.placeholder(tf.float32, (None, 7, 6), "x")
    kernel = v1.get_variable("recurrent", initializer=drawn("recurrent", (6, 6)))
    steps_t = tf.transpose(x_t, (1, 0, 2))

    def body(step_t, state_t, outputs):
        state_t = tf.tanh(tf.matmul(state_t, kernel) + steps_t[step_t])
        return step_t + 1, state_t, outputs.write(step_t, state_t)

    first = (0, tf.zeros_like(steps_t[0]), tf.TensorArray(tf.float32, 7))
    _, state_t, outputs = v1.while_loop(lambda step_t, *_: step_t < 7, body, first)
    tf.transpose(outputs.stack(), (1, 0, 2), name="outputs")
    y_t = classes(state_t, units=1)
    trained(tf.reduce_mean(tf.square(y_t - images(1, name="truth"))))


def loss_of_unknown_rank():
    y_t = classes(features(images()))
    loss_t = v1.py_func(lambda t: np.abs(t), [y_t - images(5, name="truth")], tf.float32)
    tf.reduce_mean(loss_t, name="loss")


def names_of_classes():
    y_t = classes(features(images()))
    _, best_t = tf.nn.top_k(tf.nn.softmax(y_t), 3)
    tf.gather(tf.constant(list("abcde")), best_t, name="names")


def steering():
    y_t = dense(features(images()), 1, "last")
    y_t = tf.multiply(tf.atan(y_t), 2.0, name="logits")
    trained(tf.reduce_mean(tf.square(y_t - images(1, name="truth"))))


def enlarged():
    y_t = tf.nn.depth_to_space(conv(conv_relu(images(), 4, "conv"), 12, "last"), 2)
    y_t = tf.clip_by_value(y_t, 0.0, 1.0, name="logits")
    trained(tf.reduce_mean(tf.abs(y_t - images(24, 24, 3, name="truth"))))


def faces():
    y_t = dense(features(images()), 6, "bottleneck")
    y_t = tf.nn.l2_normalize(y_t, 1, name="logits")
    one_t, same_t, other_t = tf.unstack(tf.reshape(y_t, (-1, 3, 6)), 3, 1)
    near_t, far_t = (tf.reduce_sum(tf.square(one_t - t), 1) for t in (same_t, other_t))
    trained(tf.reduce_mean(tf.maximum(near_t - far_t + 0.2, 0.0)))


def columns_of_a_detector():
    y_t = tf.identity(conv(conv_relu(images(), 4, "conv"), 7, "last"), name="logits")
    parts = [tf.sigmoid(y_t[..., :2]), tf.exp(y_t[..., 2:4]), tf.sigmoid(y_t[..., 4:])]
    found_t = tf.concat(parts, -1)
    trained(tf.reduce_mean(tf.square(found_t - images(12, 12, 7, name="truth"))))


def sampled_action():
    h_t = features(images(name="state"))
    y_t = classes(h_t)
    v1.multinomial(y_t, 1)
    tf.squeeze(dense(h_t, 1, "value"), 1, name="values")


LOGITS = {
    transcription: ("by_time:0", 1),
    last_state_of_a_loop: ("logits:0", 1),
    loss_of_unknown_rank: ("logits:0", 1),
    names_of_classes: ("logits:0", 1),
    steering: ("logits:0", 1),
    enlarged: ("logits:0", 1),
    faces: ("logits:0", 1),
    columns_of_a_detector: ("logits:0", 1),
    sampled_action: ("logits:0", 2),
}


@pytest.mark.parametrize("build", LOGITS, ids=lambda build: build.__name__)
def test_logits(build):
    found = suggest_ends(graph_of(build))
    assert (found.output, found.alike) == LOGITS[build]


def test_a_second_head_is_listed_but_not_likelier():
    def build():
        h_t = features(images())
        boxes_t = classes(h_t, "boxes", 4) - images(4, name="truth")
        trained(cross_entropy(classes(h_t), labels()) + tf.reduce_mean(tf.square(boxes_t)))

    found = suggest_ends(graph_of(build))
    assert [candidate.name for candidate in found.logits] == ["logits:0", "boxes:0"]
    assert found.alike == 1


FINAL = {
    "softmax": lambda y_t: tf.nn.softmax(y_t, name="last"),
    "class": lambda y_t: tf.argmax(tf.nn.softmax(y_t), 1, name="last"),
    "yes or no": lambda y_t: tf.greater(tf.sigmoid(y_t), 0.5, name="last"),
    "sampled": lambda y_t: tf.identity(v1.multinomial(y_t, 1), name="last"),
    "best": lambda y_t: tf.identity(tf.nn.top_k(tf.nn.softmax(y_t), 2)[0], name="last"),
}


@pytest.mark.parametrize("final", FINAL)
def test_what_is_final_is_stepped_over_by_name_too(final):
    graph_def = graph_of(lambda: FINAL[final](classes(features(images()))))
    name, over = logits_before(graph_def, "last:0")
    assert name == "logits_layer/add:0" or name.startswith("logits")
    assert over
    assert suggest_ends(graph_def).output == name


# What to feed.


def advice(build):
    return {
        node.name: Switches(graph_def).advice(node.name)
        for graph_def in [graph_of(build)]
        for node in graph_def.node
        if node.op.startswith("Placeholder") and node.name != "images"
    }


def chosen(flag_t, where_true, where_false):
    h_t = features(images())
    branches = {
        "drops": lambda: v1.nn.dropout(h_t, keep_prob=0.5),
        "passes": lambda: tf.identity(h_t),
        "updates": lambda: h_t * v1.assign_sub(v1.get_variable("average", (), tf.float32), 0.1),
    }
    v1.cond(flag_t, branches[where_true], branches[where_false])


def flag(name=None, dtype=tf.bool):
    return v1.placeholder(dtype, (), name)


FLAGS = [
    (lambda: chosen(flag(), "drops", "passes"), {"Placeholder": "false"}),
    (lambda: chosen(flag(), "passes", "drops"), {"Placeholder": "true"}),
    (lambda: chosen(flag("mode"), "updates", "passes"), {"mode": "false"}),
    (lambda: chosen(tf.logical_not(flag("on")), "drops", "passes"), {"on": "true"}),
    (lambda: chosen(flag("is_test"), "passes", "passes"), {"is_test": "true"}),
    (lambda: chosen(flag("inference"), "passes", "passes"), {"inference": "true"}),
    (lambda: chosen(flag("is_training"), "passes", "passes"), {"is_training": "false"}),
    (lambda: flag("is_train", tf.int32), {"is_train": "0"}),
    (lambda: flag("is_test", tf.int32), {"is_test": "1"}),
    (lambda: flag("tokens", tf.int32), {"tokens": None}),
    (lambda: flag("sample_rate", tf.float32), {"sample_rate": None}),
    (lambda: flag("rate", tf.float32), {"rate": "0"}),
    (lambda: flag("keep_prob", tf.float32), {"keep_prob": "1"}),
    (lambda: v1.nn.dropout(images(), keep_prob=flag("p", tf.float32)), {"p": "1"}),
    (lambda: v1.nn.dropout(images(), rate=flag("p", tf.float32)), {"p": "0"}),
    (lambda: v1.nn.dropout(images(), rate=1.0 - flag("p", tf.float32)), {"p": "1"}),
]


@pytest.mark.parametrize(("build", "wanted"), FLAGS)
def test_advice_for_switches(build, wanted):
    assert advice(build) == wanted


def test_a_default_is_replaced_where_it_trains():
    def build(keep, training):
        keep_t = v1.placeholder_with_default(keep, (), "keep_prob")
        training_t = v1.placeholder_with_default(training, (), "is_training")
        h_t = v1.nn.dropout(features(images()), keep_prob=keep_t)
        h_t = v1.cond(training_t, lambda: v1.nn.dropout(h_t, keep_prob=0.5), lambda: h_t)
        tf.nn.softmax(classes(h_t))

    found = suggest_ends(graph_of(lambda: build(0.5, True))).feeds
    assert found == {"keep_prob": "1", "is_training": "false"}
    assert suggest_ends(graph_of(lambda: build(1.0, False))).feeds == {}


# What such graphs compute.


def constant_graph(build):
    """A graph without variables, from x (N, 4) to y."""
    return graph_of(
        lambda: tf.identity(build(v1.placeholder(tf.float32, (None, 4), "x")), name="y")
    )


@pytest.mark.parametrize(("phase", "factor"), [(0, 3), (1, 2)])
@pytest.mark.parametrize("of", ["equal", "cast", "either"])
def test_a_condition_on_a_number_is_resolved(phase, factor, of):
    def build(x_t):
        phase_t = flag("phase", tf.int32)
        predicate_t = {
            "equal": lambda: tf.equal(phase_t, 1),
            "cast": lambda: tf.cast(phase_t, tf.bool),
            "either": lambda: tf.logical_or(phase_t > 0, tf.constant(False)),
        }[of]()
        return v1.cond(predicate_t, lambda: tf.nn.relu(x_t) * 2.0, lambda: tf.nn.relu(x_t) * 3.0)

    source = from_graph_def(constant_graph(build), "graph", "x", "y", {"phase": phase})
    assert not [node for node in source._graph_def.node if node.op in ("Switch", "Merge")]
    x = np.array([[1, -2, 3, 4]], np.float32)
    with Network(source) as net:
        np.testing.assert_array_equal(net.under("guided").output(x), factor * np.maximum(x, 0))


def test_a_print_passes_values_and_gradients():
    def build(x_t):
        return tf.nn.relu(v1.Print(x_t, [tf.shape(x_t)], "shape")) * 3.0

    x = np.array([[1, -2, 3, 4]], np.float32)
    with Network(from_graph_def(constant_graph(build), "graph", "x", "y")) as net:
        found = net.under("guided").gradient(x, np.array([[1, 1, -1, 1]], np.float32))
    np.testing.assert_array_equal(found, [[3, 0, 0, 3]])


def test_words_are_explained_at_their_embedding():
    table, weights = drawn("table", (9, 4)), drawn("weights", (8, 3))

    def build():
        words_t = v1.placeholder(tf.int32, (None, 2), "words")
        y_t = tf.matmul(tf.reshape(tf.gather(table, words_t), (-1, 8)), weights)
        tf.identity(y_t, name="y")

    words = np.array([[1, 8], [3, 0]], np.int32)
    with Network(from_graph_def(graph_of(build), "graph", "words", "y")) as net:
        graph = net.under("gradient")
        np.testing.assert_allclose(
            graph.output(words), table[words].reshape(2, 8) @ weights, rtol=1e-5
        )
        found = graph.gradient(words, np.eye(3, dtype=np.float32)[:2])
    np.testing.assert_allclose(found, weights.T[:2].reshape(2, 2, 4), rtol=1e-6)


# The command.


def written(build, folder, formats=("checkpoint",)):
    with control_flow_of_tensorflow_1(), tf.Graph().as_default(), v1.Session() as session:
        ends = build()
        initial_values(session)
        if "checkpoint" in formats:
            v1.train.Saver().save(session, os.path.join(folder, "model-7"), write_state=False)
        if "SavedModel" in formats:
            path = os.path.join(folder, "saved")
            v1.saved_model.simple_save(session, path, {"x": ends[0]}, {"y": ends[1]})


def inspected(path, capsys, code=0):
    capsys.readouterr()
    assert main_all(["inspect", str(path)]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert code == 0 or len(err.splitlines()) == 1
    return out if code == 0 else err


def tried(out):
    found = re.findall(r"^try +(.*)$", out, re.M)
    assert len(found) == 1
    return found[0]


def test_the_printed_command_works(tmp_path, capsys):
    written(words, str(tmp_path))
    command = tried(inspected(tmp_path / "model-7", capsys))
    assert "--input words:0 --output-tensor logits:0 --feed Placeholder=1" in command
    np.save(str(tmp_path / "words.npy"), np.array([[1, 2, 3, 4, 5, 6]] * 2))
    command = command.replace("IMAGES", str(tmp_path / "words.npy"))
    command = command.replace("maps.png", str(tmp_path / "maps.png"))
    assert "--method gradient" not in command  # without a ReLU guided is the plain gradient
    assert main_all(shlex.split(command)[1:]) == 0
    assert (tmp_path / "maps.png").exists()


def test_the_printed_python_works(tmp_path, capsys):
    written(picture_and_numbers, str(tmp_path))
    text = tried(inspected(tmp_path / "model-7", capsys))
    assert text.startswith("in Python: ")
    imported, called = text[len("in Python: ") :].split("; ")
    known = {"IMAGES_1": PICTURES + 1, "IMAGES_2": np.ones((4, 6), np.float32)}
    exec(imported, known)
    maps = eval(called, known)
    assert [one.shape for one in maps] == [(4, 12, 12, 3), (4, 6)]


def test_an_unknown_value_is_left_to_the_user(tmp_path, capsys):
    written(branch_of_a_number, str(tmp_path))
    out = inspected(tmp_path / "model-7", capsys)
    assert "branch:0 int32 (): needs a value, --feed branch=VALUE" in out
    assert "--feed branch=VALUE --images IMAGES" in tried(out)


def test_where_the_rule_misses_the_command_is_of_the_gradient(tmp_path, capsys):
    def build():
        tf.nn.softmax(classes(tf.sigmoid(dense(flatten(images()), 6, "first"))))

    written(build, str(tmp_path))
    out = inspected(tmp_path / "model-7", capsys)
    assert "MISSED Sigmoid (Sigmoid)" in out
    assert "--method gradient --images IMAGES" in tried(out)


def test_doubt_is_said(tmp_path, capsys):
    def build():
        h_t = features(images())
        trained(
            cross_entropy(classes(h_t), labels()) + cross_entropy(classes(h_t, "aux"), labels())
        )

    written(build, str(tmp_path))
    out = inspected(tmp_path / "model-7", capsys)
    assert "doubt   2 tensors are equally likely to be the logits" in out
    assert "--output-tensor logits:0" in tried(out)


@pytest.fixture(name="files")
def _files(tmp_path):
    """A checkpoint and a SavedModel of a picture's classes."""

    def build():
        x_t = images()
        y_t = classes(features(x_t))
        tf.nn.softmax(y_t)
        return x_t, y_t

    written(build, str(tmp_path), ("checkpoint", "SavedModel"))
    return tmp_path


def test_files_without_weights_or_graph(files, capsys):
    os.mkdir(str(files / "alone"))
    shutil.copy(str(files / "model-7.meta"), str(files / "alone" / "graph.meta"))
    out = inspected(files / "alone" / "graph.meta", capsys)
    assert "meta graph without weights" in out
    assert "images:0 float32 (?, 12, 12, 3): the likeliest input" in out
    assert "hinders" in out
    assert "try" not in out
    os.remove(str(files / "model-7.meta"))
    out = inspected(files / "model-7", capsys)
    assert "checkpoint without a graph" in out
    assert "weights conv_kernel (3, 3, 3, 4)" in out


def test_unreadable_files(files, capsys):
    with open(str(files / "model-7.meta"), "rb") as file:
        data = file.read()
    for cut in (data[: len(data) // 2], b""):
        with open(str(files / "model-7.meta"), "wb") as file:
            file.write(cut)
        assert "copy it again" in inspected(files / "model-7", capsys, code=2)
    for name, content in (("empty.pb", b""), ("cut.pb", data[: len(data) // 2])):
        (files / name).write_bytes(content)
        inspected(files / name, capsys, code=2)
    os.mkdir(str(files / "nothing"))
    inspected(files / "nothing", capsys, code=2)


def edited(folder, change):
    """Change the stored message of a SavedModel."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = os.path.join(folder, "saved_model.pb")
    with open(path, "rb") as file:
        stored = saved_model_pb2.SavedModel.FromString(file.read())
    change(stored.meta_graphs[0])
    with open(path, "wb") as file:
        file.write(stored.SerializeToString())


def test_a_saved_model_that_is_not_for_serving(files, capsys):
    def for_training(meta):
        meta.meta_info_def.tags[:] = ["train"]

    edited(str(files / "saved"), for_training)
    out = inspected(files / "saved", capsys)
    assert "SavedModel for train, not for serving" in out
    assert "export the model for serving" in out
    assert "try" not in out


def test_recorded_shapes_that_contradict_are_inferred_anew(files):
    def contradict(meta):
        for node in meta.graph_def.node:
            if node.name == "conv":
                shape = node.attr["_output_shapes"].list.shape[0]
                shape.dim[3].size = 77

    with Network(saved_model(str(files / "saved"))) as net:
        wanted = net.under("guided").output(PICTURES + 1)
    edited(str(files / "saved"), contradict)
    with Network(saved_model(str(files / "saved"))) as net:
        np.testing.assert_array_equal(net.under("guided").output(PICTURES + 1), wanted)
    assert glob.glob(str(files / "saved" / "variables" / "*"))


def test_a_loop_in_front_of_the_input_of_a_saved_model(tmp_path, capsys):
    def build():
        decoded_one_by_one()
        graph = v1.get_default_graph()
        return graph.get_tensor_by_name("bytes:0"), graph.get_tensor_by_name("logits:0")

    written(build, str(tmp_path), ("SavedModel",))
    out = inspected(tmp_path / "saved", capsys)
    assert f"--input {DECODED} --output-tensor logits:0" in tried(out)
    assert re.search(f"{DECODED} float32 .*: the likeliest input, computed in the graph", out)


def test_the_cause_stands_behind_the_failed_node():
    text = "Graph execution error:\n\nDetected at node 'c'\nNode: 'c'\n{}wrong depth\n\t [[c]]"
    for before in ("", "2 root error(s) found.\n  (0) INVALID_ARGUMENT: "):
        assert first_line(ValueError(text.format(before))) == "wrong depth"
    assert first_line(ValueError("one\ntwo")) == "one"


def test_every_picture_behind_a_text_is_offered():
    """Resized is the likeliest: of a known size, and grey levels as pictures have them."""

    def retrained():
        text_t = v1.placeholder(tf.string, (), "jpeg")
        cast_t = tf.cast(tf.image.decode_jpeg(text_t, 3), tf.float32, name="cast")
        batch_t = tf.expand_dims(cast_t, 0, name="batch")
        resized_t = v1.image.resize_bilinear(batch_t, [8, 8], name="resized")
        classes(features(tf.multiply(resized_t, 1 / 128.0, name="scaled")))

    ends = suggest_ends(graph_of(retrained))
    assert ends.inputs == ["resized:0"]
    assert set(ends.also) == {"cast:0", "batch:0", "scaled:0"}
