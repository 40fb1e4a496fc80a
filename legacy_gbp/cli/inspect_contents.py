"""What ``inspect`` prints of any readable file: its contents, candidates, and a command to try."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from legacy_gbp.io.console import shell_word

MOST_LISTED = 24


class Plan(NamedTuple):
    """The likeliest ends of a model.

    Attributes
    ----------
    inputs : list of str
    output : str or None
    feeds : dict of str to str
        Values that are right for a prediction.
    unknown : list of str
        Placeholders that need a value which is not known.
    """

    inputs: List[str]
    output: Optional[str]
    feeds: Dict[str, str]
    unknown: List[str]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: the ends can be opened."""
        return bool(self.output and self.inputs) and not self.unknown

    def command(self, path: str, method: Optional[str] = None) -> str:
        """Return what explains the likeliest logits; IMAGES and VALUE are the user's.

        Parameters
        ----------
        path : str
        method : str, optional
            In place of the default.

        Returns
        -------
        str
            A command; an expression of Python for several inputs, which a command cannot take.
        """
        if len(self.inputs) > 1:
            return self._expression(path, method)
        words = ["legacy-gbp", "explain", path]
        for name in self.inputs:
            words += ["--input", name]
        if self.output:
            words += ["--output-tensor", self.output]
        for name, value in [*self.feeds.items(), *((name, "VALUE") for name in self.unknown)]:
            words += ["--feed", f"{name}={value}"]
        words += ["--method", method] if method else []
        return " ".join(map(shell_word, words)) + " --images IMAGES --figure maps.png"

    def _expression(self, path: str, method: Optional[str]) -> str:
        numbers = {name: _number(value) for name, value in self.feeds.items()}
        values = [f"{name!r}: {number}" for name, number in numbers.items()]
        values += [f"{name!r}: VALUE" for name in self.unknown]
        feeds = f", feeds={{{', '.join(values)}}}" if values else ""
        opened = (
            f"models.model_file({path!r}, input={self.inputs!r}, output={self.output!r}{feeds})"
        )
        images = ", ".join(f"IMAGES_{k + 1}" for k in range(len(self.inputs)))
        how = f", method={method!r}" if method else ""
        return (
            f"in Python: from legacy_gbp import explain, models; explain({opened}, ({images}){how})"
        )


def _number(value: str) -> str:
    return {"true": "True", "false": "False"}.get(value, value)


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
        return lines, Plan([], None, {}, [])
    from legacy_gbp.graph.suggested_ends import suggest_ends

    ends = suggest_ends(contents.graph_def)
    lines += _listed(list(_held(contents.graph_def, ends)))
    lines += _listed(list(_logits(contents.graph_def, ends)))
    lines += _doubt(ends)
    feeds = {name: value for name, value in ends.feeds.items() if value is not None}
    unknown = [name for name in ends.feeds if name not in feeds]
    return lines, Plan(ends.inputs, ends.output, feeds, unknown)


def _doubt(ends: Any) -> List[str]:
    """Return a line that says how many logits are equally likely, where several are."""
    if ends.alike < 2:
        return []
    return [
        f"doubt   {ends.alike} tensors are equally likely to be the logits; the first is tried, "
        "--output-tensor names another"
    ]


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
    names = [node.name for node in placeholders]
    names += [producer(name) for name in [*others, *ends.also]]
    shapes, switches = StaticShapes(prune(graph_def, names)), Switches(graph_def)
    for node in placeholders:
        text = described(shapes, f"{node.name}:0") + _use(node.name, ends, switches)
        default = ", has a default" if node.op == "PlaceholderWithDefault" else ""
        yield f"feeds   {text}{default}"
    for name in others:
        yield f"feeds   {described(shapes, name)}: {_likely(ends)}, computed in the graph"
    for name in ends.also:
        yield f"feeds   {described(shapes, name)}: could be the input too, computed in the graph"


def _use(name: str, ends: Any, switches: Any) -> str:
    """Say what a placeholder is for: an input, a switch, or something that needs a value."""
    if f"{name}:0" in ends.inputs:
        return f": {_likely(ends)}"
    value = switches.advice(name)
    if value is not None:
        return f": for a prediction --feed {name}={value}"
    return f": needs a value, --feed {name}=VALUE" if name in ends.feeds else ""


def _likely(ends: Any) -> str:
    if len(ends.inputs) == 1:
        return "the likeliest input"
    return "an input; the logits need all" if ends.output else "could be the input"


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
