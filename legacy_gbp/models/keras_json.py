"""JSON of a stranger's file, read as data within bounds.

==========================  ==========================================================
bound                       why
==========================  ==========================================================
16 MiB                      the topology of a large network has 3 MB
100 levels                  what walks through it later calls itself once a level
no key twice                two readers may take a different one
no NaN, no Infinity         JSON has neither
numbers of 20 characters    Python takes minutes for an integer of a million digits
texts that UTF-8 can hold   half a pair of surrogates is no text
==========================  ==========================================================
"""

import json
import math
from typing import Any, Dict, Iterator, List, Sequence, Set, Tuple

from legacy_gbp.errors import ModelError

MOST_BYTES = 16 << 20
MOST_LEVELS = 100
MOST_DIGITS = 20
NO_KERAS_FILE = "it was not written by Keras; copy it again, or save the model again"


def parse_json(text: bytes, where: str) -> Any:
    """Return what a JSON text holds.

    Parameters
    ----------
    text : bytes
        UTF-8.
    where : str
        The file, and the place in it, for messages.

    Returns
    -------
    dict, list, str, int, float, bool or None

    Raises
    ------
    ModelError
        For a text that is no JSON, or that exceeds a bound.
    """
    if len(text) > MOST_BYTES:
        raise too_long(where)
    try:
        found = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{where}: is no text in UTF-8 (byte {error.start}); {NO_KERAS_FILE}"
        ) from error
    except RecursionError as error:
        raise _too_deep(where) from error
    except ValueError as error:
        raise ModelError(f"{where}: is no JSON ({error}); {NO_KERAS_FILE}") from error
    for value, level in walked(found):
        if level > MOST_LEVELS:
            raise _too_deep(where)
        if isinstance(value, str) and not _is_text(value):
            raise ModelError(f"{where}: holds {value!a}, which is no text; {NO_KERAS_FILE}")
    return found


def walked(value: Any) -> Iterator[Tuple[Any, int]]:
    """Yield all values of a JSON text, keys included, with the number of the level of each.

    Parameters
    ----------
    value : object

    Yields
    ------
    (object, int)
        The outermost value is on level 0.
    """
    pending: List[Tuple[Any, int]] = [(value, 0)]
    while pending:
        one, level = pending.pop()
        yield one, level
        if isinstance(one, dict):
            for key, inner in one.items():
                pending += [(key, level + 1), (inner, level + 1)]
        elif isinstance(one, list):
            pending += [(inner, level + 1) for inner in one]


def too_long(where: str) -> ModelError:
    """Return the error for a text that exceeds :data:`MOST_BYTES`.

    Parameters
    ----------
    where : str

    Returns
    -------
    ModelError
    """
    return ModelError(
        f"{where}: has more than {MOST_BYTES >> 20} MiB, which no topology of Keras has; save the "
        "model again"
    )


def _too_deep(where: str) -> ModelError:
    return ModelError(
        f"{where}: has more than {MOST_LEVELS} levels, which no topology of Keras has; save the "
        "model again"
    )


def _object(pairs: Sequence[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        known: Set[str] = set()
        for key, _ in pairs:
            if key in known:
                raise ValueError(f"key {key!a} comes twice")
            known.add(key)
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:MOST_DIGITS]} is no finite number")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
