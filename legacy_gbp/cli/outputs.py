"""The option to write over what exists, and the recipe of what a command writes."""

from typing import Sequence

from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.io.recipes import Recipe, recipe_of


def add_overwrite(parser: Parser) -> None:
    """Add ``--overwrite``.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="write over an output that was made otherwise; never over an input",
    )


def recipe_for(options: Options, inputs: Sequence[str]) -> Recipe:
    """Return the recipe of what a command makes.

    Parameters
    ----------
    options : Options
    inputs : sequence of str
        The files that it reads, see :func:`legacy_gbp.io.sources.files_read`.

    Returns
    -------
    dict of str to str
    """
    return recipe_of(options.given(), inputs)
