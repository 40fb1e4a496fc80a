"""The types of options: each takes a text and returns a value, or refuses it in one line.

Nothing here imports TensorFlow, and NumPy only where a value needs it.
"""

import argparse
import re
from typing import Any, Callable, Optional, Tuple, Union

from legacy_gbp.batch.shards import Shard
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import Exercise

LARGEST = 2**31 - 1


def positive(text: str) -> int:
    """Return a whole number of 1 or more."""
    return whole_number(text, 1)


def positive_number(text: str) -> float:
    """Return a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, such as 1.5")
    return number


def not_negative(text: str) -> int:
    """Return a whole number of 0 or more."""
    return whole_number(text, 0)


def runs(text: str) -> Tuple[int, ...]:
    """Return run numbers between commas, none of them twice."""
    numbers = tuple(whole_number(part, 1, 999) for part in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} names a run twice; name each once")
    return numbers


def index(text: str) -> slice:
    """Return a place or a slice, as Python counts."""
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


def shape(text: str) -> Tuple[int, ...]:
    """Return the sizes of one image, such as 28,28,1."""
    return tuple(whole_number(part, 1) for part in text.split(","))


def feed(text: str) -> Tuple[str, str]:
    """Return NAME=VALUE of a placeholder, as two texts."""
    name, equals, value = text.partition("=")
    parts = value.split(",")
    if not (name and equals) or not all(_is_value(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with true, false or numbers")
    return name, value


def feed_value(text: str) -> Any:
    """Return the value of :func:`feed`: true, false, or an array of numbers between commas."""
    import numpy as np

    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    numbers = [float(part) for part in text.split(",")]
    return np.array(numbers if len(numbers) > 1 else numbers[0])


def _is_value(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def seed(text: str) -> int:
    """Return what NumPy takes as a seed on every platform."""
    return whole_number(text, 0, LARGEST)


def whole_number(text: str, least: int, most: Optional[int] = None) -> int:
    """Return a whole number within bounds."""
    bounds = f"{least} or more" if most is None else f"{least}..{most}"
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,4000}", text) else least - 1
    if most is None and number > LARGEST:
        bounds = f"{least}..{LARGEST}"
    if not least <= number <= (LARGEST if most is None else most):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {bounds}")
    return number


def shard(text: str) -> Shard:
    """Return a task of many, such as 2/4."""
    try:
        return Shard.parse(text)
    except InputError:
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n, such as 2/4") from None


def share(text: str) -> float:
    """Return a number in 0..1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, 0..1")
    return number


def path(text: str) -> str:
    """Return any name except the empty one."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name; leave the option out or name a file")
    return text


def word(text: str) -> str:
    """Return what needs no quotes in the head of a job script."""
    if not re.fullmatch(r"[\w.:/@+][\w.:/@+-]*", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one word of letters, digits and .:/@+-_ that begins with no dash"
        )
    return text


def hours(text: str) -> str:
    """Return hours and minutes, such as 4:00."""
    if not re.fullmatch(r"[0-9]{1,5}:[0-5][0-9]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not hours:minutes, such as 4:00")
    return text


def preprocess(text: str) -> str:
    """Return a kind of preprocessing."""
    from legacy_gbp.exercises.preprocess import TRANSFORMS

    if text not in TRANSFORMS:
        raise argparse.ArgumentTypeError(f"{text!r} is unknown; choose {', '.join(TRANSFORMS)}")
    return text


def class_of(exercise: Exercise) -> Callable[[str], Union[int, str]]:
    """Return the type of a class of an exercise, or ``all``."""

    def parse(text: str) -> Union[int, str]:
        return text if text == "all" else whole_number(text, 0, len(exercise.classes) - 1)

    return parse
