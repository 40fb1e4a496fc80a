"""Graphs made to exhaust or to mislead a program: one line, within bounds that are stated."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.network import Network
from legacy_gbp.cli import main_all
from legacy_gbp.errors import ModelError
from legacy_gbp.graph import structure
from legacy_gbp.graph.idle_dropout import make_idle_dropout_identity
from legacy_gbp.graph.resolve_conditions import resolve_branches
from legacy_gbp.graph.structure import check_structure
from legacy_gbp.models.frozen_graphs import from_graph_def
from legacy_gbp.models.meta_graphs import from_meta

v1 = tf.compat.v1
X = np.array([[-2, -1, 1, 2]], np.float32)
FLOATS = v1.AttrValue(list=v1.AttrValue.ListValue(type=[1]))


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def a_graph():
    """A placeholder x; nodes of floating point are added by :func:`add`."""
    graph_def = v1.GraphDef()
    graph_def.versions.producer = 27
    x = graph_def.node.add(op="Placeholder", name="x")
    x.attr["dtype"].type = 1
    x.attr["shape"].shape.CopyFrom(tf.TensorShape([None, 4]).as_proto())
    return graph_def


def add(nodes, op, name, *reads, **attributes):
    node = nodes.add(op=op, name=name, input=reads)
    if op not in ("PartitionedCall", "StatefulPartitionedCall", "While", "If") and op[0].isupper():
        node.attr["T"].type = 1
    for key, value in attributes.items():
        node.attr[key].CopyFrom(value)
    return node


def const(graph_def, name, value):
    node = graph_def.node.add(op="Const", name=name)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    node.attr["dtype"].type = node.attr["value"].tensor.dtype
    return node


def function(graph_def, name, *calls):
    """A function x -> y that calls others one after the other, or ReLU at its end."""
    made = graph_def.library.function.add()
    made.signature.name = name
    made.signature.input_arg.add(name="x", type=1)
    made.signature.output_arg.add(name="y", type=1)
    read = "x"
    for number, call in enumerate(calls):
        add(made.node_def, call, f"call_{number}", read)
        read = f"call_{number}:y:0"
    add(made.node_def, "Relu", "last", read)
    made.ret["y"] = "last:activations:0"
    return made


def func(name):
    return v1.AttrValue(func=v1.NameAttrList(name=name))


def calling(*functions):
    graph_def = a_graph()
    for name, *calls in functions:
        function(graph_def, name, *calls)
    add(graph_def.node, functions[0][0], "y", "x")
    return graph_def


def refused(graph_def, why):
    for opened in (
        lambda: from_graph_def(graph_def, "g", "x", "y"),
        lambda: from_graph_def(graph_def, "g", trusted=True),
        lambda: from_meta(v1.MetaGraphDef(graph_def=graph_def), {}, "g", "x", "y"),
    ):
        with pytest.raises(ModelError, match=why) as caught:
            opened()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_recursive_functions():
    """f calls f; f calls g calls f; a loop whose body holds the loop."""
    refused(calling(("f", "f")), "its function 'f' calls itself; export a smaller graph")
    refused(calling(("f", "g"), ("g", "f")), "its function 'f' calls itself")
    graph_def = calling(("f",))
    body = graph_def.library.function[0]
    call = add(body.node_def, "PartitionedCall", "again", "x", f=func("f"), Tin=FLOATS, Tout=FLOATS)
    refused(graph_def, "its function 'f' calls itself")
    call.op = "StatefulPartitionedCall"
    refused(graph_def, "its function 'f' calls itself")
    graph_def = calling(("f",), ("df", "f"))
    graph_def.library.gradient.add(function_name="f", gradient_func="df")
    refused(graph_def, "calls itself")


def test_functions_that_double():
    """f40 calls f39 twice, and so on: 4 * 2 ** 40 - 2 operations."""
    names = [f"f{number}" for number in range(40, -1, -1)]
    functions = [(name, inner, inner) for name, inner in zip(names, names[1:])]
    refused(calling(*functions, ("f0",)), r"it has 4e\+12 operations where at most 150000 are")


def test_a_few_nested_functions_open():
    graph_def = calling(("f2", "f1", "f1"), ("f1", "f0", "f0"), ("f0",))
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        found = net.under("guided").gradient(X, np.ones_like(X))
    np.testing.assert_array_equal(found, X > 0)


def test_a_thousand_functions_one_in_another():
    """Python's own recursion has no part in it."""
    names = [f"f{number}" for number in range(5000)]
    functions = [(name, inner) for name, inner in zip(names, names[1:])]
    check_structure(calling(*functions, (names[-1],)), "g")


