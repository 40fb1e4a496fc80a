"""``legacy-gbp synthesize``: write a folder of synthetic shots."""

from legacy_gbp.cli import option_types
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.io.console import print_line

NAME = "synthesize"
HELP = "write synthetic shots under the tutorial's file names"
EXAMPLE = "synthesize xtcav --runs 70,71 --files 12 --seed 1"


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument(
        "folder", metavar="OUT", type=option_types.path, help="new, empty, or begun before"
    )
    parser.add_argument(
        "--runs",
        type=option_types.runs,
        default=(69, 70, 71, 72, 73),
        metavar="R,R,...",
        help="68 dark, 69 no lasing, 70 and 71 lasing, others half (69,70,71,72,73)",
    )
    parser.add_argument(
        "--files",
        type=option_types.positive,
        default=5,
        metavar="N",
        help="files a run; 69, 70, 71 get one more, for validation (5)",
    )
    parser.add_argument(
        "--shots", type=option_types.positive, default=500, metavar="N", help="a file (500)"
    )
    parser.add_argument("--seed", type=option_types.seed, default=1, metavar="N", help="(1)")
    _add_run_arguments(parser)
    _add_label_arguments(parser)


def _add_run_arguments(parser: Parser) -> None:
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
        "--camera-noise", choices=("on", "off"), default="on", help="and speckles (on)"
    )
    parser.add_argument(
        "--off",
        choices=("none", "first", "second", "both"),
        default="none",
        help="counterfactual twins: the same shots without the lasing of these colours (none)",
    )


def _add_label_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--unusable",
        type=option_types.share,
        default=0.4,
        metavar="X",
        help="share labelled -1 (0.4)",
    )
    parser.add_argument(
        "--flip",
        type=option_types.share,
        default=0.03,
        metavar="X",
        help="share of wrong labels (0.03)",
    )
    parser.add_argument(
        "--amplitude-error",
        type=option_types.share,
        default=0.1,
        metavar="X",
        help="of the measured amplitudes that decide the labels (0.1)",
    )


def run(options: Options) -> None:
    """Write the files that are not there yet.

    Parameters
    ----------
    options : Options
    """
    from legacy_gbp.data.synthetic.files import Recipe, file_list, write_set

    recipe = Recipe(
        seed=options.seed,
        systematics=options.systematics == "on",
        independent=options.independent,
        unusable=options.unusable,
        flip=options.flip,
        amplitude_error=options.amplitude_error,
        camera_noise=options.camera_noise == "on",
        off=options.off,
    )
    entries = file_list(options.runs, options.files)
    write_set(options.folder, entries, options.shots, recipe)
    print_line(f"-- {len(entries)} files in {options.folder}")
