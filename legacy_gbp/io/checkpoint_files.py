"""The files of a TensorFlow checkpoint: their names, and their replacement as one.

A checkpoint PREFIX is ``PREFIX.index``, ``PREFIX.data-00000-of-00001`` and ``PREFIX.meta``.
Until 2016 (format V1) it was the file ``PREFIX`` and ``PREFIX.meta``.
Three renames are three moments to be killed in between, and the ``.index`` of one save does
not fit the ``.data`` of another. So :func:`publish` works in four steps:

1. write all three into a folder of their own;
2. rename the folder to ``.whole-TIME-NAME``: from here on the new set counts;
3. remove the old ``.index``: there is no checkpoint of that name now;
4. move data, meta and index into place, the index last.

A kill before step 3 leaves the old set, a kill after step 4 the new one. A kill in between
leaves no index beside a folder that holds the rest; :func:`finish_interrupted_save` moves
it before a reader of ours opens the checkpoint. Nobody meets a mixture.
"""

import contextlib
import glob
import os
import re
import shutil
import time
from typing import List, Optional, Sequence

from legacy_gbp.errors import InputError, OutputError
from legacy_gbp.io.private_folder import anybody_may_write, belongs_to_others

INDEX, META, DATA = ".index", ".meta", ".data-00000-of-00001"
SUFFIXES = (DATA, META, INDEX)
OWN_VARIABLE = b"process/kind"  # of all our checkpoints: the end of preprocess/kind
STATE, MOST_STATE = "checkpoint", 1 << 20  # the file that names the latest; characters
PARTS = r"\.(index|meta|data-\d+-of-\d+)"


def prefix_of(path: str) -> str:
    """Return the prefix of a checkpoint, from the prefix or one of its files.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
    """
    return re.sub(PARTS + r"\Z", "", path)


def files_of_checkpoint(prefix: str) -> List[str]:
    """Return the files of a checkpoint that exist.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    list of str
    """
    folder, name = os.path.split(prefix)
    wanted = re.compile(re.escape(name) + f"({PARTS})?")
    there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    paths = [os.path.join(folder, found) for found in there if wanted.fullmatch(found)]
    return [path for path in paths if os.path.isfile(path)]


def is_v1(prefix: str) -> bool:
    """Return whether a checkpoint is one file, of the format that was in use until 2016.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    bool
    """
    return os.path.isfile(prefix) and not os.path.exists(prefix + INDEX)


def is_of_this_program(prefix: str) -> bool:
    """Return whether a checkpoint was saved by a training of this program.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    bool
        Also True where a save was interrupted, which leaves no index.
    """
    if not os.path.exists(prefix + INDEX):
        return not is_v1(prefix)
    with open(prefix + INDEX, "rb") as file:  # a table of names, of which common starts are cut
        return OWN_VARIABLE in file.read()


def weights_file(prefix: str) -> str:
    """Return the file of a checkpoint that holds its weights.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    str
    """
    return prefix if is_v1(prefix) else prefix + DATA


def check_checkpoint(path: str, remedy: str) -> str:
    """Refuse a checkpoint that is not there. TensorFlow is not needed.

    Parameters
    ----------
    path : str
        The prefix or one of its files.
    remedy : str
        How to get one, the end of the message.

    Returns
    -------
    str
        The prefix.

    Raises
    ------
    InputError
        That names the missing file.
    """
    prefix = prefix_of(path)
    check_regular(prefix)
    if is_v1(prefix):
        return prefix
    for suffix in (INDEX, ".data-*-of-*"):
        if not glob.glob(glob.escape(prefix) + suffix):
            name = os.path.basename(prefix) + suffix
            raise InputError(f"{prefix}: no checkpoint ({name} is missing); {remedy}")
    return prefix


def latest_named(folder: str, there: Sequence[str]) -> Optional[str]:
    """Return the checkpoint of a folder that its file ``checkpoint`` names as the latest.

    Parameters
    ----------
    folder : str
    there : sequence of str
        Prefixes of the checkpoints in it.

    Returns
    -------
    str or None
        None where the file names none that is there. A folder that was moved names its own
        checkpoints by the old path.

    Raises
    ------
    InputError
        Where it names one of another folder, and none of that name is here; and where the
        files are links to another folder, or no regular files.
    """
    state = os.path.join(folder, STATE)
    if not os.path.isfile(state):
        return None
    with open(state, encoding="utf-8", errors="replace") as file:
        match = re.search(r'^model_checkpoint_path: "(.*)"$', file.read(MOST_STATE), re.M)
    if not match:
        return None
    named = os.path.join(folder, os.path.basename(match.group(1)))
    if named in there:
        _check_in_folder(named)
        return named
    other = os.path.join(folder, match.group(1))
    if not _is_same_folder(os.path.dirname(other), folder):
        raise InputError(
            f"{state}: names {match.group(1)}, which is not in this folder; name the prefix of a "
            "checkpoint in place of the folder"
        )
    return None


