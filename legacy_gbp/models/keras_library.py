"""Which Keras builds a model: the one of TensorFlow, or the former one where it is installed."""

import contextlib
import importlib
import importlib.util
from typing import Any

import tensorflow as tf

LEGACY = "tf_keras"


def library_for(generation: int) -> Any:
    """Return the Keras that builds a file: the former one for its files, where it is installed.

    Parameters
    ----------
    generation : int
        Of the Keras that wrote the file: 1, 2 or 3.

    Returns
    -------
    module
    """
    if generation < 3 <= generation_of(tf.keras) and importlib.util.find_spec(LEGACY):
        with contextlib.suppress(ImportError):
            return importlib.import_module(LEGACY)
    return tf.keras


def generation_of(library: Any) -> int:
    """Return the first number of the version of a Keras.

    Parameters
    ----------
    library : module

    Returns
    -------
    int
    """
    # Some releases of TensorFlow have a Keras 2 that does not say its version.
    return int(str(getattr(library, "__version__", 2)).split(".")[0])


def library_of(model: Any) -> Any:
    """Return the Keras whose class a model is.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    module
    """
    package = type(model).__module__.split(".")[0]
    classes = [base.__module__.split(".")[0] for base in type(model).__mro__]
    return importlib.import_module(LEGACY) if LEGACY in (package, *classes) else tf.keras
