"""The two exceptions that a command turns into an exit code."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one line: the bad value, where it stands (file, dataset,
    layer, image) and what would work. Commands print it on stderr and exit
    with code 2.
    """


class Stopped(Exception):  # noqa: N818 - as KeyboardInterrupt, it is no error
    """Work was told to stop by the signal it names, and has said how it goes on.

    Commands exit with code 75 (EX_TEMPFAIL: try again later).
    """