def check_regular(prefix: str) -> None:
    """Refuse a checkpoint with a FIFO, socket or device: to open one may wait forever.

    Parameters
    ----------
    prefix : str

    Raises
    ------
    InputError
    """
    for path in _parts_of(prefix):
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            raise InputError(f"{path}: is no regular file; copy the checkpoint again")


def _check_in_folder(prefix: str) -> None:
    """Refuse links to other folders where the user has named the folder alone."""
    check_regular(prefix)
    for path in _parts_of(prefix):
        real = os.path.realpath(path)
        if os.path.islink(path) and not _is_same_folder(
            os.path.dirname(real), os.path.dirname(path)
        ):
            raise InputError(
                f"{path}: is a link to {real}, which is in another folder; name the prefix "
                f"{prefix} in place of the folder to read it"
            )


def _parts_of(prefix: str) -> List[str]:
    found = [prefix + INDEX, prefix + META, *glob.glob(glob.escape(prefix) + ".data-*-of-*")]
    return [path for path in [*found, prefix] if os.path.lexists(path)]


def _is_same_folder(one: str, other: str) -> bool:
    return os.path.realpath(one or ".") == os.path.realpath(other or ".")


def publish(folder: str, prefix: str) -> None:
    """Put the files of a folder in the place of a checkpoint.

    Parameters
    ----------
    folder : str
        Beside the checkpoint; holds its three files, and is used up.
    prefix : str
        Nobody else may write this checkpoint at the same time.
    """
    finish_own_saves(prefix)
    place, name = os.path.split(os.path.abspath(prefix))
    for suffix in SUFFIXES:
        _sync(os.path.join(folder, name + suffix))
    _sync(folder)
    whole = os.path.join(place, f".whole-{time.time_ns()}-{name}")
    os.rename(folder, whole)
    _replace(whole, prefix)


def finish_own_saves(prefix: str) -> None:
    """Finish every :func:`publish` that was killed; for the writer of the checkpoint alone.

    Parameters
    ----------
    prefix : str
    """
    for whole in _interrupted_saves(prefix):
        _replace(whole, prefix)


def finish_interrupted_save(prefix: str) -> None:
    """Finish a killed :func:`publish`, as a reader: only where the index is missing.

    Parameters
    ----------
    prefix : str
        The checkpoint need not exist.

    Raises
    ------
    OutputError
        When the files cannot be moved.
    """
    if os.path.exists(prefix + INDEX):  # then the old set is complete
        return
    try:
        for whole in _interrupted_saves(prefix):
            _move(whole, prefix)
    except OSError as error:
        raise OutputError(
            f"{prefix}: its last save was interrupted and cannot be finished ({error.strerror}); "
            "run this where you may write beside it"
        ) from error


def _interrupted_saves(prefix: str) -> List[str]:
    folder, name = os.path.split(os.path.abspath(prefix))
    pattern = re.compile(r"\.whole-\d+-" + re.escape(name))
    left = sorted(filter(pattern.fullmatch, os.listdir(folder))) if os.path.isdir(folder) else []
    paths = [os.path.join(folder, one) for one in left]
    return [path for path in paths if os.path.isdir(path) and not _is_planted(path)]


def _is_planted(path: str) -> bool:
    """Return whether another user may have put something into a folder that all may write to."""
    return belongs_to_others(path) and anybody_may_write(os.path.dirname(path))


def _replace(whole: str, prefix: str) -> None:
    name = os.path.basename(prefix)
    # In this order: a reader that finishes a first checkpoint meanwhile moves the second there.
    if all(os.path.exists(p + INDEX) for p in (prefix, os.path.join(whole, name))):
        os.remove(prefix + INDEX)
    _move(whole, prefix)


def _move(whole: str, prefix: str) -> None:
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):  # moved before the kill, or by a reader
            os.replace(os.path.join(whole, os.path.basename(prefix) + suffix), prefix + suffix)
    shutil.rmtree(whole, ignore_errors=True)


def _sync(path: str) -> None:
    """Put a file or folder on the disk before a name says that it is there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
