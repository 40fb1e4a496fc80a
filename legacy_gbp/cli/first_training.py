"""Train an exercise's network where the first command of a new user needs one."""

import os

from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.train import add_arguments, command_of, train_alone
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.checkpoint_files import INDEX
from legacy_gbp.io.console import print_line
from legacy_gbp.io.unfinished import RESUME, check_finished, unfinished_training


def train_first(exercise: Exercise, prefix: str, data_dir: str) -> None:
    """Train with the default options where there is no finished checkpoint, and say so.

    A first training that was interrupted goes on. Another training that has not ended is
    refused: its checkpoint must not be replaced.

    Parameters
    ----------
    exercise : Exercise
    prefix : str
        The checkpoint that is missing or not finished.
    data_dir : str

    Raises
    ------
    InputError
        For the checkpoint of another training, or of one that is going on.
    Stopped
        When a signal stopped the training.
    """
    command = f"run_{exercise.name}.py train"
    parser = Parser(prog=command)
    add_arguments(parser, exercise)
    parser.set_defaults(command="train", exercise=exercise, parser=parser)
    words = ["--data-dir", data_dir]
    found, exists = unfinished_training(prefix), os.path.exists(prefix + INDEX)
    if found and exists:
        words += ["--resume", "auto"]
    options = parser.parse_args(words, namespace=Options())
    if found and (found.runs_in or found.command not in (None, command_of(exercise, options))):
        check_finished(prefix)
        return  # it ended meanwhile
    if not exists:
        print_line(f"-- no checkpoint {prefix} yet: training one ({command})")
    else:
        resumed = os.path.exists(prefix + RESUME)
        doing = "going on with it" if resumed else "no state is left, training anew"
        print_line(f"-- the training of {prefix} was interrupted: {doing} ({command})")
    train_alone(exercise, options)
