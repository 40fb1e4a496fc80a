"""Which value of a truth value trains: that whose branch draws random numbers or updates.

A condition on a flag has a dropout, moments of the batch or updates of averages in the branch
of the training alone. The name of a flag says less: ``mode``, ``phase``, or nothing.
"""

import re
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from legacy_gbp.graph.nodes import data_inputs, output_number, producer

PASSING = ("Identity", "PlaceholderWithDefault")
SWITCHES, MERGES = ("Switch", "RefSwitch"), ("Merge", "RefMerge")
IFS = ("If", "StatelessIf")
TRAINING = re.compile(r"(Stateless)?(Random|TruncatedNormal).*|Assign(Add|Sub).*|Assign")


class FlagBranches:
    """The branches of the conditions of a graph.

    Parameters
    ----------
    graph_def : GraphDef
    readers : dict of str to list of NodeDef
        What reads each node.
    """

    def __init__(self, graph_def: Any, readers: Dict[str, List[Any]]) -> None:
        self._readers = readers
        self._functions = {f.signature.name: f for f in graph_def.library.function}

    def training_value(self, name: str) -> Optional[bool]:
        """Return the value of a flag that trains.

        Parameters
        ----------
        name : str
            Of a placeholder of a truth value.

        Returns
        -------
        bool or None
            None where no branch, or both branches, look like a training.
        """
        found: Set[bool] = set()
        for reader, at, negated in self._deciding(name):
            sides = self._sides_of_if(reader) if reader.op in IFS else self._sides(reader, at)
            found |= {side != negated for side in sides}
        return found.pop() if len(found) == 1 else None

    def _deciding(self, name: str) -> Iterator[Tuple[Any, str, bool]]:
        """Yield what a flag or its negation decides, with what it reads, and whether negated."""
        todo, known = [(name, False)], {name}
        for at, negated in todo:  # grows
            for reader in self._readers.get(at, ()):
                if reader.op in (*SWITCHES, *IFS):
                    yield reader, at, negated
                elif reader.op in (*PASSING, "LogicalNot") and reader.name not in known:
                    known.add(reader.name)
                    todo.append((reader.name, negated != (reader.op == "LogicalNot")))

    def _sides(self, switch: Any, flag: str) -> Set[bool]:
        """Return the outputs of a Switch behind which something trains."""
        if producer(data_inputs(switch)[1]) != flag:
            return set()
        return {side for side in (False, True) if self._trains(switch.name, int(side))}

    def _trains(self, switch: str, number: int) -> bool:
        todo = [
            reader
            for reader in self._readers.get(switch, ())
            if any(producer(r) == switch and output_number(r) == number for r in reader.input)
        ]
        known: Set[str] = set()
        while todo:
            node = todo.pop()
            if node.name in known or node.op in MERGES:
                continue
            known.add(node.name)
            if _is_training(node):
                return True
            todo += self._readers.get(node.name, ())
        return False

    def _sides_of_if(self, node: Any) -> Set[bool]:
        """Return the branches of an If whose function trains."""
        names = {
            True: node.attr["then_branch"].func.name,
            False: node.attr["else_branch"].func.name,
        }
        return {
            side
            for side, name in names.items()
            if name in self._functions and any(map(_is_training, self._functions[name].node_def))
        }


def _is_training(node: Any) -> bool:
    if node.op.startswith("FusedBatchNorm") and "Grad" not in node.op:
        return "is_training" not in node.attr or bool(node.attr["is_training"].b)
    return bool(TRAINING.fullmatch(node.op))
