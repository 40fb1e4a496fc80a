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
from legacy_gbp.cli.exit_codes import DONE, FAILED, INTERRUPTED, REFUSED, end_process, exit_code_of
from legacy_gbp.cli.faults import what_ended_it, what_went_wrong
from legacy_gbp.cli.limits import Limits, add_limit_arguments, limits_of, remove_unfinished
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


def main(exercise: Exercise, argv: Optional[List[str]] = None, is_supervised: bool = False) -> int:
    """Run one command of an exercise.

    Parameters
    ----------
    exercise : Exercise
    argv : list of str, optional
        ``sys.argv[1:]`` by default.
    is_supervised : bool
        Whether a command that reads files of strangers runs in a child process, see
        :mod:`legacy_gbp.cli.supervisor`. For a process that does nothing else.

    Returns
    -------
    int
        Exit code, see :mod:`legacy_gbp.cli.exit_codes`.
    """
    parser = exercise_parser(exercise, f"run_{exercise.name}.py")
    _add_version(parser)
    return _run(parser, argv, is_supervised)


def program() -> int:
    """Run the ``legacy-gbp`` command as a program of its own.

    Returns
    -------
    int
        Exit code, see :mod:`legacy_gbp.cli.exit_codes`.
    """
    return main_all(is_supervised=True)


def main_all(argv: Optional[List[str]] = None, is_supervised: bool = False) -> int:
    """Run the ``legacy-gbp`` command: every exercise, synthetic data, any model, queues.

    Parameters
    ----------
    argv : list of str, optional
        ``sys.argv[1:]`` by default; none prints the help.
    is_supervised : bool
        Whether a command that reads files of strangers runs in a child process, see
        :mod:`legacy_gbp.cli.supervisor`. For a process that does nothing else.

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
        add_limit_arguments(sub, command.NAME)
        sub.set_defaults(run=command.run, exercise=None, parser=sub)
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help()
        return DONE
    return _run(parser, argv, is_supervised)


def _add_version(parser: Any) -> None:
    version = f"legacy_gbp {__version__}"
    parser.add_argument("--version", action="version", version=version)


def _run(parser: Any, argv: Optional[List[str]], is_supervised: bool) -> int:
    options = parser.parse_args(argv, namespace=Options())
    limits = limits_of(options)
    if is_supervised and limits is not None:
        _watch_over_child(parser, options, limits)
    try:
        with legible_libraries():
            options.run(options)
    except BrokenPipeError:  # the reader of our output has left, as "| head" does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except (Exception, KeyboardInterrupt) as error:
        code = exit_code_of(error)
        if code != FAILED:
            _say_why(parser, options, error)
            return code
        if limits is None or options.traceback:
            sys.excepthook = print_fault
            raise
        _say(parser, options, what_went_wrong(options, error))
        return REFUSED
    return DONE


def _watch_over_child(parser: Any, options: Options, limits: Limits) -> None:
    """Fork: the child returns, and works; the parent ends as the child does."""
    from legacy_gbp.cli.supervisor import can_supervise, end_alike, supervise

    end = supervise(limits) if can_supervise() else None
    if end is None:
        return
    message = what_ended_it(options, limits, end)
    if message is None:
        end_process(end_alike(end))
    else:
        remove_unfinished(options)
        _say(parser, options, message)
        end_process(REFUSED)


def _say_why(parser: Any, options: Options, error: BaseException) -> None:
    """Print one line on stderr; a stopped command has printed its own."""
    if isinstance(error, KeyboardInterrupt):
        _say(parser, options, "interrupted")
    elif not isinstance(error, Stopped):
        _say(parser, options, str(error))


def _say(parser: Any, options: Options, message: str) -> None:
    line = for_command(message, options.parser)
    print_line(f"{parser.prog}: {line}", to_stderr=True)
