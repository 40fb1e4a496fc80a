"""The classes of operations: what they do to what depends on the input, and what they reach.

=============  ===================================================================
kind           the operation, as a function of the inputs that depend on the image
=============  ===================================================================
LINEAR         is linear or affine in all of them together
PRODUCT        is linear in one of them; two of them make a product
SELECTING      passes the largest or smallest on: it has no backward rule to take
RECTIFIER      is ReLU or a relative, which takes a backward rule
STRAIGHT       is a staircase whose gradient is defined as that of a line
CALL           runs functions, whose operations are looked at one by one
VALUELESS      has an output that does not carry the values: a shape, a size
KINKED         is element-wise and piecewise linear: a part of a rectifier, or nonlinear
NONLINEAR      is nonlinear: also every operation that is not in the table
=============  ===================================================================

=============  ===================================================================
reach          what the operation reads and writes
=============  ===================================================================
INPUTS         its inputs alone; a random number is one
MEMORY         also state in the memory of the session: variables, tables, stacks, queues
OUTSIDE        files, the network, the clock, a terminal, other programs or other code: also
               every operation that is not in the table
=============  ===================================================================

The places of a row name which inputs may depend on the image (``ALL``, or places): an
operation that depends on it elsewhere, such as a reshape to a computed shape, is nonlinear.
"""

import enum
from typing import Any, Dict, NamedTuple, Sequence, Tuple, Union


class Kind(enum.Enum):
    """What an operation does to what depends on the image."""

    LINEAR = "linear"
    PRODUCT = "product"
    SELECTING = "selecting"
    RECTIFIER = "rectifier"
    STRAIGHT = "straight-through"
    CALL = "call"
    VALUELESS = "valueless"
    KINKED = "kinked"
    NONLINEAR = "nonlinear"


class Reach(enum.Enum):
    """What an operation reads and writes."""

    INPUTS = "inputs"
    MEMORY = "memory"
    OUTSIDE = "outside"


Places = Union[slice, Tuple[int, ...]]
ALL = slice(None)
FIRST = (0,)
ALL_BUT_LAST = slice(None, -1)
ALL_BUT_FIRST = slice(1, None)


class Operation(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    kind : Kind
    places : slice or tuple of int
        Data inputs that may depend on the image.
    elementwise : bool
        Whether every number of the output depends on one number of each such input.
    reach : Reach
    """

    kind: Kind
    places: Places = ALL
    elementwise: bool = False
    reach: Reach = Reach.INPUTS


def rows(
    kind: Kind,
    places: Places,
    names: str,
    elementwise: bool = False,
    reach: Reach = Reach.INPUTS,
) -> Dict[str, Operation]:
    """Return equal rows of several operations.

    Parameters
    ----------
    kind : Kind
    places : slice or tuple of int
    names : str
        Operation types, with spaces between.
    elementwise : bool
    reach : Reach

    Returns
    -------
    dict of str to Operation
    """
    return dict.fromkeys(names.split(), Operation(kind, places, elementwise, reach))


def may_depend(operation: Operation, dependent: Sequence[int], count: int) -> bool:
    """Return whether an operation has its dependent inputs at places that the table allows.

    Parameters
    ----------
    operation : Operation
    dependent : sequence of int
        Places of the data inputs that depend on the image.
    count : int
        Number of data inputs.

    Returns
    -------
    bool
    """
    places = operation.places
    allowed: Any = range(count)[places] if isinstance(places, slice) else places
    return set(dependent) <= set(allowed)
