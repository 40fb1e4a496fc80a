"""Command line: ``run_ex07.py``, ``run_ex08.py`` and ``legacy-gbp``.

Options are checked here, before NumPy or TensorFlow is imported.
"""

import argparse
import importlib
import os
import sys

from legacy_gbp.attribution import METHODS
from legacy_gbp.errors import InputError, Stopped
from legacy_gbp.exercises import EXERCISES

DONE, REFUSED, STOPPED, INTERRUPTED = 0, 2, 75, 130


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
        Exit code: 0 done, 2 refused with one line on stderr, 75 a training was
        stopped and can go on, 130 interrupted or left by the reader of its output.
    """
    parser = exercise_parser(exercise, f"run_{exercise.name}.py")
    return _run(parser, argv)


def main_all(argv=None):
    """The ``legacy-gbp`` command: every exercise, and synthetic data."""
    parser = _Parser(prog="legacy-gbp", description="Guided backpropagation for TF1 graphs.")
    commands = parser.add_subparsers(dest="tool", metavar="WHAT")
    commands.required = True
    for name, exercise in EXERCISES.items():
        sub = commands.add_parser(name, help=exercise.title)
        exercise_parser(exercise, "legacy-gbp " + name, sub)
    _add_synthesize(commands)
    _add_show(commands)
    _add_inspect(commands)
    _add_explain(commands)
    _add_selftest(commands)
    return _run(parser, argv)


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
    parser = parser or _Parser(
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


class _Parser(argparse.ArgumentParser):
    """Errors in one line."""

    def error(self, message):
        self.exit(REFUSED, f"{self.prog}: {message}; see {self.prog} --help\n")


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
        type=_path,
        help=f"where the best goes ({exercise.checkpoint})",
    )
    if exercise.final_checkpoint:
        parser.add_argument(
            "--final-checkpoint",
            metavar="PREFIX",
            type=_path,
            help=f"where the last goes ({exercise.final_checkpoint}, beside the best)",
        )
    else:
        parser.set_defaults(final_checkpoint=None)
    parser.add_argument(
        "--batch-size", type=_positive, metavar="N", help=f"shots a step ({exercise.batch_size})"
    )
    parser.add_argument("--epochs", type=_positive, metavar="N", help=f"passes ({exercise.epochs})")
    parser.add_argument(
        "--seed", type=_seed, default=1, metavar="N", help="of weights and shuffles (1)"
    )
    parser.add_argument(
        "--preprocess",
        type=_preprocess,
        default="none",
        metavar="KIND",
        help="none, log-mean or log-threshold; stored with the checkpoint (none)",
    )
    parser.add_argument(
        "--logdir", metavar="DIR", type=_path, help="write TensorBoard scalars here"
    )
    parser.add_argument(
        "--save-steps", type=_positive, metavar="N", help="keep the state every N steps"
    )
    parser.add_argument(
        "--save-minutes", type=_positive, default=10, metavar="M", help="and every M minutes (10)"
    )
    parser.add_argument(
        "--resume",
        choices=("auto", "never", "must"),
        help="go on with a stopped training: auto where one stands (auto in a batch job; else it "
        "is only announced)",
    )
    parser.add_argument(
        "--requeue", action="store_true", help="put the Slurm job back when it is stopped"
    )


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
        type=_class_of(exercise),
        metavar="K|all",
        help=f"shots predicted as this class ({shown})",
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="stop after N maps")
    parser.add_argument(
        "--figure",
        metavar="PREFIX",
        type=_path,
        default=f"{exercise.name}_gbprop",
        help=f"pages go to PREFIX-001.png, ... ({exercise.name}_gbprop)",
    )
    parser.add_argument(
        "--pages", type=_not_negative, default=4, metavar="N", help="most pages to draw (4)"
    )
    parser.add_argument(
        "--show", action="store_true", help="step through a window: Enter for the next, q to quit"
    )


def _add_synthesize(commands):
    parser = commands.add_parser(
        "synthesize",
        help="write synthetic shots",
        description="Write synthetic shots under the tutorial's file names.",
        epilog="example: legacy-gbp synthesize xtcav --runs 70,71 --files 12 --seed 1",
    )
    parser.add_argument("folder", metavar="OUT", type=_path, help="new, empty, or begun before")
    parser.add_argument(
        "--runs",
        type=_runs,
        default=(69, 70, 71, 72, 73),
        metavar="R,R,...",
        help="68 dark, 69 no lasing, 70 and 71 lasing, others half (69,70,71,72,73)",
    )
    parser.add_argument(
        "--files",
        type=_positive,
        default=5,
        metavar="N",
        help="files a run; 69, 70, 71 get one more, for validation (5)",
    )
    parser.add_argument("--shots", type=_positive, default=500, metavar="N", help="a file (500)")
    parser.add_argument("--seed", type=_seed, default=1, metavar="N", help="(1)")
    parser.add_argument(
        "--systematics",
        choices=("on", "off"),
        default="on",
        help="let runs differ in beam position, chirp and camera defects (on)",
    )
    tied = parser.add_mutually_exclusive_group()
    tied.add_argument(
        "--confounded",
        dest="independent",
        action="store_false",
        help="the run decides whether its shots lase, as in 2016 (the default)",
    )
    tied.add_argument(
        "--independent",
        dest="independent",
        action="store_true",
        help="half of the shots of every run lase",
    )
    parser.set_defaults(independent=False)
    parser.add_argument(
        "--unusable", type=_share, default=0.4, metavar="X", help="share labelled -1 (0.4)"
    )
    parser.add_argument(
        "--flip", type=_share, default=0.03, metavar="X", help="share of wrong labels (0.03)"
    )
    parser.add_argument(
        "--amplitude-error",
        type=_share,
        default=0.1,
        metavar="X",
        help="of the measured amplitudes that give the labels (0.1)",
    )
    parser.add_argument(
        "--camera-noise", choices=("on", "off"), default="on", help="and speckles (on)"
    )
    parser.add_argument(
        "--off",
        choices=("none", "first", "second", "both"),
        default="none",
        help="counterfactual twins: the same shots without the lasing of these colours (none)",
    )
    parser.set_defaults(module="legacy_gbp.commands.synthesize", exercise=None)


def _add_show(commands):
    parser = commands.add_parser(
        "show",
        help="draw a contact sheet of shots",
        description="Draw shots of one file, with the contours of the truth where it is known.",
        epilog="example: legacy-gbp show xtcav/amo86815_mlearn-r070-c0009.h5 --index 0:16",
    )
    parser.add_argument("file", metavar="FILE", type=_path)
    parser.add_argument(
        "--index",
        type=_index,
        default=slice(0, 16),
        metavar="I|A:B|A:B:STEP",
        help="which shots, counted as in Python (0:16)",
    )
    parser.add_argument(
        "--output", metavar="PNG", type=_path, help="where to (the file's name with .png, here)"
    )
    parser.set_defaults(module="legacy_gbp.commands.show", exercise=None)


def _add_inspect(commands):
    parser = commands.add_parser(
        "inspect",
        help="what a model file holds, and whether a rule reaches its ReLUs",
        description="Show the ends and layers of a model, and the audit of a rule.",
        epilog="example: legacy-gbp inspect frozen.pb",
    )
    _add_model(parser)
    parser.add_argument(
        "--rule",
        choices=("guided", "deconvnet", "gradient"),
        default="guided",
        help="the rule to audit (guided)",
    )
    parser.set_defaults(module="legacy_gbp.commands.inspect", exercise=None)


def _add_explain(commands):
    parser = commands.add_parser(
        "explain",
        help="maps of any model for any images",
        description="Explain the outputs of a model for images.",
        epilog="example: legacy-gbp explain frozen.pb --images cat.png --figure cat-guided.png",
    )
    _add_model(parser)
    parser.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="X",
        help="X.npy (N, H, W, C), X.h5:DATASET, or picture files",
    )
    parser.add_argument(
        "--target",
        type=_target,
        default="predicted",
        metavar="T",
        help="a class, predicted, layer:NAME, layer:NAME:CHANNEL or layer:NAME:ROW,COLUMN,CHANNEL "
        "(predicted)",
    )
    parser.add_argument(
        "--method", choices=tuple(METHODS), default="guided", help="how to explain it (guided)"
    )
    parser.add_argument("--layer", metavar="NAME", help="the layer that Grad-CAM looks at")
    parser.add_argument(
        "--scale",
        choices=("none", "caffe", "tf", "unit"),
        default="none",
        help="of 0..255 pictures: caffe as VGG19, tf -1..1, unit 0..1 (none)",
    )
    parser.add_argument(
        "--compare", action="store_true", help="put the plain gradient beside the map"
    )
    parser.add_argument("--output", metavar="FILE", type=_path, help="write the maps to HDF5")
    parser.add_argument(
        "--figure", metavar="PNG", type=_path, help="draw the first twelve, map and overlay"
    )
    parser.add_argument(
        "--batch-size", type=_positive, default=16, metavar="N", help="images at a time (16)"
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="stop after N images")
    parser.add_argument(
        "--allow-partial",
        action="store_true",
        help="accept a rule that misses nonlinearities; they go by the chain rule",
    )
    parser.set_defaults(module="legacy_gbp.commands.explain", exercise=None)


def _add_selftest(commands):
    parser = commands.add_parser(
        "selftest",
        help="check the published numbers, and a model of yours",
        description="Check that maps are right: on graphs with published numbers, and on a model.",
        epilog="example: legacy-gbp selftest frozen.pb",
    )
    _add_model(parser, optional=True)
    parser.set_defaults(module="legacy_gbp.commands.selftest", exercise=None)


def _add_model(parser, optional=False):
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?" if optional else None,
        type=_path,
        help=".pb, .pbtxt, .h5, .keras, the folder of a SavedModel, or the prefix of a checkpoint",
    )
    parser.add_argument(
        "--net",
        choices=("ex07", "ex08", "vgg19"),
        help="MODEL holds weights of this network of ours",
    )
    parser.add_argument(
        "--input", action="append", metavar="TENSOR", help="where images go in; may be repeated"
    )
    parser.add_argument("--output-tensor", metavar="TENSOR", help="what is explained")
    parser.add_argument("--signature", metavar="NAME", help="of a SavedModel")
    parser.add_argument(
        "--feed",
        action="append",
        default=[],
        type=_feed,
        metavar="NAME=VALUE",
        help="fixed value of another placeholder, such as keep_prob=1",
    )
    parser.add_argument(
        "--trust-graph",
        action="store_true",
        help="let the graph read and write files, run Python, use the network",
    )


def _command(commands, name, what, exercise, example):
    parser = commands.add_parser(name, help=what, description=what, epilog="example: " + example)
    parser.set_defaults(module="legacy_gbp.commands." + name, exercise=exercise)
    return parser


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
        type=_path,
        help=f"ours or one of the 2016 program ({exercise.checkpoint})",
    )
    parser.add_argument("--output", metavar="FILE", type=_path, help=f"write the {what} to HDF5")
    parser.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help=f"shots at a time ({exercise.predict_batch_size})",
    )


def _positive(text):
    return _whole(text, 1)


def _not_negative(text):
    return _whole(text, 0)


def _runs(text):
    runs = tuple(_whole(part, 1, 999) for part in text.split(","))
    if len(set(runs)) < len(runs):
        raise argparse.ArgumentTypeError(f"{text!r} names a run twice")
    return runs


def _index(text):
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return slice(int(text), int(text) + 1 or None)
        numbers = [int(part) if part else None for part in parts]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 3 or numbers[2:] == [0]:
        raise argparse.ArgumentTypeError(f"{text!r} is not an index such as 7, 0:16 or 0:100:10")
    return slice(*numbers)


def _target(text):
    if text == "predicted":
        return text
    if not text.startswith("layer:"):
        return _whole(text, 0)
    name, _, place = text[len("layer:") :].partition(":")
    try:
        index = tuple(int(part) for part in place.split(",")) if place else ()
    except ValueError:
        index = None
    if not name or index is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not layer:NAME, layer:NAME:CHANNEL or layer:NAME:ROW,COLUMN,CHANNEL"
        )
    from legacy_gbp.attribution.target import Layer

    return Layer(name, index)


def _feed(text):
    name, equals, value = text.partition("=")
    parts = value.split(",")
    if not (name and equals) or not all(_is_value(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with true, false or numbers")
    return name, value


def _is_value(text):
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def _seed(text):
    return _whole(text, 0, 2**31 - 1)


def _whole(text, least, most=None):
    bounds = f"{least} or more" if most is None else f"{least}..{most}"
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {bounds}")
    return number


def _share(text):
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, 0..1")
    return share


def _path(text):
    if not text:
        raise argparse.ArgumentTypeError("an empty name; leave the option out or name a file")
    return text


def _preprocess(text):
    from legacy_gbp.data.preprocess import TRANSFORMS

    if text not in TRANSFORMS:
        raise argparse.ArgumentTypeError(f"{text!r} is unknown; choose {', '.join(TRANSFORMS)}")
    return text


def _class_of(exercise):
    def parse(text):
        return text if text == "all" else _whole(text, 0, len(exercise.classes) - 1)

    return parse
