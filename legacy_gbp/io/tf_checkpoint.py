"""Read the tensors of a TensorFlow checkpoint, of the V1 or the V2 format."""

from typing import Any

from legacy_gbp.errors import InputError, first_line


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
        For a missing, truncated or foreign file.
    """
    import tensorflow as tf

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
        For a tensor that cannot be read.
    """
    import tensorflow as tf

    try:
        return reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise unreadable(prefix, error) from error


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
