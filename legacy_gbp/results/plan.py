"""Which data files become which result: all in one, or file by file.

File by file, many tasks can share the work, and a task that was stopped goes on with the
first file that is not finished. A result is finished when it exists under its name and was
made from the same data file, checkpoint and options. Anything else under that name is
refused, never overwritten.
"""

import json
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from legacy_gbp.batch.shards import Shard
from legacy_gbp.data.shots import FileShots
from legacy_gbp.errors import InputError, OutputError
from legacy_gbp.io.atomic import check_destination, remove_stale
from legacy_gbp.io.checkpoint_files import weights_file
from legacy_gbp.io.digest import sha256_of
from legacy_gbp.results.reader import difference, read_result


class Labels(NamedTuple):
    """Which labels the data files hold.

    Attributes
    ----------
    dataset : str
    classes : int
    """

    dataset: str
    classes: int


class PlannedResult(NamedTuple):
    """One result to be made.

    Attributes
    ----------
    shots : FileShots
        What goes into it.
    path : str or None
        The result file.
    figure : str or None
        Prefix of its pages.
    facts : dict
        What its attributes say beyond those of any result.
    """

    shots: FileShots
    path: Optional[str]
    figure: Optional[str]
    facts: Dict[str, str]


def plan_one(
    paths: Sequence[str], labels: Labels, output: Optional[str], figure: Optional[str]
) -> List[PlannedResult]:
    """Plan one result of all data files.

    Parameters
    ----------
    paths : sequence of str
        Data files.
    labels : Labels
    output : str or None
        The result file.
    figure : str or None
        Prefix of its pages.

    Returns
    -------
    list of PlannedResult
        Of length 1.

    Raises
    ------
    InputError
        For data files that cannot be used.
    """
    shots = FileShots(paths, labels.dataset, labels.classes, need_labels=False)
    return [PlannedResult(shots, output, figure, {})]


def plan_file_by_file(
    paths: Sequence[str],
    labels: Labels,
    shard: Shard,
    output_dir: Optional[str],
    suffix: str,
    figure: Optional[str],
) -> List[PlannedResult]:
    """Plan one result for each data file of a shard.

    Parameters
    ----------
    paths : sequence of str
        Data files of all tasks.
    labels : Labels
    shard : Shard
    output_dir : str or None
        Folder of the result files; it must not hold data files.
    suffix : str
        Of their names, such as ``-maps.h5``.
    figure : str or None
        Prefix of the pages.

    Returns
    -------
    list of PlannedResult
        Finished ones too; see :func:`unfinished`.

    Raises
    ------
    InputError
        For data files that cannot be used, or two of one name.
    OutputError
        For a folder that cannot be used.
    """
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"{stem}: two data files of this name; give every file its own name")
    if output_dir:
        _check_folder(output_dir, paths)
    facts = {
        "of_files": json.dumps([os.path.abspath(path) for path in paths]),
        "shard": str(shard),
    }
    return [
        PlannedResult(
            FileShots([path], labels.dataset, labels.classes, need_labels=False, need_rows=False),
            os.path.join(output_dir, stem + suffix) if output_dir else None,
            figure and f"{figure}-{stem}",
            facts,
        )
        for path, stem in shard.of(list(zip(paths, stems)))
    ]


def unfinished(
    planned: Sequence[PlannedResult],
    exercise: str,
    options: Mapping[str, Any],
    checkpoint: str,
    overwrite: bool = False,
) -> List[PlannedResult]:
    """Return the results that are still to be made.

    Parameters
    ----------
    planned : sequence of PlannedResult
    exercise : str
    options : dict
        Of the command.
    checkpoint : str
        Prefix.
    overwrite : bool
        Make results again that were made otherwise.

    Returns
    -------
    list of PlannedResult

    Raises
    ------
    InputError
        When something else has the name of a result.
    """
    facts = {
        "exercise": exercise,
        "options": json.loads(json.dumps(options, default=str)),
        "checkpoint_sha256": sha256_of(weights_file(checkpoint)),
    }
    left = []
    for result in planned:
        if not result.path or not _is_finished(result, facts, overwrite):
            left.append(result)
    return left


def _is_finished(result: PlannedResult, facts: Dict[str, Any], overwrite: bool) -> bool:
    """Return whether a result exists; refuse another one under its name."""
    if not os.path.exists(str(result.path)):
        return False
    try:
        _check_finished(str(result.path), result.shots.paths[0], facts)
    except InputError:
        if overwrite:
            return False
        raise
    return True


def _check_finished(path: str, data: str, facts: Dict[str, Any]) -> None:
    found = read_result(path)
    why = difference(found.facts, facts)
    if not why and not _is_made_of(found.facts, data):
        why = f"another {os.path.basename(data)}"
    if why:
        raise InputError(
            f"{path}: made with {why}; remove it or give another `output_dir`, or insist by "
            "`overwrite`"
        )


def _is_made_of(facts: Dict[str, Any], data: str) -> bool:
    """Whether a data file is the one that was read; bytes are compared where its time differs."""
    if facts.get("data_bytes") != [os.path.getsize(data)]:
        return False
    now = os.stat(data).st_mtime_ns
    return facts.get("data_mtime_ns") == [now] or facts.get("data_sha256") == [sha256_of(data)]


def _check_folder(folder: str, paths: Sequence[str]) -> None:
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: is not a folder; give another `output_dir`")
    check_destination(os.path.join(folder, "result"))
    for path in paths:
        if os.path.realpath(folder) == os.path.dirname(os.path.realpath(path)):
            raise OutputError(f"{folder}: holds the data files; give another `output_dir`")


def tidy_folder(folder: str) -> None:
    """Remove from a folder what killed runs left unfinished.

    Parameters
    ----------
    folder : str
        It need not exist.
    """
    if os.path.isdir(folder):
        remove_stale(folder)
