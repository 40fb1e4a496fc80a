"""The state of a stopped training in one file.

The file is a NumPy archive ``<checkpoint>_resume.npz``: one file, so that one rename makes
it visible, and every array in it carries a checksum.

=================  ==========================================================
variables/NAME     every variable, optimiser slots and global step included
rng                the shuffling generator before the shuffle of the epoch
losses             of all steps so far (steps, columns)
record             JSON: the rest of the state
=================  ==========================================================
"""

import json
import os
import struct
import sys
import tokenize
import zipfile
import zlib
from typing import Any, Dict

import numpy as np

from legacy_gbp.errors import InputError, first_line
from legacy_gbp.io.atomic import atomic_file, check_free_space
from legacy_gbp.io.unfinished import RESUME
from legacy_gbp.training.state import TrainingState

VARIABLES = "variables/"
BROKEN = (
    OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError,
    RuntimeError, MemoryError, SyntaxError, zipfile.BadZipFile, zlib.error, struct.error,
    tokenize.TokenError,
)  # fmt: skip
IN_JSON = (
    "settings", "epoch", "batch", "best_accuracy", "best_step", "accuracies", "written_by",
)  # fmt: skip


def resume_path_of(checkpoint: str) -> str:
    """Return the resume file of a training that saves its best in a checkpoint.

    Parameters
    ----------
    checkpoint : str
        Prefix.

    Returns
    -------
    str
    """
    return checkpoint + RESUME


def write_state(path: str, state: TrainingState) -> None:
    """Write a state.

    Parameters
    ----------
    path : str
    state : TrainingState

    Raises
    ------
    OutputError
        When the file cannot be written; an older one stays.
    """
    generator, keys, *rest = state.rng_state
    facts = {name: getattr(state, name) for name in IN_JSON}
    facts["rng"] = [generator, *rest]
    arrays: Dict[str, Any] = {VARIABLES + name: array for name, array in state.variables.items()}
    arrays.update(rng=keys, losses=np.array(state.losses, np.float32), record=json.dumps(facts))
    with atomic_file(path) as file:
        check_free_space(path, sum(np.asarray(array).nbytes for array in arrays.values()))
        np.savez(file, **arrays)


def read_state(path: str) -> TrainingState:
    """Read a state.

    Parameters
    ----------
    path : str

    Returns
    -------
    TrainingState

    Raises
    ------
    InputError
        When there is none, or it cannot be read.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no stopped training is stored here; leave `resume` out")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; remove it, or set `resume` to never")
    try:
        _check_sizes(path)
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(_text_in(arrays["record"]))
        generator, *rest = facts.pop("rng")
        facts["accuracies"] = [tuple(pair) for pair in facts["accuracies"]]
        return TrainingState(
            rng_state=(generator, arrays["rng"], *rest),
            losses=[tuple(row) for row in arrays["losses"]],
            variables={
                name[len(VARIABLES) :]: array
                for name, array in arrays.items()
                if name.startswith(VARIABLES)
            },
            **facts,
        )
    except BROKEN as error:
        raise InputError(
            f"{path}: not a readable record of a stopped training ({first_line(error)}); copy it "
            "again, or set `resume` to never to train anew"
        ) from error


def _text_in(array: np.ndarray) -> str:
    """Return the text of an array; NumPy passes on characters that Unicode does not have."""
    codes = np.frombuffer(array.tobytes(), np.uint32)
    if array.dtype.kind != "U" or not array.dtype.isnative or codes.max(initial=0) > sys.maxunicode:
        raise ValueError("its record is no text")
    return str(array.item())


def _check_sizes(path: str) -> None:
    """Refuse an archive that inflates: :func:`write_state` does not compress."""
    with zipfile.ZipFile(path) as archive:
        sizes = [(one.compress_type, one.file_size) for one in archive.infolist()]
    if any(kind != zipfile.ZIP_STORED for kind, _ in sizes):
        raise ValueError("compressed")
    if sum(size for _, size in sizes) > os.path.getsize(path):
        raise ValueError("declares more bytes than it holds")
