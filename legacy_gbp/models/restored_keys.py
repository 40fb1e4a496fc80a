"""Which key of a checkpoint each variable of a graph is restored from, read off the graph.

A saver of TensorFlow 1 lies in the graph: ``RestoreV2 -> Identity -> Assign -> VariableV2``, or
``AssignVariableOp -> VarHandleOp``. In a SavedModel of TensorFlow 2 the restore operation calls
a function, which holds the same and has the variables for arguments. Nothing of it runs.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from legacy_gbp.graph.freeze import VARIABLES
from legacy_gbp.graph.nodes import by_name, called, data_inputs, producer
from legacy_gbp.graph.traverse import reached

ASSIGNMENTS = ("Assign", "AssignVariableOp")
PASSING = ("Identity", "Reshape")


class Place(NamedTuple):
    """Where a checkpoint holds a variable.

    Attributes
    ----------
    key : str
    part : str
        The slice as the saver writes it: empty, or such as ``10 4 0,5:-`` for a part of what
        the key holds.
    """

    key: str
    part: str


def restored_keys(graph_def: Any, restore_op: str = "") -> Dict[str, Place]:
    """Return where the saver of a graph restores its variables from.

    Parameters
    ----------
    graph_def : GraphDef
    restore_op : str
        The operation that restores, as the saver names it. Without it all assignments of the
        graph count: a graph may hold several savers, of which one reads other keys.

    Returns
    -------
    dict of str to Place
        By the names of the variables; those that nothing restores, or nothing that can be read
        here, are left out.
    """
    nodes = by_name(graph_def)
    start = producer(restore_op)
    if start in nodes:
        names = reached([start], lambda name: _inputs(nodes, name))
        nodes = {name: node for name, node in nodes.items() if name in names}
    functions = {function.signature.name: function for function in graph_def.library.function}
    found: Dict[str, Place] = {}
    bodies = [_Body(nodes, {})]
    entered: Set[str] = set()  # once each: a function may call itself
    while bodies:
        body = bodies.pop()
        found.update(body.assigned())
        for node in body.nodes.values():
            for name in called(node):
                if name in functions and name not in entered:
                    entered.add(name)
                    bodies.append(_body_of(functions[name], node, body))
    return found


def _inputs(nodes: Mapping[str, Any], name: str) -> List[str]:
    return [producer(read) for read in nodes[name].input if producer(read) in nodes]


class _Body:
    """The operations of the graph or of a function, whose arguments may be variables."""

    def __init__(self, nodes: Mapping[str, Any], arguments: Mapping[str, str]) -> None:
        self.nodes, self._arguments = nodes, arguments
        self._texts: Dict[str, List[bytes]] = {}

    def assigned(self) -> Dict[str, Place]:
        """Return the variables that restore operations are assigned to."""
        found = {}
        for node in self.nodes.values():
            read = data_inputs(node)
            if node.op not in ASSIGNMENTS or len(read) < 2:
                continue
            variable, place = self.variable(read[0]), self._place(read[1])
            if variable is not None and place is not None:
                found[variable] = place
        return found

    def variable(self, name: str) -> Optional[str]:
        """Return the variable of the graph that an input is."""
        source = producer(self._source(name))
        if source in self._arguments:
            return self._arguments[source]
        node = self.nodes.get(source)
        return source if node is not None and node.op in VARIABLES else None

    def _source(self, name: str) -> str:
        """Return the tensor that identities pass on."""
        seen: Set[str] = set()
        while producer(name) not in seen:
            seen.add(producer(name))
            node = self.nodes.get(producer(name))
            if node is not None and node.op in PASSING and data_inputs(node):
                name = data_inputs(node)[0]
        return name

    def _place(self, name: str) -> Optional[Place]:
        """Return what a restore operation reads for a tensor."""
        source = self._source(name)
        restore = self.nodes.get(producer(source))
        if restore is None or restore.op != "RestoreV2" or len(data_inputs(restore)) < 3:
            return None
        number = source.rpartition(":")[2] if ":" in source else "0"
        named = [self._text(read, number) for read in data_inputs(restore)[1:3]]
        return None if named[0] is None else Place(named[0], named[1] or "")

    def _text(self, name: str, number: str) -> Optional[str]:
        """Return an element of a constant of texts."""
        node = self.nodes.get(producer(name))
        if node is None or node.op != "Const":
            return None
        if node.name not in self._texts:
            self._texts[node.name] = list(node.attr["value"].tensor.string_val)
        texts = self._texts[node.name]
        if not texts or not number.isdigit():
            return None
        # A constant of equal elements stores one.
        text = texts[min(int(number), len(texts) - 1)]
        return text.decode("utf-8", "replace")


def _body_of(function: Any, call: Any, caller: _Body) -> _Body:
    arguments = {}
    for argument, read in zip(function.signature.input_arg, data_inputs(call)):
        variable = caller.variable(read)
        if variable is not None:
            arguments[argument.name] = variable
    return _Body({node.name: node for node in function.node_def}, arguments)


def slices_of(part: str) -> Tuple[slice, ...]:
    """Return the slices of a part such as ``10 4 0,5:-``.

    Parameters
    ----------
    part : str
        A shape, and start and length of every axis; ``-`` for all of an axis.

    Returns
    -------
    tuple of slice

    Raises
    ------
    ValueError
        For another text.
    """
    ranges = [axis.split(",") for axis in part.split(" ")[-1].split(":")]
    return tuple(
        slice(None) if axis == ["-"] else slice(int(axis[0]), int(axis[0]) + int(axis[1]))
        for axis in ranges
    )
