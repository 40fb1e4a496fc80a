"""What to feed into the switches of a graph: dropout off, batch norm on its moving statistics.

A probability is read off its use, not off its name: ``tf.nn.dropout`` of every TensorFlow
compares random numbers with the share that is dropped, or adds them to the share that is kept.
So is a truth value, by the branch that trains (:mod:`legacy_gbp.graph.flag_branches`); the name
decides where the graph does not.
"""

import re
from typing import Any, Dict, List, Optional, Tuple

import tensorflow as tf

from legacy_gbp.graph.final_operations import COMPARISONS
from legacy_gbp.graph.flag_branches import FlagBranches
from legacy_gbp.graph.nodes import by_name, consumers, data_inputs, producer

PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
PASSING = ("Identity", "Cast", "Switch", "RefSwitch", "Reshape", "Merge", "StopGradient", "Enter")
PASSING_DEFAULT = ("PlaceholderWithDefault", "Identity")
RANDOM = re.compile(r"(Stateless)?Random(Uniform|StandardNormal).*")
SUMS = ("Add", "AddV2")
MOST_STEPS = 32
RANDOM_STEPS = 6
INVERTED = re.compile(r"infer|eval|test|predict|determin|frozen", re.I)
PHASES = re.compile(r"train|phase|learning_phase|dropout", re.I)
TESTING_PHASE = re.compile(r"(^|[/_])is_?(test|infer|eval|predict)", re.I)
RATES = re.compile(r"(^|/)rate(_\d+)?$|drop(?!.*keep)", re.I)
KEPT = re.compile(r"keep", re.I)


class Switches:
    """The placeholders of a graph that switch its training on and off.

    Parameters
    ----------
    graph_def : GraphDef
    """

    def __init__(self, graph_def: Any) -> None:
        self._nodes, self._readers = by_name(graph_def), consumers(graph_def)
        self._branches = FlagBranches(graph_def, self._readers)

    def advice(self, name: str) -> Optional[str]:
        """Return the value to feed for a prediction.

        Parameters
        ----------
        name : str
            Of a placeholder.

        Returns
        -------
        str or None
            ``"false"``, ``"true"``, ``"0"`` or ``"1"``; None for a placeholder that is no switch.
        """
        node = self._nodes[name]
        dtype = dtype_of(node)
        if dtype == tf.bool:
            return self._truth(name)
        if dtype is None or not (dtype.is_floating or dtype.is_integer):
            return None
        if dtype.is_integer:
            return "1" if TESTING_PHASE.search(name) else "0" if PHASES.search(name) else None
        return self._probability(name)

    def default(self, name: str) -> Optional[float]:
        """Return the default of a placeholder.

        Parameters
        ----------
        name : str

        Returns
        -------
        float or None
            None for no default, one that is computed, and more than one number.
        """
        node = self._nodes[name]
        while node.op in PASSING_DEFAULT and data_inputs(node):
            node = self._nodes[producer(data_inputs(node)[0])]
        if node.op != "Const" or node.attr["dtype"].type == tf.string.as_datatype_enum:
            return None
        value = tf.make_ndarray(node.attr["value"].tensor)
        return float(value.item()) if value.size == 1 else None

    def _truth(self, name: str) -> str:
        training = self._branches.training_value(name)
        if training is None:
            training = not INVERTED.search(name) or bool(PHASES.search(name))
        return "false" if training else "true"

    def _probability(self, name: str) -> Optional[str]:
        """Return 1 for a probability to keep, 0 for one to drop."""
        todo: List[Tuple[str, bool]] = [(name, False)]  # is it 1 less the placeholder?
        for at, complement in todo:  # grows
            for reader in self._readers.get(at, ()):
                kept = self._kept_by(reader, at)
                if kept is not None:
                    return "1" if kept != complement else "0"
                if reader.op in PASSING:
                    todo.append((reader.name, complement))
                elif self._is_complement(reader, at):
                    todo.append((reader.name, not complement))
            if len(todo) > MOST_STEPS:
                break
        if KEPT.search(name):
            return "1"
        return "0" if RATES.search(name) else None

    def _kept_by(self, reader: Any, at: str) -> Optional[bool]:
        """Return whether the value is the share that dropout keeps; None for no dropout."""
        if reader.op not in (*SUMS, *COMPARISONS):
            return None
        inputs = [producer(name) for name in data_inputs(reader)]
        other = inputs[1] if inputs[0] == at else inputs[0]
        if not self._is_random(other):
            return None
        if reader.op in SUMS:
            return True  # floor(kept + random)
        random_first = inputs[1] == at
        larger = str(reader.op).startswith("Greater")
        return larger != random_first  # random >= dropped; kept > random

    def _is_random(self, name: str) -> bool:
        todo = {name}
        for _ in range(RANDOM_STEPS):
            found = [self._nodes[one] for one in todo if one in self._nodes]
            if any(RANDOM.match(node.op) for node in found):
                return True
            todo = {producer(read) for node in found for read in data_inputs(node)}
        return False

    def _is_complement(self, reader: Any, at: str) -> bool:
        """Whether a node is 1 less the value."""
        inputs = [producer(name) for name in data_inputs(reader)]
        if reader.op != "Sub" or inputs[1] != at:
            return False
        node = self._nodes.get(inputs[0])
        while node is not None and node.op in PASSING:
            node = self._nodes.get(producer(data_inputs(node)[0]))
        if node is None or node.op != "Const":
            return False
        value = tf.make_ndarray(node.attr["value"].tensor)
        return bool(value.size == 1 and float(value.ravel()[0]) == 1)


def dtype_of(node: Any) -> Optional[Any]:
    """Return the type of a placeholder.

    Parameters
    ----------
    node : NodeDef

    Returns
    -------
    tf.DType or None
        None for a type that this TensorFlow does not know.
    """
    try:
        return tf.as_dtype(node.attr["dtype"].type).base_dtype
    except (TypeError, KeyError):
        return None


def advised_feeds(graph_def: Any, names: "List[str]") -> Dict[str, Optional[str]]:
    """Return what to feed into placeholders.

    Parameters
    ----------
    graph_def : GraphDef
    names : list of str

    Returns
    -------
    dict of str to str or None
        None where no value is known to be right.
    """
    switches = Switches(graph_def)
    return {name: switches.advice(name) for name in names}


def advised_defaults(graph_def: Any, names: "List[str]") -> Dict[str, str]:
    """Return what to feed in place of defaults that are not those of a prediction.

    Parameters
    ----------
    graph_def : GraphDef
    names : list of str
        Placeholders with a default.

    Returns
    -------
    dict of str to str
        Without those whose default is right, or not known.
    """
    switches = Switches(graph_def)
    advised = {name: switches.advice(name) for name in names}
    defaults = {name: switches.default(name) for name in names}
    numbers = {"false": 0.0, "true": 1.0, "0": 0.0, "1": 1.0}
    return {
        name: value
        for name, value in advised.items()
        if value is not None and defaults[name] not in (None, numbers[value])
    }
