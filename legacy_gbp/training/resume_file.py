"""The state of a stopped training in one file, from which it goes on as if never stopped.

The file is a NumPy archive ``<checkpoint>_resume.npz``: one file, so that one rename makes
it visible, and every array in it carries a checksum.

=================  ==========================================================
variables/NAME     every variable, optimiser slots and global step included
rng                the shuffling generator before the shuffle of the epoch
losses             of all steps so far (steps, columns)
record             JSON: the rest of :class:`Record`
=================  ==========================================================
"""

import json
import os
import zipfile
import zlib
from collections import namedtuple

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import check_room, written_aside

ENDING = "_resume.npz"
VARIABLES = "variables/"
BROKEN = (
    OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip

Record = namedtuple(
    "Record",
    "settings epoch batch best_accuracy best_step accuracies written_by rng_state losses variables",
)
Record.__doc__ = """What a training needs to go on.

settings : dict, what must be the same (see :func:`settings`)
epoch, batch : int, the epoch at hand and how many of its batches are done
best_accuracy : float; best_step : int or None; accuracies : list of [step, accuracy]
written_by : dict, for information: versions, threads, processes
rng_state : tuple, as of numpy.random.RandomState.get_state, before the epoch's shuffle
losses : list of tuples of float32, one a step
variables : dict of name to array
"""

OF_JSON = Record._fields[:7]


def record_path(checkpoint):
    """Where the state of a training stands that saves its best in `checkpoint`."""
    return checkpoint + ENDING


def write(path, record):
    """Write a record, whole or not at all.

    Parameters
    ----------
    path : str
    record : Record
    """
    generator, keys, *rest = record.rng_state
    facts = {name: getattr(record, name) for name in OF_JSON}
    facts["rng"] = [generator, *rest]
    arrays = {VARIABLES + name: array for name, array in record.variables.items()}
    arrays.update(rng=keys, losses=np.array(record.losses, np.float32), record=json.dumps(facts))
    with written_aside(path) as partial, open(partial, "wb") as file:
        check_room(path, sum(np.asarray(array).nbytes for array in arrays.values()))
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


def read(path):
    """Read a record.

    Parameters
    ----------
    path : str

    Returns
    -------
    Record

    Raises
    ------
    InputError
        When there is none, or it cannot be read.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no stopped training stands here; leave --resume out")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays["record"].item())
        generator, *rest = facts.pop("rng")
        return Record(
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
        why = str(error).split("\n")[0]
        raise InputError(
            f"{path}: not a readable record of a stopped training ({why}); copy it again, or give "
            "--resume never to train anew"
        ) from error


def settings(exercise, shots, **options):
    """What a resumed training must have in common with the stopped one.

    Parameters
    ----------
    exercise : Exercise
    shots : dict of str to FileShots or ArrayShots
        ``{"training": ..., "validation": ...}``.
    **options
        Of the command, such as ``seed=1``.

    Returns
    -------
    dict
        Of plain values, under the names that a user knows.
    """
    named = {"--" + name.replace("_", "-"): value for name, value in options.items()}
    for part, some in shots.items():
        paths = getattr(some, "paths", [])
        named[f"{part} files"] = [os.path.abspath(path) for path in paths]
        named[f"{part} shots"] = len(some)
        named[f"checksum of the {part} shots"] = _checksum(some)
    return {"exercise": exercise.name, **named}


def check_same(path, stored, wanted):
    """Refuse to go on with a training that was another one.

    Parameters
    ----------
    path : str
        Of the record.
    stored, wanted : dict
        From :func:`settings`.
    """
    for name in wanted:
        was, now = stored.get(name), wanted[name]
        if was == now:
            continue
        if isinstance(was, list) and isinstance(now, list):
            pairs = zip([*was, "none"], [*now, "none"])
            was, now = next((pair for pair in pairs if pair[0] != pair[1]), (was, now))
        raise InputError(
            f"{path}: the stopped training had {name} {was}, not {now}; give it again, or "
            "--resume never to train anew"
        )


def _checksum(shots):
    """Of all labels, their rows, and one image: enough to tell other data under the same names."""
    checksum = zlib.crc32(np.ascontiguousarray(shots.labels, "<i8").tobytes())
    checksum = zlib.crc32(np.ascontiguousarray(shots.rows, "<i8").tobytes(), checksum)
    image = np.ascontiguousarray(shots.read([0]), "<f4")
    return f"{zlib.crc32(image.tobytes(), checksum):08x}"
