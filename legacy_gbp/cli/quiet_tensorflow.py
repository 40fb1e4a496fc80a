"""Import TensorFlow without its banners, so that stderr holds our lines alone."""

import contextlib
import importlib
import logging
import os
import sys
import warnings
from typing import Iterator


def load_quietly() -> str:
    """Import TensorFlow for a command, which owns its process.

    Some banners are written by C++ before any log level is read; hence stderr is redirected
    while TensorFlow is imported.

    Returns
    -------
    str
        The version.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with warnings.catch_warnings(), _stderr_to_null():
        # TensorFlow 1.15 with NumPy 1.17 and later.
        warnings.filterwarnings("ignore", "Passing .type, 1. or '1type'", FutureWarning)
        tensorflow = importlib.import_module("tensorflow")
    version: str = tensorflow.__version__
    return version


@contextlib.contextmanager
def _stderr_to_null() -> Iterator[None]:
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
