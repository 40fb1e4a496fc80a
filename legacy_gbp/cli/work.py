"""What predict and gbprop have to do: plan the results, and have a finished checkpoint."""

import os
from typing import Any, List, NamedTuple, Optional, Sequence

from legacy_gbp.batch.shards import ALL, Shard, shard_from_environment
from legacy_gbp.batch.slurm_step import slurm_step
from legacy_gbp.cli.data_folder import data_files, no_data_named
from legacy_gbp.cli.first_training import train_first
from legacy_gbp.cli.outputs import recipe_for
from legacy_gbp.cli.parser import Options
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.atomic import check_destination
from legacy_gbp.io.checkpoint_files import (
    INDEX,
    check_checkpoint,
    files_of_checkpoint,
    finish_interrupted_save,
    prefix_of,
)
from legacy_gbp.io.console import print_line
from legacy_gbp.io.destinations import DRAWN_PAGE, HDF5, Output, check_outputs, made_by
from legacy_gbp.io.recipes import Recipe
from legacy_gbp.io.sources import files_read
from legacy_gbp.io.unfinished import check_finished, unfinished_training

WITHOUT_SHARDS = (("limit", "counts over all files"), ("show", "may leave a file half done"))


class Work(NamedTuple):
    """What predict or gbprop has to do.

    Attributes
    ----------
    planned : list of PlannedResult
        What is still to be made; maybe nothing.
    checkpoint : str
        Prefix.
    """

    planned: List[Any]
    checkpoint: str


def find_work(
    exercise: Exercise, options: Options, suffix: str, figure: Optional[str] = None
) -> Work:
    """Find data files and checkpoint, and plan the results. TensorFlow is not loaded.

    On the synthetic set, with no checkpoint named and no finished one there, the network
    is trained first, so that one command ends in a picture. Elsewhere the best checkpoint so
    far of a training that has not ended is refused.

    Parameters
    ----------
    exercise : Exercise
    options : Options
        Of :func:`legacy_gbp.cli.restored_options.add_restored_arguments`.
    suffix : str
        Of the result files of a folder.
    figure : str, optional
        Prefix of the pages.

    Returns
    -------
    Work

    Raises
    ------
    InputError, OutputError
        For what is wrong, before any work is done.
    """
    shard = options.shard or shard_from_environment(os.environ, slurm_step())
    by_file = bool(options.output_dir) or shard != ALL
    if by_file:
        _check_goes_with_shards(options, shard)
    for output in _outputs(options, options.output, figure)[:2]:
        check_destination(output.path)
    may_train = no_data_named(options.data_dir, options.files) and options.checkpoint is None
    prefix = prefix_of(options.checkpoint or exercise.checkpoint)
    finish_interrupted_save(prefix)
    if not may_train:
        remedy = f"make one with 'run_{exercise.name}.py train' or give `checkpoint`"
        check_checkpoint(prefix, remedy)
        check_finished(prefix)
    paths = options.files or data_files(exercise, options.data_dir, "predict")
    planned = _plan(exercise, options, paths, shard if by_file else None, suffix, figure)
    if planned:
        _check_planned(options, planned, paths, prefix)
    if not planned:
        print_line(f"-- shard {shard}: no file of {len(paths)} is left for it")
        return Work([], prefix)
    if may_train and not (os.path.exists(prefix + INDEX) and unfinished_training(prefix) is None):
        train_first(exercise, prefix, os.path.dirname(paths[0]))
    if by_file:
        planned = _unfinished(exercise, options, planned, prefix, shard, len(paths))
    return Work(planned, prefix)


def _plan(
    exercise: Exercise,
    options: Options,
    paths: Sequence[str],
    shard: Optional[Shard],
    suffix: str,
    figure: Optional[str],
) -> List[Any]:
    from legacy_gbp.results.plan import Labels, plan_file_by_file, plan_one

    labels = Labels(exercise.label_dataset, len(exercise.classes))
    if shard is None:
        return plan_one(paths, labels, options.output, figure)
    return plan_file_by_file(paths, labels, shard, options.output_dir, suffix, figure)


def _unfinished(
    exercise: Exercise,
    options: Options,
    planned: Sequence[Any],
    prefix: str,
    shard: Shard,
    total: int,
) -> List[Any]:
    from legacy_gbp.results.plan import tidy_folder, unfinished

    if options.output_dir:
        tidy_folder(options.output_dir)
    left = unfinished(planned, exercise.name, options.given(), prefix, options.overwrite)
    print_line(
        f"-- shard {shard}: {len(planned)} of {total} files, "
        f"{len(planned) - len(left)} finished before",
    )
    return left


def _check_goes_with_shards(options: Options, shard: Shard) -> None:
    if options.output:
        why = f"shard {shard}" if shard != ALL else "--output-dir"
        raise InputError(
            f"--output {options.output}: one file for all, but this is {why}; give --output-dir "
            "alone, or --shard 1/1 to read all files here"
        )
    for name, why in WITHOUT_SHARDS:
        if getattr(options, name, None):
            raise InputError(f"--{name} {why}; leave it out where files are taken one by one")


def recipe_of_result(options: Options, paths: Sequence[str], prefix: str) -> Recipe:
    """Return the recipe of a result of data files and a checkpoint.

    Parameters
    ----------
    options : Options
    paths : sequence of str
        Data files.
    prefix : str
        Of the checkpoint.

    Returns
    -------
    dict of str to str
    """
    return recipe_for(options, files_read([*paths, *files_of_checkpoint(prefix)]))


def _outputs(
    options: Options, path: Optional[str], figure: Optional[str], recipe: Optional[Recipe] = None
) -> List[Output]:
    """Return what one result and its pages are written to."""
    outputs = []
    if path:
        option = "--output-dir" if options.output_dir else "--output"
        outputs.append(Output(path, option, HDF5, made_by(recipe) if recipe else None))
    if figure:
        outputs += [
            Output(f"{figure}-{number:03d}.png", "--figure", DRAWN_PAGE)
            for number in range(1, options.pages + 1)
        ]
    return outputs


def _check_planned(
    options: Options, planned: Sequence[Any], paths: Sequence[str], prefix: str
) -> None:
    """Refuse outputs that would destroy something; a folder of results has its own check."""
    recipe = None if options.output_dir else recipe_of_result(options, paths, prefix)
    outputs = [
        one for result in planned for one in _outputs(options, result.path, result.figure, recipe)
    ]
    check_outputs(outputs, files_read([*paths, prefix]), options.overwrite)
