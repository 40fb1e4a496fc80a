"""The forms of a target that are no plain number or array. Nothing here imports TensorFlow.

============================  ========================================================
form                          what is explained
============================  ========================================================
``"predicted"``               the largest unit of each image
``Ranked(2)``                 the second largest
``"mean"``                    the mean of all units
``Unit((5, 3, 2))``           the unit at a place of an output of several axes
``Difference(3, 5)``          class 3 less class 5
``Layer("conv5_3", (12,))``   a hidden layer, its channel, or one of its units
============================  ========================================================
"""

import operator
from dataclasses import dataclass
from typing import Any, Tuple

from legacy_gbp.errors import InputError

PREDICTED = "predicted"
MEAN = "mean"


@dataclass(frozen=True)
class Layer:
    """A hidden layer as the target.

    Attributes
    ----------
    name : str
        A tensor, an operation, or a layer as Keras names it.
    index : tuple of int
        () for the entire layer (every unit is seeded with 1), (c,) for its channel c, or
        the place of one unit, such as (row, column, channel).

    Examples
    --------
    >>> str(Layer("block5_conv4", (3, 4, 12)))
    'layer:block5_conv4:3,4,12'
    """

    name: str
    index: Tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _whole_numbers(self, self.index))

    def __str__(self) -> str:
        return f"layer:{self.name}" + (f":{_numbers(self.index)}" if self.index else "")


@dataclass(frozen=True)
class Unit:
    """One unit of the output of every image.

    Attributes
    ----------
    index : tuple of int
        Its place, a number for each axis behind that of the images, such as (row, column,
        class).

    Examples
    --------
    >>> str(Unit((5, 3, 2)))
    '5,3,2'
    """

    index: Tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _whole_numbers(self, self.index))

    def __str__(self) -> str:
        return _numbers(self.index)


@dataclass(frozen=True)
class Ranked:
    """The unit that is number `rank` by size in the output of every image.

    Attributes
    ----------
    rank : int
        1 for the largest.

    Examples
    --------
    >>> str(Ranked(2))
    'rank 2'
    """

    rank: int

    def __post_init__(self) -> None:
        _whole_numbers(self, (self.rank,))

    def __str__(self) -> str:
        return f"rank {self.rank}"


@dataclass(frozen=True)
class Difference:
    """A class less another one: what speaks for the first and against the second.

    Attributes
    ----------
    first, second : int
        Places along the axis of the classes.

    Examples
    --------
    >>> str(Difference(3, 5))
    '3-5'
    """

    first: int
    second: int

    def __post_init__(self) -> None:
        _whole_numbers(self, (self.first, self.second))

    def __str__(self) -> str:
        return f"{self.first}-{self.second}"


def _whole_numbers(form: Any, numbers: Any) -> Tuple[int, ...]:
    """Return the numbers of a form; refuse what is no tuple of whole numbers."""
    try:
        return tuple(operator.index(number) for number in numbers)
    except TypeError:
        raise InputError(
            f"target {form!r}: give whole numbers, of a place in a tuple such as (5, 3, 2)"
        ) from None


def _numbers(index: Tuple[int, ...]) -> str:
    return ",".join(map(str, index))
