"""Train an exercise's network where the first command of a new user needs one."""

from legacy_gbp.cli.parser import Options
from legacy_gbp.cli.train import train_alone
from legacy_gbp.exercises.definitions import Exercise


def train_first(exercise: Exercise, prefix: str, data_dir: str) -> None:
    """Train with the default options, and say so.

    Parameters
    ----------
    exercise : Exercise
    prefix : str
        The checkpoint that is missing.
    data_dir : str
    """
    from legacy_gbp.cli.exercise_parser import exercise_parser

    command = f"run_{exercise.name}.py train"
    print(f"-- no checkpoint {prefix} yet: training one ({command})", flush=True)
    words = ["train", "--data-dir", data_dir]
    options = exercise_parser(exercise, "").parse_args(words, namespace=Options())
    train_alone(exercise, options)
