"""A parser whose errors take one line, and what it returns."""

import argparse
import sys
from typing import Any, Dict, NoReturn

from legacy_gbp.cli.exit_codes import REFUSED
from legacy_gbp.io.console import legible, print_text

HIDDEN = ("run", "exercise", "tool", "parser")
WITHOUT_EFFECT = (
    "memory_limit",
    "overwrite",
    "time_limit",
    "traceback",
)  # on what a command writes


class Parser(argparse.ArgumentParser):
    """An argument parser; its errors take one line."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.color = False  # Python 3.14 would put escape sequences into the help

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2.

        Parameters
        ----------
        message : str
        """
        self.exit(REFUSED, legible(f"{self.prog}: {message}; see {self.prog} --help") + "\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help and errors where all else is printed."""
        if message:
            print_text(message, to_stderr=file is not sys.stdout)


class Options(argparse.Namespace):
    """Parsed options. Beside them `run` is the command and `parser` its parser."""

    def given(self) -> Dict[str, Any]:
        """Return the options as plain values, for the record.

        Returns
        -------
        dict
        """
        left_out = {*HIDDEN, *WITHOUT_EFFECT}
        return {name: value for name, value in sorted(vars(self).items()) if name not in left_out}
