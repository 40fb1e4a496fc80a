"""What ``inspect`` prints of any readable file: its contents, candidates, and a command to try."""

import shlex
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

MOST_LISTED = 24


class Plan(NamedTuple):
    """The likeliest ends of a model.

    Attributes
    ----------
    inputs : list of str
    output : str or None
    feeds : dict of str to str
        Values that are right for a prediction.
    complete : bool
        Whether a command with these ends can work: nothing is missing.
    """

    inputs: List[str]
    output: Optional[str]
    feeds: Dict[str, str]
    complete: bool

    def advice(self, path: str, opens: bool) -> Iterator[str]:
        """Yield what to try next.

        Parameters
        ----------
        path : str
        opens : bool
            Whether the model opens with these ends.

        Yields
        ------
        str
            A command; for several inputs, which the command does not take, Python.
        """
        if len(self.inputs) > 1:
            inputs = ", ".join(map(repr, self.inputs))
            yield (
                f"try     in Python: models.model_file({path!r}, input=[{inputs}], "
                f"output={self.output!r}, feeds={self.feeds!r})"
            )
        elif self.output or opens:
            yield f"try     {self._command(path)}"

    def _command(self, path: str) -> str:
        words = ["legacy-gbp", "explain", path]
        for name in self.inputs:
            words += ["--input", name]
        if self.output:
            words += ["--output-tensor", self.output]
        for name, value in self.feeds.items():
            words += ["--feed", f"{name}={value}"]
        return " ".join(map(shlex.quote, words)) + " --images IMAGES --figure maps.png"


def lines_and_plan(contents: Any) -> Tuple[List[str], Plan]:
    """Return what a file holds, a line each, and its likeliest ends.

    Parameters
    ----------
    contents : legacy_gbp.models.contents.Contents

    Returns
    -------
    lines : list of str
    plan : Plan
    """
    lines = [f"weights {text}" for text in _listed(list(contents.weights))]
    for signature in contents.signatures:
        arguments = ", ".join(f"{key}={name}" for key, name in signature.arguments.items())
        results = ", ".join(f"{key}={name}" for key, name in signature.results.items())
        lines.append(f"signs   {signature.name}: {arguments} -> {results}")
    if contents.graph_def is None:
        return lines, Plan([], None, {}, False)
    from legacy_gbp.graph.suggested_ends import suggest_ends

    ends = suggest_ends(contents.graph_def)
    lines += _listed(list(_held(contents.graph_def, ends)))
    lines += _listed(list(_logits(contents.graph_def, ends)))
    feeds = {name: value for name, value in ends.feeds.items() if value is not None}
    complete = bool(ends.output and ends.inputs) and len(feeds) == len(ends.feeds)
    return lines, Plan(ends.inputs, ends.output, feeds, complete)


def _held(graph_def: Any, ends: Any) -> Iterator[str]:
    """Yield the placeholders, and other tensors that could be fed."""
    from legacy_gbp.graph.flag_values import PLACEHOLDERS, Switches
    from legacy_gbp.graph.nodes import producer
    from legacy_gbp.graph.prune import prune
    from legacy_gbp.graph.static_shapes import StaticShapes

    placeholders = [
        node
        for node in graph_def.node
        if node.op in PLACEHOLDERS and not (node.op != "Placeholder" and _is_text(node))
    ]  # without the file names of savers
    others = [
        name for name in ends.inputs if producer(name) not in {node.name for node in placeholders}
    ]
    names = [node.name for node in placeholders] + [producer(name) for name in others]
    shapes, switches = StaticShapes(prune(graph_def, names)), Switches(graph_def)
    for node in placeholders:
        tensor = f"{node.name}:0"
        text = described(shapes, tensor)
        value = None if tensor in ends.inputs else switches.advice(node.name)
        if tensor in ends.inputs:
            text += ": the likeliest input" if len(ends.inputs) == 1 else ": could be the input"
        elif value is not None:
            text += f": for a prediction --feed {node.name}={value}"
        elif node.name in ends.feeds:
            text += f": needs a value, --feed {node.name}=VALUE"
        default = ", has a default" if node.op == "PlaceholderWithDefault" else ""
        yield f"feeds   {text}{default}"
    for name in others:
        likely = "the likeliest input" if len(ends.inputs) == 1 else "could be the input"
        yield f"feeds   {described(shapes, name)}: {likely}, computed in the graph"


def _is_text(node: Any) -> bool:
    from legacy_gbp.graph.flag_values import dtype_of

    dtype = dtype_of(node)
    return dtype is None or dtype.name == "string"


def _logits(graph_def: Any, ends: Any) -> Iterator[str]:
    """Yield the candidates for the logits, the likeliest first."""
    from legacy_gbp.graph.nodes import producer
    from legacy_gbp.graph.prune import prune
    from legacy_gbp.graph.static_shapes import StaticShapes

    names = [producer(candidate.name) for candidate in ends.logits]
    shapes = StaticShapes(prune(graph_def, names))
    for candidate in ends.logits:
        why = {
            "loss": f"logits of the loss {candidate.reader}",
            "activation": f"read by {candidate.reader}",
            "unread": "nothing reads it",
            "last layer": "the last layer",
            "parts": "what the others are parts of",
        }[candidate.evidence]
        yield f"logits? {described(shapes, candidate.name)}: {why}"


def described(shapes: Any, name: str) -> str:
    """Return a tensor's name, type and shape.

    Parameters
    ----------
    shapes : legacy_gbp.graph.static_shapes.StaticShapes
    name : str

    Returns
    -------
    str
    """
    dtype, shape = shapes.dtype(name), shapes.shape(name)
    sizes = "(unknown)" if shape is None else shape_text(shape)
    return f"{name} {dtype.name if dtype is not None else 'unknown'} {sizes}"


def shape_text(shape: Any) -> str:
    """Return a shape in parentheses, ``?`` for an open size.

    Parameters
    ----------
    shape : sequence of int or None

    Returns
    -------
    str
    """
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"


def _listed(lines: List[str]) -> List[str]:
    rest = len(lines) - MOST_LISTED
    return lines[:MOST_LISTED] + ([f"        and {rest} more"] if rest > 0 else [])
