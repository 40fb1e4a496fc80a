"""Read the tensors of a TensorFlow checkpoint, of the V1 or the V2 format."""

from typing import Any

from legacy_gbp.errors import InputError, first_line
from legacy_gbp.io.checkpoint_files import check_regular
from legacy_gbp.io.unfinished import check_finished
from legacy_gbp.io.weights import not_finite


def checkpoint_reader(prefix: str) -> Any:
    """Open a checkpoint.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    tf.train.CheckpointReader
        With ``get_variable_to_shape_map()`` and ``get_tensor(name)``.

    Raises
    ------
    InputError
        For a missing, truncated or foreign file, and for the best so far of a training that
        has not ended.
    """
    import tensorflow as tf

    check_regular(prefix)
    check_finished(prefix)
    try:
        reader = tf.train.load_checkpoint(prefix)
        reader.get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise unreadable(prefix, error) from error
    return reader


def read_tensor(reader: Any, prefix: str, name: str) -> Any:
    """Read one tensor of a checkpoint.

    Parameters
    ----------
    reader : tf.train.CheckpointReader
    prefix : str
        For messages.
    name : str

    Returns
    -------
    array

    Raises
    ------
    InputError
        For a tensor that cannot be read, or holds NaN or Inf.
    """
    import tensorflow as tf

    try:
        tensor = reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise unreadable(prefix, error) from error
    found = not_finite(tensor)
    if found:
        raise InputError(f"{prefix}: tensor {name!r} holds {found}; take an earlier checkpoint")
    return tensor


def unreadable(prefix: str, error: BaseException) -> InputError:
    """Return the error for a checkpoint that cannot be read.

    Parameters
    ----------
    prefix : str
    error : BaseException

    Returns
    -------
    InputError
    """
    return InputError(
        f"{prefix}: not a readable checkpoint ({first_line(error)}); copy its .index and .data "
        "files again"
    )
