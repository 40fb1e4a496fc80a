"""A graph that somebody else made, as a source: imported anew for every rule.

All foreign formats come here: their readers make a GraphDef, and the steps of
:mod:`legacy_gbp.graph` turn it into one that a rule reaches everywhere.
"""

from typing import Any, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import ModelError, first_line, near_names
from legacy_gbp.graph.cut_assignments import cut_assignments, cut_prints
from legacy_gbp.graph.drop_attributes import drop_unknown_attributes
from legacy_gbp.graph.final_operations import logits_before
from legacy_gbp.graph.finite_constants import check_constants
from legacy_gbp.graph.flag_values import advised_feeds
from legacy_gbp.graph.float_input import FLOATS, float_input, is_cast_to_float
from legacy_gbp.graph.freeze import freeze, variables_of
from legacy_gbp.graph.idle_dropout import make_idle_dropout_identity
from legacy_gbp.graph.infer_endpoints import check_tensor_name
from legacy_gbp.graph.inline import inline
from legacy_gbp.graph.layout import shape_from_readers
from legacy_gbp.graph.nodes import by_name, output_number, producer, tensor_name
from legacy_gbp.graph.open_inputs import PLACEHOLDER, with_fed_embeddings, with_open_inputs
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.resolve_conditions import resolve_branches, resolve_conditions
from legacy_gbp.graph.trust import check_harmless
from legacy_gbp.graph.unfuse import unfuse
from legacy_gbp.graph.while_loops import with_contexts
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.models.token_inputs import embedded_inputs
from legacy_gbp.rules.composite_rectifiers import close_composite_rectifiers
from legacy_gbp.rules.gradient_attribute import (
    remove_gradient_attributes,
    set_gradient_attributes,
)