def chain(length):
    graph_def = a_graph()
    read = "x"
    for number in range(length):
        read = add(graph_def.node, "Relu", f"n{number}", read).name
    add(graph_def.node, "Identity", "y", read)
    return graph_def


def test_a_chain():
    """2,000 operations open, more than Python's own recursion takes; 200,000 are refused."""
    source = from_graph_def(chain(2000), "g")
    with Network(source) as net:
        np.testing.assert_array_equal(net.under("gradient").logits(X), np.maximum(X, 0))
    refused(chain(200000), "it has 200002 operations where at most 150000 are taken")


def calls_of(step, graph_def):
    """Count the Python calls of a step: its work, whatever the speed of the machine."""
    import gc
    import sys

    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    gc.collect()
    gc.disable()
    sys.setprofile(count)
    try:
        step(graph_def)
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


def read_by_many(number):
    """One tensor that many layers of one place read, each the end of the network."""
    graph_def = a_graph()
    for place in range(number):
        add(graph_def.node, "Sigmoid", f"s{place}", "x")
    joined = add(graph_def.node, "AddN", "sum", *(f"s{place}" for place in range(number)))
    joined.attr["N"].i = number
    add(graph_def.node, "Identity", "y", "sum")
    return graph_def


@pytest.mark.parametrize("make", [chain, read_by_many])
def test_opening_takes_time_in_proportion_to_the_graph(make):
    def opened(graph_def):
        from_graph_def(graph_def, "g", "x")

    opened(make(10))  # what is done once
    assert calls_of(opened, make(1200)) < 2.2 * calls_of(opened, make(600))


def test_a_constant_that_declares_more_than_its_file_holds():
    graph_def = chain(1)
    node = const(graph_def, "big", np.zeros(1, np.float32))
    node.attr["value"].tensor.tensor_shape.CopyFrom(tf.TensorShape([2**31, 363, 284]).as_proto())
    refused(graph_def, "constants, such as 'big', declare 9e\\+14 bytes that the file does not")
    node.attr["value"].tensor.tensor_shape.CopyFrom(tf.TensorShape([2**28]).as_proto())
    check_structure(graph_def, "g")  # 1 GiB of a repeated number
    for number in range(2):
        const(graph_def, f"big{number}", 0.0).attr["value"].CopyFrom(node.attr["value"])
    refused(graph_def, "declare 3221225[0-9]{3} bytes")
    node.attr["value"].tensor.tensor_shape.dim[0].size = -1
    refused(graph_def, r"'big' \('Const'\) holds values of an open shape")


def content(shape, **values):
    from tensorflow.core.framework import tensor_pb2

    proto = tensor_pb2.TensorProto(dtype=1, tensor_shape=tf.TensorShape(shape).as_proto(), **values)
    return v1.AttrValue(tensor=proto)


def mutated(change):
    graph_def = chain(3)
    change(graph_def)
    return graph_def


