"""The three files of a checkpoint, replaced as one.

Three renames are three moments to be killed in between, and the ``.index`` of
one save does not fit the ``.data`` of another. So:

1. all three are written into a folder of their own;
2. the folder is renamed to ``.whole-TIME-NAME``: from here on the new set counts;
3. the old ``.index`` is removed: there is no checkpoint of that name now;
4. data, meta, index are moved into place, the index last.

A kill before 3 leaves the old set, a kill after 4 the new one, and one in between
no index beside a folder that holds the rest: :func:`complete` moves it, before
anything of ours reads the checkpoint. Nobody ever meets a mixture.
"""

import contextlib
import os
import re
import shutil
import time

from legacy_gbp.errors import InputError

SUFFIXES = (".data-00000-of-00001", ".meta", ".index")


def publish(written, path):
    """Put the files of a folder in the place of a checkpoint.

    Parameters
    ----------
    written : str
        Folder beside the checkpoint that holds its three files; it is used up.
    path : str
        Prefix of the checkpoint. Nobody else may write it at the same time.
    """
    recover(path)
    folder, name = os.path.split(os.path.abspath(path))
    for suffix in SUFFIXES:
        _sync(os.path.join(written, name + suffix))
    _sync(written)
    whole = os.path.join(folder, f".whole-{time.time_ns()}-{name}")
    os.rename(written, whole)
    _replace(whole, path)


def recover(path):
    """Finish what a killed :func:`publish` began; for the writer of the checkpoint alone."""
    for whole in _left_whole(path):
        _replace(whole, path)


def complete(path):
    """Finish it for a reader: only where the index is missing, for else the old set is whole.

    Parameters
    ----------
    path : str
        Prefix of the checkpoint, which need not exist.
    """
    if os.path.exists(path + SUFFIXES[-1]):
        return
    try:
        for whole in _left_whole(path):
            _move(whole, path)
    except OSError as error:
        raise InputError(
            f"{path}: its last save was interrupted and cannot be finished ({error.strerror}); "
            "run this where you may write beside it"
        ) from error


def _left_whole(path):
    folder, name = os.path.split(os.path.abspath(path))
    pattern = re.compile(r"\.whole-\d+-" + re.escape(name))
    left = sorted(filter(pattern.fullmatch, os.listdir(folder))) if os.path.isdir(folder) else []
    return [os.path.join(folder, one) for one in left]


def _replace(whole, path):
    name = os.path.basename(path)
    # In this order: a reader that completes a first checkpoint meanwhile moves the second there.
    if all(os.path.exists(p + SUFFIXES[-1]) for p in (path, os.path.join(whole, name))):
        os.remove(path + SUFFIXES[-1])
    _move(whole, path)


def _move(whole, path):
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):  # moved before the kill, or by a reader
            os.replace(os.path.join(whole, os.path.basename(path) + suffix), path + suffix)
    shutil.rmtree(whole, ignore_errors=True)


def _sync(path):
    """Have a file or folder on the disk before a name says that it is there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
