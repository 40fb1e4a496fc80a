"""A hidden layer as the target. Nothing here imports TensorFlow."""

from dataclasses import dataclass
from typing import Tuple


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

    def __str__(self) -> str:
        place = ",".join(map(str, self.index))
        return f"layer:{self.name}" + (f":{place}" if place else "")
