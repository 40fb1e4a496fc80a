"""The first values of variables: zeros, and no more of them than the file has arrays for.

A layer of 10^12 units is one word in a topology. It is refused before memory is taken for it.
"""

from typing import Any, Dict, Sequence

import tensorflow as tf

from legacy_gbp.errors import ModelError

NAME = "LegacyGbpStoredZeros"
# A former file may have its arrays in other pieces; small ones are of layers without any.
MOST_TIMES, ALWAYS_ALLOWED = 4, 1 << 20


class Allowance:
    """How many values the variables of a model may have.

    Parameters
    ----------
    stored : int
        Number of values in the arrays of the file.
    where : str
        The file, for messages.
    """

    def __init__(self, stored: int, where: str) -> None:
        self._stored, self._where = stored, where
        self._left = MOST_TIMES * stored + ALWAYS_ALLOWED
        self._refused = False

    def take(self, shape: Sequence[int]) -> None:
        """Count a variable.

        Parameters
        ----------
        shape : sequence of int

        Raises
        ------
        ModelError
            Where the file has no array for it.
        """
        size = 1
        for one in shape:
            size *= int(one)
        self._left -= size
        if self._left < 0:
            self._refused = True
            raise self._error()

    def check(self) -> None:
        """Refuse the model where a variable was refused; Keras may have replaced the error.

        Raises
        ------
        ModelError
        """
        if self._refused:
            raise self._error()

    def _error(self) -> ModelError:
        return ModelError(
            f"{self._where}: its layers need many more values than its arrays hold "
            f"({self._stored}); give the file that was saved with this topology"
        )


def zeros_within(allowance: Allowance, library: Any) -> Any:
    """Return an initialiser of a Keras.

    Parameters
    ----------
    allowance : Allowance
        What all variables take their values from.
    library : module
        Such as ``tf.keras``.

    Returns
    -------
    type
        Named :data:`NAME`, under which a wrapper of Keras looks it up.
    """

    def call(self: Any, shape: Sequence[int], dtype: Any = None, **options: Any) -> Any:
        allowance.take(shape)
        return tf.zeros(shape, dtype or "float32")

    def get_config(self: Any) -> Dict[str, Any]:
        return {}

    members = {"__call__": call, "get_config": get_config, "__doc__": "Zeros for stored arrays."}
    made: type = type(NAME, (library.initializers.Initializer,), members)
    return made