BROKEN = {
    "two nodes of a name": (
        lambda g: add(g.node, "Relu", "n1", "x"), "it has two nodes 'n1'; export it again",
    ),
    "a missing input": (lambda g: add(g.node, "Relu", "z", "gone"), "it lacks its node 'gone'"),
    "a circle": (
        lambda g: g.node[1].input.__setitem__(0, "n2"), "'n0' computes itself",
    ),
    "a node that reads itself": (
        lambda g: add(g.node, "Identity", "z", "z"), "'z' computes itself",
    ),
    "a circle of control inputs": (
        lambda g: g.node[1].input.append("^n2"), "'n0' computes itself",
    ),
    "a circle in a function": (
        lambda g: function(g, "f").node_def[0].input.__setitem__(0, "last:activations:0"),
        "in its function 'f' 'last' computes itself",
    ),
    "a name with a line break": (
        lambda g: add(g.node, "Relu", "a\nb", "x"), r"a node has the name 'a\\nb'",
    ),
    "a name that rules a terminal": (
        lambda g: add(g.node, "Relu", "a\x1b[2J", "x"), r"a node has the name 'a\\x1b\[2J'",
    ),
    "a name like an input": (lambda g: add(g.node, "Relu", "^x:0", "x"), "has the name '\\^x:0'"),
    "no name": (lambda g: add(g.node, "Relu", "", "x"), "a node has the name ''"),
    "an input of a strange form": (
        lambda g: add(g.node, "Relu", "z", "x:one"), "'z' reads 'x:one'",
    ),
    "too few inputs": (
        lambda g: add(g.node, "Add", "z", "x"), r"'z' \('Add'\) has 1 inputs in place of 2",
    ),
    "too many inputs": (
        lambda g: add(g.node, "Relu", "z", "x", "x"), r"'z' \('Relu'\) has 2 inputs in place of 1",
    ),
    "a million inputs": (
        lambda g: add(g.node, "AddN", "z", *["x"] * 10**6), r"\('AddN'\) lacks its attribute N",
    ),
    "no attribute": (
        lambda g: g.node[1].attr.clear(), r"'n0' \('Relu'\) lacks? ?(its attribute T)?",
    ),
    "an attribute of another kind": (
        lambda g: g.node.add(op="Cast", name="z", input=["x"], attr={
            "SrcT": v1.AttrValue(i=1), "DstT": v1.AttrValue(type=1)}),
        r"'z' \('Cast'\) has no type as its attribute SrcT",
    ),
    "a type that does not exist": (
        lambda g: g.node.add(op="Cast", name="z", input=["x"], attr={
            "SrcT": v1.AttrValue(type=77), "DstT": v1.AttrValue(type=1)}),
        r"'z' \('Cast'\) has the type 77 as its attribute SrcT",
    ),
    "an input of a size that no memory has": (
        lambda g: g.node[0].attr["shape"].shape.dim[1].__setattr__("size", 2**40),
        r"'x' \('Placeholder'\) declares 1e\+12 values",
    ),
    "an input of a negative size": (
        lambda g: g.node[0].attr["shape"].shape.dim[1].__setattr__("size", -7),
        r"'x' \('Placeholder'\) has a negative size",
    ),
    "a constant that breaks off": (
        lambda g: g.node.add(op="Const", name="w", attr={
            "dtype": v1.AttrValue(type=1), "value": content([4], tensor_content=b"abc")}),
        r"'w' \('Const'\) holds 3 bytes for 4 values",
    ),
    "a constant of too many values": (
        lambda g: g.node.add(op="Const", name="w", attr={
            "dtype": v1.AttrValue(type=1), "value": content([4], float_val=[1.0] * 5)}),
        r"'w' \('Const'\) holds 5 values in place of 4",
    ),
    "a function that is not there": (
        lambda g: add(g.node, "PartitionedCall", "z", "x", f=func("f"), Tin=FLOATS, Tout=FLOATS),
        r"'z' \('PartitionedCall'\) calls 'f', which is not there",
    ),
    "a function of other arguments": (
        lambda g: (function(g, "f"), add(g.node, "f", "z", "x", "x")),
        r"'z' \('f'\) calls 'f' with 2 values in place of 1",
    ),
    "a function without its result": (
        lambda g: function(g, "f").ret.clear(), "its function 'f' lacks the result 'y'",
    ),
    "a function that reads what is not there": (
        lambda g: function(g, "f").node_def[0].input.__setitem__(0, "gone:y:0"),
        "in its function 'f' it lacks its node 'gone'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_graph_that_no_exporter_writes(name):
    change, why = BROKEN[name]
    refused(mutated(change), why)


@pytest.mark.parametrize("name", ["a circle", "a name with a line break", "too few inputs"])
def test_commands_refuse_it_in_one_line(name, capsys):
    change, _ = BROKEN[name]
    np.save("x.npy", X)
    with open("m.pb", "wb") as file:
        file.write(mutated(change).SerializeToString())
    for argv in (["inspect", "m.pb"], ["selftest", "m.pb"],
                 ["explain", "m.pb", "--images", "x.npy", "--output", "o.h5"]):  # fmt: skip
        assert main_all(argv) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "the graph is broken" in error, error


def test_a_wide_sum_opens():
    """A node may have many inputs, where its operation says so."""
    graph_def = a_graph()
    total = add(graph_def.node, "AddN", "total", *["x"] * 3000)
    total.attr["N"].i = 3000
    add(graph_def.node, "Relu", "y", "total")
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        found = net.under("gradient").gradient(X, np.ones_like(X))
    np.testing.assert_array_equal(found, 3000.0 * (X > 0))


def doubled(op, start, graph_def, length, **attributes):
    """A chain in which each node reads the one before twice: 2 ** length ways."""
    read = start
    for number in range(length):
        node = graph_def.node.add(op=op, name=f"d{number}", input=[read, read])
        for key, value in attributes.items():
            node.attr[key].CopyFrom(value)
        read = node.name
    return read


def test_a_predicate_that_doubles():
    graph_def = a_graph()
    const(graph_def, "flag", True)
    last = doubled("LogicalAnd", "flag", graph_def, 30)
    function(graph_def, "f")
    function(graph_def, "g")
    add(graph_def.node, "If", "y", last, "x", then_branch=func("f"), else_branch=func("g"),
        Tcond=v1.AttrValue(type=10), Tin=FLOATS, Tout=FLOATS)  # fmt: skip
    resolve_branches(graph_def)
    assert graph_def.node[-1].op == "StatefulPartitionedCall"
    assert graph_def.node[-1].attr["f"].func.name == "f"


def test_a_number_that_doubles_in_front_of_a_mask():
    graph_def = a_graph()
    const(graph_def, "one", np.float32(0.0))
    kind = {"T": v1.AttrValue(type=1)}
    last = doubled("Add", "one", graph_def, 2000, **kind)
    add(graph_def.node, "GreaterEqual", "mask", "x", last)
    add(graph_def.node, "Select", "y", "mask", "x", "x")
    make_idle_dropout_identity(graph_def)
    assert graph_def.node[-1].op == "Select"


def test_diamonds_in_front_of_an_open_shape():
    """y = 2 ** 40 x, of unknown rank: the search for its shape visits every tensor once."""
    graph_def = a_graph()
    del graph_def.node[0].attr["shape"]
    graph_def.node[0].attr["shape"].shape.unknown_rank = True
    read = "x"
    for number in range(40):
        one = add(graph_def.node, "Relu", f"a{number}", read).name
        other = add(graph_def.node, "Identity", f"b{number}", read).name
        read = add(graph_def.node, "Add", f"c{number}", one, other).name
    add(graph_def.node, "Identity", "y", read)
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        found = net.under("gradient").logits(np.ones((1, 4), np.float32))
    np.testing.assert_array_equal(found, np.full((1, 4), 2.0**40, np.float32))


def test_a_fused_operation_with_too_few_inputs():
    graph_def = a_graph()
    add(graph_def.node, "_FusedMatMul", "y", "x", "x").attr["fused_ops"].list.s.append(b"BiasAdd")
    with pytest.raises(ModelError, match="has 2 inputs, too few for BiasAdd; export the graph"):
        from_graph_def(graph_def, "g", "x", "y")


def test_the_bounds_are_stated():
    assert structure.MOST_NODES == 150000
    assert structure.MOST_BYTES == 2**31
