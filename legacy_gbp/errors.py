"""The one exception that a command turns into a line of advice."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one line: the bad value, where it stands (file, dataset,
    layer, image) and what would work. Commands print it on stderr and exit
    with code 2.
    """
