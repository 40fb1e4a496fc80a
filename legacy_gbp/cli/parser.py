"""A parser whose errors take one line, and what it returns."""

import argparse
from typing import Any, Dict, NoReturn

from legacy_gbp.cli.exit_codes import REFUSED

HIDDEN = ("run", "exercise", "tool", "parser")


class Parser(argparse.ArgumentParser):
    """An argument parser; its errors take one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2.

        Parameters
        ----------
        message : str
        """
        self.exit(REFUSED, f"{self.prog}: {message}; see {self.prog} --help\n")


class Options(argparse.Namespace):
    """Parsed options. Beside them `run` is the command and `parser` its parser."""

    def given(self) -> Dict[str, Any]:
        """Return the options as plain values, for the record.

        Returns
        -------
        dict
        """
        return {name: value for name, value in sorted(vars(self).items()) if name not in HIDDEN}
