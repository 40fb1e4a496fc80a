"""``legacy-gbp show``: a contact sheet of the shots of one file."""

import os

from legacy_gbp.cli import option_types
from legacy_gbp.cli.outputs import add_overwrite, recipe_for
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.io.console import print_line
from legacy_gbp.io.destinations import PNG, Output, check_outputs, made_by
from legacy_gbp.io.recipes import KEYWORD, as_text
from legacy_gbp.io.sources import files_read

NAME = "show"
HELP = "draw a contact sheet of shots"
EXAMPLE = "show xtcav/amo86815_mlearn-r070-c0009.h5 --index 0:16"
MOST = 64  # shots on a sheet


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument("file", metavar="FILE", type=option_types.path)
    parser.add_argument(
        "--index",
        type=option_types.index,
        default=slice(0, 16),
        metavar="I|A:B|A:B:STEP",
        help="which shots, counted as in Python (0:16)",
    )
    parser.add_argument(
        "--output",
        metavar="PNG",
        type=option_types.path,
        help="where to (the file's name with .png, here)",
    )
    add_overwrite(parser)


def run(options: Options) -> None:
    """Draw the sheet.

    Parameters
    ----------
    options : Options
    """
    output = options.output or os.path.splitext(os.path.basename(options.file))[0] + ".png"
    inputs = files_read([options.file])
    recipe = recipe_for(options, inputs)
    wanted = Output(output, "--output", PNG, made_by(recipe))
    check_outputs([wanted], inputs, options.overwrite)
    from legacy_gbp.data.truth import read_shots

    shots = read_shots(options.file, options.index, MOST)
    from legacy_gbp import figures  # matplotlib takes its time

    sheet = figures.contact_sheet(os.path.basename(options.file), shots)
    figures.save(sheet, output, {KEYWORD: as_text(recipe)})
    print_line(f"-- {len(shots.rows)} shots in {output}")
