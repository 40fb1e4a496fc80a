"""The parser of an exercise's three commands."""

from typing import Any, Dict, Optional

from legacy_gbp.cli import gbprop, predict, train
from legacy_gbp.cli.limits import add_limit_arguments
from legacy_gbp.cli.parser import Parser
from legacy_gbp.exercises.definitions import Exercise

COMMANDS: Dict[str, Any] = {"train": train, "predict": predict, "gbprop": gbprop}


def exercise_parser(exercise: Exercise, prog: str, parser: Optional[Any] = None) -> Any:
    """Return the parser of ``train``, ``predict`` and ``gbprop``.

    Parameters
    ----------
    exercise : Exercise
    prog : str
        Shown in the examples.
    parser : Parser, optional
        To add to; a new one by default.

    Returns
    -------
    Parser
    """
    parser = parser or Parser(
        prog=prog,
        description=f"{exercise.name}: {exercise.title}.",
        epilog=f"example: {prog} train, then {prog} gbprop --compare",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    for name, module in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=f"example: {prog} {module.EXAMPLE}",
        )
        module.add_arguments(sub, exercise)
        add_limit_arguments(sub, name)
        sub.set_defaults(run=module.run, exercise=exercise, parser=sub)
    return parser
