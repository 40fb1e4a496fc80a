"""Messages of the library name parameters in backticks; the command shows its own options.

``give a smaller `batch_size``` becomes ``give a smaller --batch-size`` where the command has
that option, and ``give a smaller batch_size`` where it has none.
"""

import argparse
import re
from typing import Dict, Match

from legacy_gbp.io.console import legible

# Parameters whose option has another name.
OTHER_NAMES = {
    "output": "output_tensor",
    "feeds": "feed",
    "trusted": "trust_graph",
}


def for_command(message: str, parser: argparse.ArgumentParser) -> str:
    """Replace parameters in backticks by the options of a command; keep to one legible line.

    Parameters
    ----------
    message : str
    parser : argparse.ArgumentParser
        Of the command.

    Returns
    -------
    str
    """
    options: Dict[str, str] = {}
    for action in parser._actions:
        options[action.dest] = action.option_strings[-1] if action.option_strings else action.dest

    def option_of(match: Match[str]) -> str:
        name = match.group(1)
        other = OTHER_NAMES.get(name, name)
        return options.get(other, options.get(name, name))

    return legible(re.sub(r"`(\w+)`", option_of, message))
