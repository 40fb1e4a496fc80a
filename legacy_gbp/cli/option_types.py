"""What options may be: text in, a value or one line of refusal out.

Nothing here imports NumPy or TensorFlow.
"""

import argparse
import re


def positive(text):
    """1 or more."""
    return whole(text, 1)


def not_negative(text):
    """0 or more."""
    return whole(text, 0)


def runs(text):
    """Run numbers between commas, none of them twice."""
    numbers = tuple(whole(part, 1, 999) for part in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} names a run twice")
    return numbers


def index(text):
    """A place or a slice, as Python counts."""
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return slice(int(text), int(text) + 1 or None)
        numbers = [int(part) if part else None for part in parts]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 3 or numbers[2:] == [0]:
        raise argparse.ArgumentTypeError(f"{text!r} is not an index such as 7, 0:16 or 0:100:10")
    return slice(*numbers)


def target(text):
    """A class, ``predicted``, or a layer with a place in it."""
    if text == "predicted":
        return text
    if not text.startswith("layer:"):
        return whole(text, 0)
    name, _, place = text[len("layer:") :].partition(":")
    try:
        where = tuple(int(part) for part in place.split(",")) if place else ()
    except ValueError:
        where = None
    if not name or where is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not layer:NAME, layer:NAME:CHANNEL or layer:NAME:ROW,COLUMN,CHANNEL"
        )
    from legacy_gbp.attribution.target import Layer

    return Layer(name, where)


def feed(text):
    """NAME=VALUE of a placeholder, as two texts."""
    name, equals, value = text.partition("=")
    parts = value.split(",")
    if not (name and equals) or not all(_is_value(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with true, false or numbers")
    return name, value


def _is_value(text):
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def seed(text):
    """What NumPy takes as a seed on every platform."""
    return whole(text, 0, 2**31 - 1)


def whole(text, least, most=None):
    """A whole number within bounds."""
    bounds = f"{least} or more" if most is None else f"{least}..{most}"
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {bounds}")
    return number


def shard(text):
    """A task of many, as 2/4."""
    from legacy_gbp.batch.shards import Shard

    try:
        return Shard.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n, such as 2/4") from None


def share(text):
    """A number in 0..1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, 0..1")
    return number


def path(text):
    """Any name but the empty one."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name; leave the option out or name a file")
    return text


def word(text):
    """What needs no quotes in the head of a job script."""
    if not re.match(r"[\w.:/@+-]+$", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not one word of letters, digits and .:/@+-_")
    return text


def hours(text):
    """Hours and minutes, as 4:00."""
    if not re.match(r"\d+:[0-5]\d$", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not hours:minutes, such as 4:00")
    return text


def preprocess(text):
    """A way to prepare images."""
    from legacy_gbp.exercises.preprocess import TRANSFORMS

    if text not in TRANSFORMS:
        raise argparse.ArgumentTypeError(f"{text!r} is unknown; choose {', '.join(TRANSFORMS)}")
    return text


def class_of(exercise):
    """The type of a class of an exercise, or ``all``."""

    def parse(text):
        return text if text == "all" else whole(text, 0, len(exercise.classes) - 1)

    return parse
