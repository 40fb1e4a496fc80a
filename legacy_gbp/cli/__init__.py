"""Command line: ``run_ex07.py``, ``run_ex08.py`` and ``legacy-gbp``.

One file per command has its arguments and its run. Options are checked here, before NumPy
or TensorFlow is imported: a command imports what it needs when it runs.
"""

import os
import sys
from typing import Any, List, Optional, Tuple

from legacy_gbp import __version__
from legacy_gbp.cli import (
    explain,
    help,
    inspect,
    jobscript,
    merge,
    selftest,
    show,
    synthesize,
)
from legacy_gbp.cli.exercise_parser import exercise_parser
from legacy_gbp.cli.exit_codes import DONE, FAILED, INTERRUPTED, exit_code_of
from legacy_gbp.cli.messages import for_command
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import Stopped
from legacy_gbp.exercises.definitions import EXERCISES, Exercise
from legacy_gbp.io.console import legible_libraries, print_fault, print_line

COMMANDS: Tuple[Any, ...] = (
    synthesize,
    show,
    inspect,
    explain,
    selftest,
    merge,
    jobscript,
    help,
)


def main(exercise: Exercise, argv: Optional[List[str]] = None) -> int:
    """Run one command of an exercise.

    Parameters
    ----------
    exercise : Exercise
    argv : list of str, optional
        ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        Exit code, see :mod:`legacy_gbp.cli.exit_codes`.
    """
    parser = exercise_parser(exercise, f"run_{exercise.name}.py")
    _add_version(parser)
    return _run(parser, argv)


def main_all(argv: Optional[List[str]] = None) -> int:
    """Run the ``legacy-gbp`` command: every exercise, synthetic data, any model, queues.

    Parameters
    ----------
    argv : list of str, optional
        ``sys.argv[1:]`` by default; none prints the help.

    Returns
    -------
    int
        Exit code, see :mod:`legacy_gbp.cli.exit_codes`.
    """
    parser = Parser(prog="legacy-gbp", description="Guided backpropagation for TF1 graphs.")
    _add_version(parser)
    commands = parser.add_subparsers(dest="tool", metavar="WHAT")
    for name, exercise in EXERCISES.items():
        sub = commands.add_parser(name, help=exercise.title)
        exercise_parser(exercise, "legacy-gbp " + name, sub)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.NAME,
            help=command.HELP,
            description=command.HELP,
            epilog=f"example: legacy-gbp {command.EXAMPLE}",
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run, exercise=None, parser=sub)
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help()
        return DONE
    return _run(parser, argv)


def _add_version(parser: Any) -> None:
    version = f"legacy_gbp {__version__}"
    parser.add_argument("--version", action="version", version=version)


def _run(parser: Any, argv: Optional[List[str]]) -> int:
    options = parser.parse_args(argv, namespace=Options())
    try:
        with legible_libraries():
            options.run(options)
    except BrokenPipeError:  # the reader of our output has left, as "| head" does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except (Exception, KeyboardInterrupt) as error:
        code = exit_code_of(error)
        if code == FAILED:
            sys.excepthook = print_fault
            raise
        _say_why(parser, options, error)
        return code
    return DONE


def _say_why(parser: Any, options: Options, error: BaseException) -> None:
    """Print one line on stderr; a stopped command has printed its own."""
    if isinstance(error, KeyboardInterrupt):
        message = "interrupted"
    elif isinstance(error, Stopped):
        return
    else:
        message = for_command(str(error), options.parser)
    print_line(f"{parser.prog}: {message}", to_stderr=True)