class ImportedGraph(PixelScaled):
    """A GraphDef with its endpoints and the values of its variables.

    Parameters
    ----------
    graph_def : GraphDef
    inputs : sequence of str
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
    contexts : sequence of WhileContextDef, optional
        Of its while loops of TensorFlow 1.
    tokens : mapping of str to str, optional
        Inputs of integers, each with the embedding's output, which takes its place in
        `inputs`; the integers may still be fed. By default those that an embedding reads.

    Attributes
    ----------
    inputs : list of str
        Tensors that are fed.
    output : str
        The tensor that is explained: the scores in front of a final softmax, sigmoid, ArgMax.

    Raises
    ------
    ModelError
        When a step of :mod:`legacy_gbp.graph` refuses the graph, a placeholder
        has no value, or a weight is NaN or Inf.
    """

    def __init__(
        self,
        graph_def: Any,
        inputs: Sequence[str],
        output: str,
        where: str,
        feeds: Optional[Mapping[str, Any]] = None,
        trusted: bool = False,
        values: Optional[Mapping[str, Any]] = None,
        contexts: Sequence[Any] = (),
        tokens: Optional[Mapping[str, str]] = None,
    ) -> None:
        self._where, self._contexts = where, contexts
        if tokens is None:
            tokens = _tokens_of(graph_def, inputs, output, where)
        self._tokens = {embedded: name for name, embedded in (tokens or {}).items()}
        named = {tensor_name(name): value for name, value in (feeds or {}).items()}
        _check_names(graph_def, inputs, output, named, where)
        graph_def, inputs = with_open_inputs(graph_def, inputs, where)
        inputs = [(tokens or {}).get(name, name) for name in inputs]
        graph_def = with_fed_embeddings(graph_def, list(self._tokens))
        exits = [producer(name) for context in contexts for name in context.loop_exit_names]
        roots = [producer(output), *exits]
        graph_def = prune(graph_def, roots)
        self._flags = _flags(graph_def, inputs, named)
        _fix_values(graph_def, named, where)
        cut_prints(graph_def)
        graph_def = prune(graph_def, roots)  # a default that a value replaces is not needed
        check_harmless(graph_def, where, trusted)
        drop_unknown_attributes(graph_def, where)
        resolve_branches(graph_def)
        graph_def = inline(graph_def, [producer(name) for name in [*inputs, output]], where)
        graph_def = prune(graph_def, roots)
        variables = set(variables_of(graph_def))
        freeze(graph_def, values or {}, where)
        cut_assignments(graph_def)
        resolve_conditions(graph_def)
        make_idle_dropout_identity(graph_def)
        graph_def = prune(graph_def, roots)
        _check_nothing_missing(graph_def, [*inputs, *(tokens or {})], where)
        check_constants(graph_def, variables, where)
        self._removed = tuple(remove_gradient_attributes(graph_def))
        unfuse(graph_def, where)
        self.inputs = [float_input(graph_def, name) for name in inputs]
        self.output, self._stepped_over = logits_before(graph_def, output)
        self._graph_def = graph_def

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Scale pixels; integers for an embedding stay what they are.

        Parameters
        ----------
        images : (N, ...) array
            Grey levels 0..255, or integers for the input that an embedding reads.

        Returns
        -------
        (N, ...) array
            Of floating point; of integers for an embedding.
        """
        return images if self._tokens and images.dtype.kind in "iu" else super().prepare(images)

    def load(self, session: Any, rule: str = "gradient") -> Endpoints:
        """Import into the current graph, under a rule.

        Parameters
        ----------
        session : tf.compat.v1.Session
            Not used: nothing needs to be restored.
        rule : str
            A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.

        Returns
        -------
        Endpoints

        Raises
        ------
        ModelError
            When this TensorFlow cannot import the graph.
        """
        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(self._graph_def)
        kept = close_composite_rectifiers(graph_def, rule, self.inputs, self.output)
        set_gradient_attributes(graph_def, rule, kept)
        import_graph(graph_def, self._where, self._contexts)
        input_ts = tuple(self._tensor(name) for name in self.inputs)
        for input_t in input_ts:
            input_t.set_shape(shape_from_readers(input_t))
        return Endpoints(
            input_ts,
            self._tensor(self.output),
            {},
            [],
            removed_overrides=self._removed,
            flags=self._flags,
            stepped_over=tuple(f"{over.name} ({over.kind})" for over in self._stepped_over),
            token_ts={self._tensor(one): self._tensor(name) for one, name in self._tokens.items()},
        )

    def _tensor(self, name: str) -> Any:
        return _tensor_in(tf.compat.v1.get_default_graph(), name, self._where)


def import_graph(graph_def: Any, where: str, contexts: Sequence[Any] = ()) -> None:
    """Import a graph into the current one.

    Parameters
    ----------
    graph_def : GraphDef
    where : str
        The file, for messages.
    contexts : sequence of WhileContextDef, optional

    Raises
    ------
    ModelError
        When this TensorFlow cannot.
    """
    try:
        if contexts:
            tf.compat.v1.train.import_meta_graph(with_contexts(graph_def, contexts))
        else:
            tf.import_graph_def(graph_def, name="")
    except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise ModelError(
            f"{where}: TensorFlow {tf.__version__} cannot import the graph ({first_line(error)}); "
            "try the version that made it"
        ) from error


def _tensor_in(graph: Any, name: str, where: str) -> Any:
    try:
        return graph.get_tensor_by_name(name)
    except KeyError as error:
        raise ModelError(f"{where}: {' '.join(str(error.args[0]).split())}") from error


def _tokens_of(graph_def: Any, inputs: Sequence[str], output: str, where: str) -> Mapping[str, str]:
    """Return the embeddings of inputs of integers that nothing casts to floating point."""
    nodes = by_name(graph_def)
    integers = [
        name
        for name in inputs
        if producer(name) in nodes
        and nodes[producer(name)].op == PLACEHOLDER
        and nodes[producer(name)].attr["dtype"].type not in FLOATS
        and not is_cast_to_float(graph_def, producer(name))
    ]
    if not integers or producer(output) not in nodes:
        return {}
    return embedded_inputs(prune(graph_def, [producer(output)]), integers, where)


def _check_names(
    graph_def: Any, inputs: Sequence[str], output: str, feeds: Mapping[str, Any], where: str
) -> None:
    nodes = by_name(graph_def)
    for name in feeds:
        check_tensor_name(name, where, "`feeds`")
    for name in inputs:
        check_tensor_name(name, where, "input")
        if producer(name) not in nodes:
            raise ModelError(
                f"{where}: output {output} does not depend on input {name}; choose another "
                "input or output"
            )


def _check_nothing_missing(graph_def: Any, inputs: Sequence[str], where: str) -> None:
    known = {producer(name) for name in inputs}
    missing = [
        node.name for node in graph_def.node if node.op == PLACEHOLDER and node.name not in known
    ]
    if not missing:
        return
    advised = advised_feeds(graph_def, missing)
    feeds = ", ".join(f"{name}={value or 'VALUE'}" for name, value in advised.items())
    unknown = [name for name, value in advised.items() if value is None]
    also = f"; if {unknown[0]} is an input name it by `input` too" if unknown else ""
    named = ", ".join(map(repr, missing))
    what = f"placeholder {named} needs a value" if len(missing) == 1 else f"{named} need values"
    raise ModelError(f"{where}: {what}; set `feeds` {feeds}{also}")


def _flags(graph_def: Any, inputs: Sequence[str], feeds: Mapping[str, Any]) -> Tuple[str, ...]:
    """Return the placeholders that a user can set: with a default, or by a fixed value."""
    known = {producer(name) for name in inputs}
    fixed = {producer(name) for name in feeds}
    return tuple(
        node.name
        for node in graph_def.node
        if node.name not in known and (node.op == "PlaceholderWithDefault" or node.name in fixed)
    )


def _fix_values(graph_def: Any, feeds: Mapping[str, Any], where: str) -> None:
    """Make constants of placeholders with a fixed value."""
    nodes = by_name(graph_def)
    for name, value in feeds.items():
        if producer(name) not in nodes:
            raise ModelError(
                f"{where}: `feeds` names {name}, which the output does not need; "
                f"{near_names(producer(name), nodes)}"
            )
        node = nodes[producer(name)]
        attribute = "dtype" if "dtype" in node.attr else "T"
        if not node.attr[attribute].type or output_number(name):
            raise ModelError(
                f"{where}: `feeds` names {name}, which is no placeholder; name a placeholder"
            )
        dtype = tf.as_dtype(node.attr[attribute].type)
        try:
            tensor = tf.make_tensor_proto(np.asarray(value, dtype.as_numpy_dtype), dtype)
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"{where}: `feeds` gives {name} the value {value!r}, which is no {dtype.name} "
                f"({first_line(error, 80)}); give another value"
            ) from error
        node.Clear()
        node.op, node.name = "Const", producer(name)
        node.attr["dtype"].type = dtype.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tensor)
