"""A parser whose errors take one line."""

import argparse

REFUSED = 2


class Parser(argparse.ArgumentParser):
    """Errors in one line."""

    def error(self, message):  # noqa: D102 (argparse says what it is)
        self.exit(REFUSED, f"{self.prog}: {message}; see {self.prog} --help\n")
