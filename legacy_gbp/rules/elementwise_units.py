"""Element-wise functions made of several operations: found as units, whatever their spelling.

A unit begins at a tensor x and ends at a node all of whose dependence on the image goes
through x, number by number::

    x ──► relu ─────────► add ──► y          PReLU: relu(x) - a relu(-x)
    └───► neg ─► relu ─► mul ─┘

It is found where branches meet again (a node with several dependent inputs whose nearest
common ancestor is reached through element-wise operations alone), and where one operation
with a kink, such as maximum(x, 0), is a unit by itself. A unit goes backwards as one: its
operations keep the chain rule, and the backward rule is applied to their product.
:mod:`legacy_gbp.rules.unit_proof` decides whether a unit is a rectifier.
"""

from typing import Dict, FrozenSet, List, NamedTuple, Optional, Set

from legacy_gbp.graph.nodes import data_inputs, producer
from legacy_gbp.graph.operation_kinds import Kind
from legacy_gbp.graph.operation_table import classify
from legacy_gbp.rules.dependence import DependentNodes


class Unit(NamedTuple):
    """An element-wise function of one tensor.

    Attributes
    ----------
    last : str
        Its last node.
    x : str
        The tensor that it is a function of, as its nodes name it.
    inside : frozenset of str
        Its nodes, `last` included.
    kind : str
        The types of its operations, such as ``Maximum`` or ``Mul+Neg+Relu+Sub``.
    closed : bool
        Whether nobody else reads what is inside.
    """

    last: str
    x: str
    inside: FrozenSet[str]
    kind: str
    closed: bool


def find_units(graph: DependentNodes) -> List[Unit]:
    """Find the element-wise units of a graph.

    Parameters
    ----------
    graph : DependentNodes

    Returns
    -------
    list of Unit
        The outermost ones, in the order of the graph. A single ReLU, a sum of linear
        branches, and a ReLU beside its input are none.
    """
    ancestors = _Ancestors(graph)
    found: List[Unit] = []
    for name in ancestors.order:
        inside = ancestors.between(name)
        if inside and _is_unit(graph, name, inside):
            read = _read_from(graph, ancestors.nearest[name], inside)
            if len(read) == 1:  # two outputs of one node are two tensors
                found.append(_unit(graph, name, read.pop(), inside))
    nested: Set[str] = {name for unit in found for name in unit.inside - {unit.last}}
    return [unit for unit in found if unit.last not in nested]


def with_scaling(graph: DependentNodes, unit: Unit) -> Optional[Unit]:
    """Return a unit together with the constant factor behind it, as in (x + abs(x)) * 0.5.

    Parameters
    ----------
    graph : DependentNodes
    unit : Unit

    Returns
    -------
    Unit or None
        None where no such factor follows, or others read the unit too.
    """
    readers = [name for name in graph.readers.get(unit.last, ()) if name in graph.dependent]
    if len(readers) != 1 or classify(graph.nodes[readers[0]].op).kind is not Kind.PRODUCT:
        return None
    (scaling,) = readers
    if not (_is_elementwise(graph, scaling) and _is_linear(graph, scaling)):
        return None
    inside = unit.inside | {scaling}
    kind = "+".join(sorted({graph.nodes[node].op for node in inside}))
    return Unit(scaling, unit.x, inside, kind, unit.closed)


def _is_elementwise(graph: DependentNodes, name: str) -> bool:
    return classify(graph.nodes[name].op).elementwise


def _is_linear(graph: DependentNodes, name: str) -> bool:
    """Whether a node is linear in what depends on the image."""
    operation = classify(graph.nodes[name].op)
    if operation.kind is Kind.PRODUCT:
        places = graph.dependent_places(name)
        return len(places) == 1 and (operation.places == slice(None) or places == [0])
    if operation.kind is Kind.KINKED and graph.nodes[name].op in ("Select", "SelectV2"):
        return 0 not in graph.dependent_places(name)
    return operation.kind is Kind.LINEAR


def _is_unit(graph: DependentNodes, name: str, inside: Set[str]) -> bool:
    """Whether a region bends, and not just by one ReLU that takes its rule alone."""
    bent = [node for node in inside if not _is_linear(graph, node)]
    if not bent:
        return False
    rectifiers = [node for node in bent if classify(graph.nodes[node].op).kind is Kind.RECTIFIER]
    if len(inside) == 1:
        return classify(graph.nodes[name].op).kind is Kind.KINKED
    return len(rectifiers) != 1 or len(bent) != 1


def _unit(graph: DependentNodes, name: str, x: str, inside: Set[str]) -> Unit:
    kind = "+".join(sorted({graph.nodes[node].op for node in inside}))
    readers = [r for node in inside - {name} for r in graph.readers.get(node, ())]
    closed = all(reader in inside or reader not in graph.dependent for reader in readers)
    return Unit(name, x, frozenset(inside), kind, closed)


def _read_from(graph: DependentNodes, node: str, inside: Set[str]) -> Set[str]:
    """Return the tensors of a node that a region reads."""
    reads = [read for name in inside for read in data_inputs(graph.nodes[name])]
    return {read[:-2] if read.endswith(":0") else read for read in reads if producer(read) == node}


class _Ancestors:
    """The nearest node that all dependence of a node goes through: its dominator."""

    def __init__(self, graph: DependentNodes) -> None:
        self._graph = graph
        self.nearest: Dict[str, str] = {}
        self._depth: Dict[str, int] = dict.fromkeys(graph.inputs, 0)
        self.order = self._sorted()
        for name in self.order:
            common = self._common(graph.dependent_inputs(name))
            if common is not None:
                self.nearest[name] = common
                self._depth[name] = self._depth.get(common, 0) + 1
            else:
                self._depth[name] = 0

    def between(self, name: str) -> Set[str]:
        """Return the nodes from the nearest ancestor to a node; empty unless all element-wise."""
        x = self.nearest.get(name)
        if x is None or not _is_elementwise(self._graph, name):
            return set()
        inside: Set[str] = set()
        todo = [name]
        while todo:
            node = todo.pop()
            if node == x or node in inside:
                continue
            if node not in self._graph.nodes or not _is_elementwise(self._graph, node):
                return set()
            inside.add(node)
            todo += self._graph.dependent_inputs(node)
        return inside

    def _common(self, names: List[str]) -> Optional[str]:
        """Return the nearest common ancestor of some nodes, among the nodes themselves too."""
        if not names:
            return None
        common: Optional[str] = names[0]
        for other in names[1:]:
            common = self._meet(common, other)
        return common

    def _meet(self, one: Optional[str], other: Optional[str]) -> Optional[str]:
        while one != other:
            if one is None or other is None:
                return None
            if self._depth.get(one, 0) >= self._depth.get(other, 0):
                one = self.nearest.get(one)
            else:
                other = self.nearest.get(other)
        return one

    def _sorted(self) -> List[str]:
        """Sort the dependent nodes so that inputs come first; loops are cut at their back edges."""
        graph, done, order = self._graph, set(self._graph.inputs), []
        for start in graph.in_order():
            todo = [(start, False)]
            while todo:
                name, entered = todo.pop()
                if entered:
                    order.append(name)
                elif name not in done:
                    done.add(name)
                    todo.append((name, True))
                    todo += [(read, False) for read in graph.dependent_inputs(name)]
        return order
