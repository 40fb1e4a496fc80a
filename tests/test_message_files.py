"""Files that are no protocol buffers: too long, too short, broken inside, as text or binary."""

import os

import pytest
import tensorflow as tf

from legacy_gbp.cli import main_all
from legacy_gbp.errors import InputError, ModelError
from legacy_gbp.graph.while_loops import COLLECTION, loop_exits
from legacy_gbp.io.protobuf import MOST_BYTES, parse_message
from legacy_gbp.models.frozen_graphs import read_graph_def

NODE = 'node { name: "a" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0c",  # the end of a group that never began; old libraries only warn of it
        b"\x0a\x7f",  # a node of 127 bytes, and none follows
        b"\x0a\x02\xff\xff",
        b"\x0a" + b"\x80" * 12,  # a length that never ends
        b"\x00" * 100,
    ],
)
def test_binary_files_that_are_no_graph(data, capsys):
    with open("net.pb", "wb") as file:
        file.write(data)
    assert main_all(["inspect", "net.pb"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("legacy-gbp: net.pb: not a GraphDef, or cut off (")
    with pytest.raises(InputError, match=r"^net\.pb: not a meta graph, or cut off; copy it again$"):
        parse_message(tf.compat.v1.MetaGraphDef(), "net.pb", "meta graph")


@pytest.mark.parametrize(
    "text",
    [
        NODE + "node {",
        NODE + 'node { name: "\\xzz" }',
        NODE + "node { name: 5 }",
        NODE + "versions { producer: 99999999999999999999999 }",
        NODE + "versions { producer: 0x }",
        NODE + 'node { attr { key: "T" value { type: DT_NOTHING } } }',
        NODE + 'node { attr { key: "f" value { f: 1e } } }',
        NODE + "node " + "{ nobody: " * 50,
        NODE + 'node { name: "\\udc80" name: "\\377" }',
        NODE + "\x00",
        "\ufffe" + NODE + "}",
    ],
)
def test_text_files_that_are_no_graph(text, capsys):
    with open("net.pbtxt", "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    assert main_all(["inspect", "net.pbtxt"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("legacy-gbp: net.pbtxt: not a GraphDef, or cut off (")


def test_a_text_of_other_bytes_is_no_graph():
    with open("net.pbtxt", "wb") as file:
        file.write(NODE.encode() + b"\xff\xfe")
    with pytest.raises(ModelError, match=r"^net\.pbtxt: not a GraphDef, or cut off \('utf-8'"):
        read_graph_def("net.pbtxt")


@pytest.mark.parametrize("name", ["net.pb", "net.pbtxt"])
def test_what_no_message_is_as_large_as_is_not_read(name):
    """Its 2 GiB lie on no disk: reading them would take as much memory."""
    with open(name, "wb"):
        os.truncate(name, MOST_BYTES + 1)
    with pytest.raises(InputError, match=r"has 2147483648 bytes, which no protocol buffer has"):
        read_graph_def(name)


def test_a_loop_s_context_that_breaks_off():
    meta = tf.compat.v1.MetaGraphDef()
    meta.graph_def.node.add(name="logits", op="Placeholder")
    meta.collection_def[COLLECTION].bytes_list.value.append(b"\x0a\x7f")
    with pytest.raises(ModelError, match=r"description of a while loop is damaged .* copy the"):
        loop_exits(meta, "logits")
