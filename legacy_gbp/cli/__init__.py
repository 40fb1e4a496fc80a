"""Command line: ``run_ex07.py``, ``run_ex08.py`` and ``legacy-gbp``.

Options are checked here, before NumPy or TensorFlow is imported.
"""

import importlib
import os
import sys

from legacy_gbp.cli.exercise_options import Options, exercise_parser
from legacy_gbp.cli.model_options import add_models
from legacy_gbp.cli.parser import REFUSED, Parser
from legacy_gbp.cli.queue_options import add_tasks
from legacy_gbp.cli.synthetic_options import add_synthetic
from legacy_gbp.errors import InputError, Stopped
from legacy_gbp.exercises.definitions import EXERCISES

DONE, STOPPED, INTERRUPTED = 0, 75, 130


def main(exercise, argv=None):
    """Run one command of an exercise.

    Parameters
    ----------
    exercise : Exercise
    argv : list of str, optional
        ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        Exit code: 0 done, 2 refused with one line on stderr, 75 stopped by a signal
        and can go on, 130 interrupted or left by the reader of its output.
    """
    parser = exercise_parser(exercise, f"run_{exercise.name}.py")
    return _run(parser, argv)


def main_all(argv=None):
    """The ``legacy-gbp`` command: every exercise, synthetic data, any model, queues."""
    parser = Parser(prog="legacy-gbp", description="Guided backpropagation for TF1 graphs.")
    commands = parser.add_subparsers(dest="tool", metavar="WHAT")
    commands.required = True
    for name, exercise in EXERCISES.items():
        sub = commands.add_parser(name, help=exercise.title)
        exercise_parser(exercise, "legacy-gbp " + name, sub)
    add_synthetic(commands)
    add_models(commands)
    add_tasks(commands)
    return _run(parser, argv)


def _run(parser, argv):
    options = parser.parse_args(argv, namespace=Options())
    try:
        importlib.import_module(options.module).run(options.exercise, options)
    except InputError as error:
        return _leave(parser, error, REFUSED)
    except Stopped:
        return STOPPED
    except BrokenPipeError:  # the reader of our output has left, as "| head" does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except OSError as error:  # such as a log on a full disk
        return _leave(parser, error, REFUSED)
    except KeyboardInterrupt:
        return _leave(parser, "interrupted", INTERRUPTED)
    return DONE


def _leave(parser, why, code):
    line = str(why).replace("\n", "\\n")
    print(f"{parser.prog}: {line}", file=sys.stderr, flush=True)
    return code
