"""``legacy-gbp selftest``: published numbers, and the same questions asked of a user's model."""

from typing import List

from legacy_gbp.cli import option_types
from legacy_gbp.cli.open_model import add_model_arguments, open_model
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.target_option import add_target_arguments, read_target
from legacy_gbp.errors import LegacyGbpError
from legacy_gbp.io.console import print_line

NAME = "selftest"
HELP = "check the published numbers, and a model of yours"
EXAMPLE = "selftest frozen.pb"


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    add_model_arguments(parser, optional=True)
    add_target_arguments(parser)
    parser.add_argument(
        "--shape",
        type=option_types.shape,
        metavar="H,W,C",
        help="of one image, where the model leaves sizes open (64)",
    )


def run(options: Options) -> None:
    """Print one line a check.

    Parameters
    ----------
    options : Options

    Raises
    ------
    LegacyGbpError
        That lists the checks that failed.
    """
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    load_quietly()
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.attribution.published_numbers import PUBLISHED, check_published
    from legacy_gbp.metrics.gradient_check import IMAGES, Asked, check_model

    failed: List[str] = []

    def show(name: str, passed: bool, figure: str) -> None:
        print_line(f"{'passed' if passed else 'FAILED'}  {name}: {figure}")
        if not passed:
            failed.append(name)

    for name, *question in PUBLISHED:
        show(name, *check_published(*question))
    if options.model:
        opened = open_model(options)
        print_line(f"-- {options.model}: {opened.kind}")
        target = read_target(options, IMAGES)
        if options.labels:
            with Network(opened.source, allow_partial=True) as net:
                target.check_classes(options.target, net.under("gradient").known_classes)
        for form in target.forms:
            asked = Asked(form, options.shape, options.output_tensor)
            for name, outcome in check_model(opened.source, asked):
                show(name if len(target.forms) == 1 else f"{form}: {name}", *outcome)
    if failed:
        raise LegacyGbpError(f"selftest failed: {', '.join(failed)}; do not trust maps made here")
    print_line("-- all passed")
