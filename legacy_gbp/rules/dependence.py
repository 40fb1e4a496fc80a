"""Which nodes carry values of the image to the output, and through which of their inputs."""

from typing import Any, Dict, Iterable, List, Set

from legacy_gbp.graph.nodes import data_inputs, producer
from legacy_gbp.graph.operation_kinds import Kind
from legacy_gbp.graph.operation_table import classify


class DependentNodes:
    """The nodes of a graph, or of a function's body, between its inputs and its outputs.

    Parameters
    ----------
    nodes : iterable of NodeDef
    inputs : iterable of str
        Names of the nodes, or arguments, that hold the image.
    outputs : iterable of str
        Names of the nodes whose values are wanted.

    Attributes
    ----------
    nodes : dict of str to NodeDef
        All nodes.
    inputs : set of str
    dependent : set of str
        Nodes whose values depend on the image and that an output needs. An operation whose
        output does not carry the values, such as a shape, is not one.
    """

    def __init__(self, nodes: Iterable[Any], inputs: Iterable[str], outputs: Iterable[str]) -> None:
        self.nodes: Dict[str, Any] = {node.name: node for node in nodes}
        self.inputs = set(inputs)
        self._reads: Dict[str, List[str]] = {
            name: [producer(read) for read in data_inputs(node)]
            for name, node in self.nodes.items()
        }
        self.readers: Dict[str, List[str]] = {}
        for name, reads in self._reads.items():
            for read in dict.fromkeys(reads):
                self.readers.setdefault(read, []).append(name)
        valueless = {
            name for name, node in self.nodes.items() if classify(node.op).kind is Kind.VALUELESS
        }
        valued = {name: reads for name, reads in self._reads.items() if name not in valueless}
        needed = self._reached(outputs, valued)
        carrying = {
            name: [reader for reader in readers if reader not in valueless]
            for name, readers in self.readers.items()
        }
        self.dependent = (self._reached(self.inputs, carrying) & needed) - self.inputs

    def carries(self, name: str) -> bool:
        """Return whether a node holds the image or depends on it.

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        return name in self.dependent or name in self.inputs

    def dependent_places(self, name: str) -> List[int]:
        """Return the places of the data inputs of a node that depend on the image.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of int
        """
        return [place for place, read in enumerate(self._reads[name]) if self.carries(read)]

    def dependent_inputs(self, name: str) -> List[str]:
        """Return the nodes that a node reads and that depend on the image.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of str
            Without repetitions.
        """
        return [read for read in dict.fromkeys(self._reads[name]) if self.carries(read)]

    def count_inputs(self, name: str) -> int:
        """Return the number of data inputs of a node.

        Parameters
        ----------
        name : str

        Returns
        -------
        int
        """
        return len(self._reads[name])

    def in_order(self) -> List[str]:
        """Return the dependent nodes, in the order of the graph.

        Returns
        -------
        list of str
        """
        return [name for name in self.nodes if name in self.dependent]

    def sources_of(self, outputs: Iterable[str]) -> Set[str]:
        """Return all nodes that some nodes need, dependent or not.

        Parameters
        ----------
        outputs : iterable of str

        Returns
        -------
        set of str
        """
        return self._reached(outputs, self._reads) & set(self.nodes)

    @staticmethod
    def _reached(starts: Iterable[str], neighbours: Dict[str, List[str]]) -> Set[str]:
        found = set(starts)
        todo = list(found)
        while todo:
            for name in neighbours.get(todo.pop(), ()):
                if name not in found:
                    found.add(name)
                    todo.append(name)
        return found
