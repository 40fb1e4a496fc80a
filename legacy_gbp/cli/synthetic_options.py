"""``synthesize`` and ``show``."""

from legacy_gbp.cli import option_types as values


def add_synthetic(commands):
    """Add both to the parser of ``legacy-gbp``."""
    _add_synthesize(commands)
    _add_show(commands)


def _add_synthesize(commands):
    parser = commands.add_parser(
        "synthesize",
        help="write synthetic shots",
        description="Write synthetic shots under the tutorial's file names.",
        epilog="example: legacy-gbp synthesize xtcav --runs 70,71 --files 12 --seed 1",
    )
    parser.add_argument(
        "folder", metavar="OUT", type=values.path, help="new, empty, or begun before"
    )
    parser.add_argument(
        "--runs",
        type=values.runs,
        default=(69, 70, 71, 72, 73),
        metavar="R,R,...",
        help="68 dark, 69 no lasing, 70 and 71 lasing, others half (69,70,71,72,73)",
    )
    parser.add_argument(
        "--files",
        type=values.positive,
        default=5,
        metavar="N",
        help="files a run; 69, 70, 71 get one more, for validation (5)",
    )
    parser.add_argument(
        "--shots", type=values.positive, default=500, metavar="N", help="a file (500)"
    )
    parser.add_argument("--seed", type=values.seed, default=1, metavar="N", help="(1)")
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
        "--unusable", type=values.share, default=0.4, metavar="X", help="share labelled -1 (0.4)"
    )
    parser.add_argument(
        "--flip", type=values.share, default=0.03, metavar="X", help="share of wrong labels (0.03)"
    )
    parser.add_argument(
        "--amplitude-error",
        type=values.share,
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
    parser.set_defaults(module="legacy_gbp.cli.synthesize", exercise=None)


def _add_show(commands):
    parser = commands.add_parser(
        "show",
        help="draw a contact sheet of shots",
        description="Draw shots of one file, with the contours of the truth where it is known.",
        epilog="example: legacy-gbp show xtcav/amo86815_mlearn-r070-c0009.h5 --index 0:16",
    )
    parser.add_argument("file", metavar="FILE", type=values.path)
    parser.add_argument(
        "--index",
        type=values.index,
        default=slice(0, 16),
        metavar="I|A:B|A:B:STEP",
        help="which shots, counted as in Python (0:16)",
    )
    parser.add_argument(
        "--output",
        metavar="PNG",
        type=values.path,
        help="where to (the file's name with .png, here)",
    )
    parser.set_defaults(module="legacy_gbp.cli.show", exercise=None)
