"""``train``: fit the exercise's network and keep the best checkpoint."""

import atexit
import os
from typing import Any, List, NamedTuple, Optional, Sequence

from legacy_gbp.batch.environment import in_a_job
from legacy_gbp.batch.requeue import requeue
from legacy_gbp.batch.signals import Received, stop_signals
from legacy_gbp.batch.slurm_step import SlurmStep, slurm_step
from legacy_gbp.cli import option_types
from legacy_gbp.cli.exit_codes import FAILED, end_process, exit_code_of
from legacy_gbp.cli.outputs import add_overwrite
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.restored_options import add_data_dir, add_requeue
from legacy_gbp.errors import InputError, OutputError, Stopped
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io import destinations
from legacy_gbp.io.atomic import check_destination
from legacy_gbp.io.checkpoint_files import DATA, INDEX, META, finish_own_saves, is_of_this_program
from legacy_gbp.io.console import print_line, shell_word
from legacy_gbp.io.destinations import Output, check_outputs
from legacy_gbp.io.sources import files_read
from legacy_gbp.io.unfinished import NOTE

HELP = "fit the network"
EXAMPLE = "train --seed 1"
PLACES = (
    "checkpoint", "data_dir", "final_checkpoint", "logdir", "train_files", "validation_files",
)  # fmt: skip
NOT_REPEATED = ("help", "resume")


