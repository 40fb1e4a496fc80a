"""``train``, ``predict`` and ``gbprop`` of an exercise."""

import argparse

from legacy_gbp.attribution import METHODS
from legacy_gbp.cli import option_types as values
from legacy_gbp.cli.parser import Parser


def exercise_parser(exercise, prog, parser=None):
    """Parser of ``train``, ``predict`` and ``gbprop``.

    Parameters
    ----------
    exercise : Exercise
    prog : str
        Shown in the examples.
    parser : argparse.ArgumentParser, optional
        To add to; a new one by default.
    """
    parser = parser or Parser(
        prog=prog,
        description=f"{exercise.name}: {exercise.title}.",
        epilog=f"example: {prog} train, then {prog} gbprop --compare",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    _add_train(commands, exercise, prog)
    _add_predict(commands, exercise, prog)
    _add_gbprop(commands, exercise, prog)
    return parser


class Options(argparse.Namespace):
    """Parsed options, with the two things that commands ask of them."""

    def given(self):
        """Options as plain values, for the record."""
        hidden = ("module", "exercise", "tool")
        return {name: value for name, value in sorted(vars(self).items()) if name not in hidden}

    def training_defaults(self, data_dir):
        """Options of a plain ``train`` of the same exercise on a folder."""
        parser = exercise_parser(self.exercise, "")
        return parser.parse_args(["train", "--data-dir", data_dir], namespace=Options())


def _add_train(commands, exercise, prog):
    parser = _command(commands, "train", "fit the network", exercise, prog + " train --seed 1")
    _add_data_dir(parser)
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
    parser.add_argument(
        "--checkpoint",
        metavar="PREFIX",
        type=values.path,
        help=f"where the best goes ({exercise.checkpoint})",
    )
    if exercise.final_checkpoint:
        parser.add_argument(
            "--final-checkpoint",
            metavar="PREFIX",
            type=values.path,
            help=f"where the last goes ({exercise.final_checkpoint}, beside the best)",
        )
    else:
        parser.set_defaults(final_checkpoint=None)
    parser.add_argument(
        "--batch-size",
        type=values.positive,
        metavar="N",
        help=f"shots a step ({exercise.batch_size})",
    )
    parser.add_argument(
        "--epochs", type=values.positive, metavar="N", help=f"passes ({exercise.epochs})"
    )
    parser.add_argument(
        "--seed", type=values.seed, default=1, metavar="N", help="of weights and shuffles (1)"
    )
    parser.add_argument(
        "--preprocess",
        type=values.preprocess,
        default="none",
        metavar="KIND",
        help="none, log-mean or log-threshold; stored with the checkpoint (none)",
    )
    parser.add_argument(
        "--logdir", metavar="DIR", type=values.path, help="write TensorBoard scalars here"
    )
    parser.add_argument(
        "--save-steps", type=values.positive, metavar="N", help="keep the state every N steps"
    )
    parser.add_argument(
        "--save-minutes",
        type=values.positive,
        default=10,
        metavar="M",
        help="and every M minutes (10)",
    )
    parser.add_argument(
        "--resume",
        choices=("auto", "never", "must"),
        help="go on with a stopped training: auto where one stands (auto in a batch job; else it "
        "is only announced)",
    )
    _add_requeue(parser)


def _add_predict(commands, exercise, prog):
    example = prog + " predict --output predictions.h5"
    parser = _command(commands, "predict", "score the prediction files", exercise, example)
    _add_restored(parser, exercise, "predictions")


def _add_gbprop(commands, exercise, prog):
    example = prog + " gbprop --compare --output maps.h5"
    parser = _command(commands, "gbprop", "show where the network looks", exercise, example)
    _add_restored(parser, exercise, "maps")
    parser.add_argument(
        "--method",
        choices=tuple(METHODS),
        default="guided",
        help="how to explain the logit (guided)",
    )
    parser.add_argument("--layer", metavar="NAME", help="the layer that Grad-CAM looks at")
    parser.add_argument(
        "--compress",
        action="store_true",
        help="maps through gzip: less room, several times the time",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="show the plain gradient and the guided map side by side",
    )
    parser.add_argument(
        "--historical",
        action="store_true",
        help="the layer-by-layer algorithm of 2016, with its NaN workaround",
    )
    shown = "all" if exercise.shown_class is None else exercise.shown_class
    parser.add_argument(
        "--only-class",
        type=values.class_of(exercise),
        metavar="K|all",
        help=f"shots predicted as this class ({shown})",
    )
    parser.add_argument("--limit", type=values.positive, metavar="N", help="stop after N maps")
    parser.add_argument(
        "--figure",
        metavar="PREFIX",
        type=values.path,
        default=f"{exercise.name}_gbprop",
        help=f"pages go to PREFIX-001.png, ... ({exercise.name}_gbprop)",
    )
    parser.add_argument(
        "--pages", type=values.not_negative, default=4, metavar="N", help="most pages to draw (4)"
    )
    parser.add_argument(
        "--show", action="store_true", help="step through a window: Enter for the next, q to quit"
    )


def _command(commands, name, what, exercise, example):
    parser = commands.add_parser(name, help=what, description=what, epilog="example: " + example)
    parser.set_defaults(module="legacy_gbp.cli." + name, exercise=exercise)
    return parser


def _add_requeue(parser):
    parser.add_argument(
        "--requeue", action="store_true", help="put the Slurm job back when it is stopped"
    )


def _add_data_dir(parser):
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the .h5 files (DATADIR, else a small synthetic set)",
    )


def _add_restored(parser, exercise, what):
    _add_data_dir(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="data files instead of the original selection"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="PREFIX",
        type=values.path,
        help=f"ours or one of the 2016 program ({exercise.checkpoint})",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=values.path, help=f"write the {what} to HDF5"
    )
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=values.path,
        help=f"one file of {what} for each data file instead; finished ones are left as they are",
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        type=values.shard,
        help="take the data files I, I+N, ... (the task of a Slurm or LSF array, else all)",
    )
    _add_requeue(parser)
    parser.add_argument(
        "--batch-size",
        type=values.positive,
        metavar="N",
        help=f"shots at a time ({exercise.predict_batch_size})",
    )
