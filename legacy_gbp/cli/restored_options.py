"""The options that predict and gbprop share."""

from legacy_gbp.cli import option_types
from legacy_gbp.cli.outputs import add_overwrite
from legacy_gbp.cli.parser import Parser
from legacy_gbp.exercises.definitions import Exercise


def add_data_dir(parser: Parser) -> None:
    """Add the folder of the data files.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the .h5 files (DATADIR, else a small synthetic set)",
    )


def add_requeue(parser: Parser) -> None:
    """Add whether a stopped Slurm job goes back into the queue.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument(
        "--requeue", action="store_true", help="put the Slurm job back when it is stopped"
    )


def add_restored_arguments(parser: Parser, exercise: Exercise, what: str) -> None:
    """Add data files, checkpoint, destination and shard.

    Parameters
    ----------
    parser : Parser
    exercise : Exercise
    what : str
        What the command writes.
    """
    add_data_dir(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="data files instead of the original selection"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="PREFIX",
        type=option_types.path,
        help=f"ours or one of the 2016 program ({exercise.checkpoint})",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=option_types.path, help=f"write the {what} to HDF5"
    )
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=option_types.path,
        help=f"one file of {what} for each data file instead; finished ones are kept",
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        type=option_types.shard,
        help="take the data files I, I+N, ... (the task of a Slurm or LSF array, else all)",
    )
    add_overwrite(parser)
    add_requeue(parser)
    parser.add_argument(
        "--batch-size",
        type=option_types.positive,
        metavar="N",
        help=f"shots at a time ({exercise.predict_batch_size})",
    )