def add_arguments(parser: Parser, exercise: Exercise) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    exercise : Exercise
    """
    _add_data_arguments(parser)
    _add_checkpoint_arguments(parser, exercise)
    parser.add_argument(
        "--batch-size",
        type=option_types.positive,
        metavar="N",
        help=f"shots a step ({exercise.batch_size})",
    )
    parser.add_argument(
        "--epochs", type=option_types.positive, metavar="N", help=f"passes ({exercise.epochs})"
    )
    parser.add_argument(
        "--seed", type=option_types.seed, default=1, metavar="N", help="of weights and shuffles (1)"
    )
    parser.add_argument(
        "--preprocess",
        type=option_types.preprocess,
        default="none",
        metavar="KIND",
        help="none, log-mean or log-threshold; stored with the checkpoint (none)",
    )
    parser.add_argument(
        "--logdir", metavar="DIR", type=option_types.path, help="write TensorBoard scalars here"
    )
    _add_resume_arguments(parser)
    add_overwrite(parser)
    add_requeue(parser)


def _add_data_arguments(parser: Parser) -> None:
    add_data_dir(parser)
    parser.add_argument(
        "--data",
        choices=("full", "test"),
        default="full",
        help="test reads one training file of each run (full)",
    )
    parser.add_argument(
        "--train-files", nargs="+", metavar="FILE", help="train on these instead of the original"
    )
    parser.add_argument(
        "--validation-files", nargs="+", metavar="FILE", help="validate on these instead"
    )


def _add_checkpoint_arguments(parser: Parser, exercise: Exercise) -> None:
    parser.add_argument(
        "--checkpoint",
        metavar="PREFIX",
        type=option_types.path,
        help=f"where the best goes ({exercise.checkpoint})",
    )
    if exercise.final_checkpoint:
        parser.add_argument(
            "--final-checkpoint",
            metavar="PREFIX",
            type=option_types.path,
            help=f"where the last goes ({exercise.final_checkpoint}, beside the best)",
        )
    else:
        parser.set_defaults(final_checkpoint=None)


def _add_resume_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--save-steps", type=option_types.positive, metavar="N", help="keep the state every N steps"
    )
    parser.add_argument(
        "--save-minutes",
        type=option_types.positive,
        default=10,
        metavar="M",
        help="and every M minutes (10)",
    )
    parser.add_argument(
        "--resume",
        choices=("auto", "never", "must"),
        help="go on with a stopped training: auto where there is one (auto in a batch job; else it "
        "is only announced)",
    )


def run(options: Options) -> None:
    """Train, on all tasks of a Slurm step.

    Parameters
    ----------
    options : Options

    Raises
    ------
    Stopped
        When a signal stopped the training.
    """
    step = slurm_step()
    if step is None:
        train_alone(options.exercise, options)
    elif step.task:
        with stop_signals() as received:  # Slurm signals all tasks; the others wait for task 0
            _serve(options.exercise, step, received)
    else:
        _coordinate(options.exercise, options, step)


def train_alone(exercise: Exercise, options: Options) -> None:
    """Train in this process.

    Parameters
    ----------
    exercise : Exercise
    options : Options

    Raises
    ------
    Stopped
        When a signal stopped the training.
    """
    with stop_signals() as received:
        _train(exercise, options, received)


def _coordinate(exercise: Exercise, options: Options, step: SlurmStep) -> None:
    """Train as task 0, and tell the others how it ended."""
    from legacy_gbp.batch.ranks import Ranks

    with stop_signals() as received:
        ranks, code = Ranks(step, received), FAILED
        try:
            _check_divisible(exercise, options.batch_size, step.tasks)
            _train(exercise, options, received, ranks)
            code = exit_code_of(None)
        except BaseException as error:
            code = exit_code_of(error)
            raise
        finally:
            ranks.dismiss(code)
            atexit.register(end_process, code)


def _serve(exercise: Exercise, step: SlurmStep, received: Received) -> None:
    from legacy_gbp.cli.worker import serve

    serve(exercise, step, received)


class _Destinations(NamedTuple):
    """Where a training writes to."""

    checkpoint: str
    final: Optional[str]
    resume_path: str


def _train(
    exercise: Exercise, options: Options, received: Received, ranks: Optional[Any] = None
) -> None:
    shots = _labelled_shots(exercise, options)
    places = _destinations(exercise, options, [path for part in shots for path in part.paths])
    resume = _resumes(places.resume_path, options.resume)
    if options.logdir:
        check_destination(os.path.join(options.logdir, "events"))
    train_shots, validation_shots = shots
    print_line(
        f"-- read {len(train_shots)} samples for training, {len(validation_shots)} for validation "
        f"({train_shots.skipped + validation_shots.skipped} rows left out)",
    )
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    load_quietly()
    from legacy_gbp.training.distributed import distributed_trainer
    from legacy_gbp.training.loop import train
    from legacy_gbp.training.options import TrainingOptions

    state = train(
        exercise,
        train_shots,
        validation_shots,
        TrainingOptions(
            checkpoint=places.checkpoint,
            final_checkpoint=places.final,
            seed=options.seed,
            epochs=options.epochs,
            batch_size=options.batch_size,
            preprocess=options.preprocess,
            logdir=options.logdir,
            stop=received,
            resume_path=places.resume_path,
            save_steps=options.save_steps,
            save_minutes=options.save_minutes,
            resume=resume,
            trainer=distributed_trainer(ranks) if ranks else None,
            command=command_of(exercise, options),
        ),
    )
    if state.stopped:
        if options.requeue:
            print_line(f"-- {requeue()}")
        raise Stopped(state.stopped)
    print_line(
        f"-- best validation accuracy {100 * state.best_accuracy:.1f}% at step {state.best_step} "
        f"of {state.total_steps}, in {places.checkpoint}",
    )


def command_of(exercise: Exercise, options: Options) -> str:
    """Return the command that goes on with a training, or repeats it where no state is left.

    Parameters
    ----------
    exercise : Exercise
    options : Options
        Of the training.

    Returns
    -------
    str
        For a shell, from any folder.
    """
    words = [f"run_{exercise.name}.py", "train"]
    given = {**options.given(), "data_dir": _folder_named(options)}
    given["checkpoint"] = os.path.abspath(options.checkpoint or exercise.checkpoint)
    for action in options.parser._actions:
        value = given.get(action.dest)
        if not action.option_strings or action.dest in NOT_REPEATED or value in (None, False):
            continue
        if value == action.default and action.dest != "seed":
            continue
        values = value if isinstance(value, list) else [value]
        if action.dest in PLACES:
            values = [os.path.abspath(place) for place in values]
        words += [action.option_strings[-1], *([] if value is True else map(str, values))]
    return " ".join(map(shell_word, [*words, "--resume", "auto"]))


def _folder_named(options: Options) -> Optional[str]:
    """Return the folder of data that the training reads; None where files are named."""
    if options.train_files and options.validation_files:
        return None
    from legacy_gbp.data.synthetic.cached import cached_folder

    return options.data_dir or os.environ.get("DATADIR") or cached_folder()


def _labelled_shots(exercise: Exercise, options: Options) -> List[Any]:
    """Return the shots to train on and to validate with."""
    from legacy_gbp.cli.data_folder import data_files
    from legacy_gbp.data.shots import FileShots

    folder, small = options.data_dir, options.data == "test"
    train = options.train_files or data_files(exercise, folder, "train", small)
    validation = options.validation_files or data_files(exercise, folder, "validation")
    classes = len(exercise.classes)
    return [FileShots(paths, exercise.label_dataset, classes) for paths in (train, validation)]


def _destinations(exercise: Exercise, options: Options, data: Sequence[str]) -> _Destinations:
    """Check and tidy the places that a training writes to."""
    from legacy_gbp.training.resume_file import resume_path_of

    checkpoint = options.checkpoint or exercise.checkpoint
    final = None
    if exercise.final_checkpoint:
        beside = os.path.join(os.path.dirname(checkpoint), exercise.final_checkpoint)
        final = options.final_checkpoint or beside
        if os.path.abspath(final) == os.path.abspath(checkpoint):
            raise OutputError(
                f"{final}: is the best checkpoint too; give another --final-checkpoint"
            )
    outputs = [
        Output(checkpoint + NOTE, "--checkpoint", destinations.NOTE),
        Output(resume_path_of(checkpoint), "--checkpoint", destinations.ARCHIVE),
    ]
    for prefix, option in ((checkpoint, "--checkpoint"), (final, "--final-checkpoint")):
        outputs += _outputs_of_checkpoint(prefix, option) if prefix else []
    check_outputs(outputs, files_read(data), options.overwrite)
    for destination in filter(None, (checkpoint, final)):
        finish_own_saves(destination)
    return _Destinations(checkpoint, final, resume_path_of(checkpoint))


def _outputs_of_checkpoint(prefix: str, option: str) -> List[Output]:
    """Return the files of a checkpoint; one of another program is replaced on demand alone."""

    def differs(path: str) -> Optional[str]:
        return None if is_of_this_program(prefix) else "is of a checkpoint of another program"

    kinds = ((INDEX, destinations.INDEX), (META, destinations.PART), (DATA, destinations.PART))
    return [Output(prefix + suffix, option, kind, differs) for suffix, kind in kinds]


def _check_divisible(exercise: Exercise, batch_size: Optional[int], tasks: int) -> None:
    size = batch_size or exercise.batch_size
    if size < tasks:
        raise InputError(
            f"a batch of {size} cannot be split between {tasks} tasks; give a larger --batch-size "
            "or fewer tasks"
        )


def _resumes(path: str, wish: Optional[str]) -> bool:
    """Return whether a stopped training goes on; announce one that is replaced."""
    if wish is None and in_a_job():
        wish = "auto"
    exists = os.path.exists(path)
    if exists and wish is None:
        print_line(
            f"-- {path} holds a stopped training, which is replaced by this one; --resume auto "
            "goes on with it",
        )
    return wish == "must" or (wish == "auto" and exists)
