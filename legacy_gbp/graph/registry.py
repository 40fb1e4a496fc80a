"""The operations that this TensorFlow has registered."""

from typing import Any, Optional


def op_def_of(op_type: str) -> Optional[Any]:
    """Return the definition of an operation.

    Parameters
    ----------
    op_type : str

    Returns
    -------
    OpDef or None
        None for a function, and for an operation that this TensorFlow does not know.
    """
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):
        return op_def_registry.get(op_type)
    return op_def_registry.get_registered_ops().get(op_type)  # TensorFlow 1
