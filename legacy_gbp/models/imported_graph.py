"""A graph that somebody else made, as a source: imported anew for every rule.

All formats end here: their readers give a GraphDef without variables, and the
steps of :mod:`legacy_gbp.graph` make it one that a rule reaches whole.
"""

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.freeze import freeze
from legacy_gbp.graph.infer_endpoints import check_tensor_name, float_input
from legacy_gbp.graph.inline import inline
from legacy_gbp.graph.layers import near_names
from legacy_gbp.graph.nodes import by_name, full, producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.trust import check_harmless
from legacy_gbp.graph.unfuse import expand_fused
from legacy_gbp.graph.while_loops import meta_of
from legacy_gbp.models.source import Endpoints
from legacy_gbp.rules.composite_rectifiers import rewrite_idioms
from legacy_gbp.rules.gradient_attribute import set_marks, strip_marks

UNDECIDED = "Placeholder"


class Imported:
    """A frozen GraphDef with its ends.

    Parameters
    ----------
    graph_def : GraphDef
        Without variables.
    inputs : list of str
        Tensors.
    output : str
        Tensor.
    where : str
        The file, for messages.
    feeds : dict of str to value, optional
        Fixed values of other placeholders, such as a train flag.
    trusted : bool
        Whether operations that reach outside of the graph are accepted.
    values : mapping of str to array, optional
        Variables of the graph by name.
    loops : list of WhileContextDef, optional
        Notes about its while loops of TensorFlow 1.

    Attributes
    ----------
    stripped : list of str
        Nodes that bore a gradient mark, such as that of a guided export.
    """

    def __init__(
        self, graph_def, inputs, output, where, feeds=None, trusted=False, values=(), loops=()
    ):
        self.where, self.output, self._loops = where, output, loops
        feeds = {full(name): value for name, value in (feeds or {}).items()}
        for name in feeds:
            check_tensor_name(name, where, "--feed")
        for name in inputs:
            check_tensor_name(name, where, "input")
            if producer(name) not in by_name(graph_def):
                raise InputError(
                    f"{where}: output {output} does not depend on input {name}; choose another "
                    "input or output"
                )
        graph_def = with_open_inputs(graph_def, inputs, where)
        roots = [producer(output), *(producer(e) for note in loops for e in note.loop_exit_names)]
        graph_def = prune(graph_def, roots)
        check_harmless(graph_def, where, trusted)
        graph_def = inline(graph_def, [producer(name) for name in [*inputs, output]], where)
        graph_def = prune(graph_def, roots)
        freeze(graph_def, values, where)
        kept = by_name(graph_def)
        self.stripped = strip_marks(graph_def)
        expand_fused(graph_def, where)
        self.inputs = [float_input(graph_def, name) for name in inputs]
        self._feeds = {name: value for name, value in feeds.items() if producer(name) in kept}
        self._graph_def = graph_def
        self._check_feeds(feeds, inputs)

    def load(self, session, rule="gradient"):
        """Import into the current graph, under a rule.

        Parameters
        ----------
        session : tf.compat.v1.Session
            Not used: nothing needs to be restored.
        rule : str

        Returns
        -------
        Endpoints
        """
        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(self._graph_def)
        inside = rewrite_idioms(graph_def, rule)
        set_marks(graph_def, rule, inside)
        import_graph(graph_def, self.where, self._loops)
        return Endpoints(
            tuple(self._tensor(name) for name in self.inputs),
            self._tensor(self.output),
            {self._tensor(name): value for name, value in self._feeds.items()},
            [],
        )

    def _tensor(self, name):
        return _tensor_in(tf.compat.v1.get_default_graph(), name, self.where)

    def _check_feeds(self, feeds, inputs):
        nodes = by_name(self._graph_def)
        for name in feeds:
            if producer(name) not in nodes:
                raise InputError(
                    f"{self.where}: --feed names {name}, which the output does not need; "
                    f"{near_names(producer(name), nodes)}"
                )
        known = {producer(name) for name in [*inputs, *self.inputs, *feeds]}
        for node in self._graph_def.node:
            if node.op == UNDECIDED and node.name not in known:
                raise InputError(
                    f"{self.where}: placeholder {node.name!r} needs a value; if it is an input "
                    f"name it by --input, else give one such as --feed {node.name}=0"
                )


def import_graph(graph_def, where, loops=()):
    """Import into the current graph, or say in one line why not."""
    try:
        if loops:
            tf.compat.v1.train.import_meta_graph(meta_of(graph_def, loops))
        else:
            tf.import_graph_def(graph_def, name="")
    except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"{where}: TensorFlow {tf.__version__} cannot import the graph ({reason}); try the "
            "version that made it"
        ) from error


def with_open_inputs(graph_def, inputs, where):
    """Make placeholders of inputs that the graph computes itself, such as a decoded picture.

    What only they need is not pruned yet.
    """
    nodes = by_name(graph_def)
    computed = [name for name in inputs if nodes[producer(name)].op != UNDECIDED]
    if not computed:
        return graph_def
    scratch = tf.Graph()
    with scratch.as_default():
        import_graph(prune(graph_def, [producer(name) for name in computed]), where)
    opened = tf.compat.v1.GraphDef()
    opened.CopyFrom(graph_def)
    for name in computed:
        tensor_t, node = _tensor_in(scratch, name, where), by_name(opened)[producer(name)]
        if tensor_t.value_index:
            raise InputError(f"{where}: input {name} is a second output; name another tensor")
        node.Clear()
        node.op, node.name = "Placeholder", producer(name)
        node.attr["dtype"].type = tensor_t.dtype.base_dtype.as_datatype_enum
        node.attr["shape"].shape.CopyFrom(tensor_t.shape.as_proto())
    return opened


def _tensor_in(graph, name, where):
    try:
        return graph.get_tensor_by_name(name)
    except KeyError as error:
        raise InputError(f"{where}: {' '.join(str(error.args[0]).split())}") from error


def parse_value(text):
    """Value of ``--feed NAME=VALUE``: true, false, or numbers separated by commas."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    numbers = [float(part) for part in text.split(",")]
    return np.array(numbers if len(numbers) > 1 else numbers[0])
