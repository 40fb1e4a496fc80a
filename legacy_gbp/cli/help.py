"""``legacy-gbp help``: what the help topics say."""

import os
from typing import Dict, List

from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import InputError
from legacy_gbp.io.console import print_line, print_text

NAME = "help"
HELP = "print a help topic, or list them"
EXAMPLE = "help queue"
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "help")
ENDING = ".md"


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument("topic", metavar="TOPIC", nargs="?", help="all topics are listed without")


def run(options: Options) -> None:
    """Print a topic.

    Parameters
    ----------
    options : Options

    Raises
    ------
    InputError
        For an unknown topic.
    """
    topics = read_topics()
    if options.topic is None:
        width = max(map(len, topics))
        for name, lines in topics.items():
            print_line(f"{name.ljust(width)}  {lines[0].lstrip('# ')}")
        return
    if options.topic not in topics:
        raise InputError(f"no help topic {options.topic!r}; choose {', '.join(topics)}")
    print_text("\n".join([*topics[options.topic], ""]))


def read_topics() -> Dict[str, List[str]]:
    """Return the lines of every help topic, by its name.

    Returns
    -------
    dict of str to list of str
        Sorted by name.
    """
    topics = {}
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(ENDING):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                topics[name[: -len(ENDING)]] = file.read().rstrip("\n").split("\n")
    return topics
