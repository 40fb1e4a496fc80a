"""The exceptions of this package. Every message is advice: the value, its place, the remedy.

A message names parameters in backticks, as Python has them: ``give a smaller `batch_size```.
The command line shows the option in their place (:mod:`legacy_gbp.cli.messages`).
"""

import difflib
import re
from typing import Iterable, List, NamedTuple, Sequence

MOST_LISTED = 5
GRAPH_ERROR = "Graph execution error:"  # how TensorFlow 2 begins the errors of a run


class LegacyGbpError(Exception):
    """Base of all errors of this package.

    The message is one line. A command prints it on stderr and exits with code 2.
    """


class InputError(LegacyGbpError, ValueError):
    """An argument, a data file or an image cannot be used."""


class ModelError(InputError):
    """A model file or graph cannot be used."""


class OutputError(LegacyGbpError, OSError):
    """A result cannot be written."""


class Finding(NamedTuple):
    """One nonlinearity between the input and the output of a graph.

    Attributes
    ----------
    name : str
        Of the operation; operations of functions as ``call/operation``.
    kind : str
        Its operation type, or the composite rectifier that it belongs to.
    took : bool
        Whether the rule reached it.
    """

    name: str
    kind: str
    took: bool


class MissedRuleError(ModelError):
    """A rule did not reach every nonlinearity.

    Parameters
    ----------
    rule : str
        A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.
    findings : sequence of Finding
        All findings of the audit.

    Attributes
    ----------
    findings : list of Finding
        Those that the rule missed.
    """

    def __init__(self, rule: str, findings: Sequence[Finding]) -> None:
        self.findings: List[Finding] = [finding for finding in findings if not finding.took]
        listed = shortened([f"{finding.name} ({finding.kind})" for finding in self.findings])
        super().__init__(
            f"rule {rule!r} missed {len(self.findings)} of {len(findings)} nonlinearities: "
            f"{listed}; use a method without a rule, such as gradient or integrated, or let them "
            "go backwards by the chain rule: `allow_partial`"
        )


class Stopped(Exception):  # noqa: N818 - like KeyboardInterrupt, it is no error
    """A signal stopped the work, which can go on later.

    The message names the signal. Commands exit with code 75 (EX_TEMPFAIL: try again later).
    """


def shortened(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """Join names by commas; count those beyond the first `most`.

    Parameters
    ----------
    names : sequence of str
    most : int
        1 or more.

    Returns
    -------
    str
        Such as ``"a, b and 3 more"``.
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the first line of an error's message that says why, cut after `most` characters.

    Parameters
    ----------
    error : BaseException
    most : int

    Returns
    -------
    str
        The class name where the message is empty.
    """
    lines = [line.strip() for line in str(error).strip().splitlines()]
    if lines[:1] == [GRAPH_ERROR]:  # its traceback comes first
        nodes = [number for number, line in enumerate(lines) if line.startswith("Node: ")]
        rest = lines[nodes[-1] + 1 :] if nodes else [line for line in lines[1:] if line]
        lines = rest or lines
    if len(lines) > 1 and lines[0].endswith("root error(s) found."):
        lines = [re.sub(r"^\(0\) [A-Z_]+: ", "", lines[1])]
    return lines[0][:most] if lines else type(error).__name__


def near_names(wanted: str, names: Iterable[str]) -> str:
    """Say which names resemble the wanted one.

    Parameters
    ----------
    wanted : str
    names : iterable of str
        Parts between slashes count as names too.

    Returns
    -------
    str
        The end of a message: five names at most, or the command that lists them.
    """
    parts = {part for name in names for part in [name, *name.split("/")]}
    near = difflib.get_close_matches(wanted, sorted(parts), n=5, cutoff=0.5)
    return f"near names: {', '.join(near)}" if near else "'legacy-gbp inspect' lists its layers"
