"""Which data files become which result: all in one, or file by file.

File by file, many tasks can share the work, and a task that was stopped goes on
with the first file that is not finished. Finished is a result that stands whole
under its name and was made from the same data file, checkpoint and options.
Anything else under that name is refused, never overwritten.
"""

import json
import os
from collections import namedtuple

from legacy_gbp.batch.shards import ALL, from_environment
from legacy_gbp.batch.slurm_step import slurm_step
from legacy_gbp.data.xtcav import FileShots
from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import check_destination, remove_stale
from legacy_gbp.results import difference, read_part, sha256_of

KINDS = {"predict": "predictions", "gbprop": "maps"}

Output = namedtuple("Output", "shots path figure facts")
Output.__doc__ = """One result.

shots : FileShots, what goes into it
path : str or None, where to
figure : str or None, prefix of its pages
facts : dict, what its record says beyond that of any result
"""


def sharing(options):
    """The shard of this task, refusing options that do not go with it.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    shard : Shard
    by_file : bool
    """
    shard = options.shard or from_environment(os.environ, slurm_step())
    by_file = bool(options.output_dir) or shard != ALL
    if not by_file:
        return shard, False
    if options.output:
        why = f"shard {shard}" if shard != ALL else "--output-dir"
        raise InputError(
            f"--output {options.output}: one file for all, but this is {why}; give --output-dir "
            "alone, or --shard 1/1 to read all files here"
        )
    for name, why in (("limit", "counts over all files"), ("show", "may leave a file half done")):
        if getattr(options, name, None):
            raise InputError(f"--{name} {why}; leave it out where files are taken one by one")
    return shard, True


def planned(exercise, options, paths, shard, by_file):
    """The results of this task.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
    paths : list of str
        All data files, of all tasks.
    shard : Shard
    by_file : bool

    Returns
    -------
    list of Output
        Finished ones too; see :func:`unfinished`.
    """
    classes, figure = len(exercise.classes), getattr(options, "figure", None)
    if not by_file:
        shots = FileShots(paths, exercise.label_dataset, classes, need_labels=False)
        return [Output(shots, options.output, figure, {})]
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"{stem}: two data files of this name; give every file its own name")
    if options.output_dir:
        _check_folder(options.output_dir, paths)
    of_files = json.dumps([os.path.abspath(path) for path in paths])
    outputs = []
    for path, stem in shard.of(list(zip(paths, stems))):
        shots = FileShots(
            [path], exercise.label_dataset, classes, need_labels=False, need_rows=False
        )
        name = f"{stem}-{KINDS[options.command]}.h5"
        outputs.append(
            Output(
                shots,
                os.path.join(options.output_dir, name) if options.output_dir else None,
                figure and f"{figure}-{stem}",
                {"of_files": of_files, "shard": str(shard)},
            )
        )
    return outputs


def unfinished(exercise, options, outputs, checkpoint):
    """The results that are still to be made.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
    outputs : list of Output
    checkpoint : str
        Prefix.

    Returns
    -------
    list of Output

    Raises
    ------
    InputError
        When something else stands under the name of a result.
    """
    facts = {
        "exercise": exercise.name,
        "options": json.loads(json.dumps(options.given())),
        "checkpoint_sha256": sha256_of(checkpoint + ".data-00000-of-00001"),
    }
    left = []
    for output in outputs:
        if output.path and os.path.exists(output.path):
            _check_finished(output, facts)
        else:
            left.append(output)
    return left


def _check_finished(output, facts):
    part = read_part(output.path)
    (data,) = output.shots.paths
    why = difference(part.facts, facts)
    if not why and not _made_of(part.facts, data):
        why = f"another {os.path.basename(data)}"
    if why:
        raise InputError(f"{output.path}: made with {why}; remove it or give another --output-dir")


def _made_of(facts, data):
    """Is it the data file that was read? Only where its time differs are its bytes compared."""
    if facts.get("data_bytes") != [os.path.getsize(data)]:
        return False
    now = os.stat(data).st_mtime_ns
    return facts.get("data_mtime_ns") == [now] or facts.get("data_sha256") == [sha256_of(data)]


def _check_folder(folder, paths):
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise InputError(f"{folder}: is not a folder; give another --output-dir")
    check_destination(os.path.join(folder, "result"))
    for path in paths:
        if os.path.realpath(folder) == os.path.dirname(os.path.realpath(path)):
            raise InputError(f"{folder}: holds the data files; give another --output-dir")
    if os.path.isdir(folder):
        remove_stale(folder)
