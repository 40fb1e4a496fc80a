"""The operations that this TensorFlow has registered."""

import functools
from typing import Any, Dict, Optional


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
    found = op_def_registry.get_registered_ops().get(op_type)  # TensorFlow 1: those of Python
    return _compiled().get(op_type) if found is None else found


@functools.lru_cache(maxsize=1)
def _compiled() -> Dict[str, Any]:
    """Return all operations that TensorFlow 1 was compiled with; an import knows these."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python import pywrap_tensorflow

    listed = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    return {op.name: op for op in listed.op}
