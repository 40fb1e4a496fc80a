"""What predict and gbprop share: restore the network, record rows."""

import contextlib
import json
import os
from typing import Any, Callable, Iterator

from legacy_gbp.cli.parser import Options
from legacy_gbp.cli.work import Work, recipe_of_result
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.console import print_line
from legacy_gbp.io.recipes import ATTRIBUTE, as_text


def restore(exercise: Exercise, work: Work) -> Any:
    """Restore the network of an exercise, and say what is read.

    Parameters
    ----------
    exercise : Exercise
    work : Work

    Returns
    -------
    XtcavCheckpoint

    Raises
    ------
    InputError
        For an unreadable checkpoint.
    """
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    samples = sum(len(result.shots) for result in work.planned)
    print_line(f"-- read {samples} samples for prediction")
    skipped = sum(result.shots.skipped for result in work.planned)
    if skipped:
        print_line(f"-- left out {skipped} samples labelled -1 (do not use)")
    load_quietly()
    from legacy_gbp.exercises.checkpoint import XtcavCheckpoint

    source = XtcavCheckpoint(exercise, work.checkpoint)
    print_line(f"restored model from {work.checkpoint}")
    return source


@contextlib.contextmanager
def recorded(
    exercise: Exercise, options: Options, planned: Any, source: Any
) -> Iterator[Callable[..., None]]:
    """Open the file of a result, where one is asked for.

    Parameters
    ----------
    exercise : Exercise
    options : Options
    planned : PlannedResult
    source : XtcavCheckpoint

    Yields
    ------
    callable
        ``record(indices, **columns)`` appends one row a shot, with its label
        (-1: none), file and row; without a file it does nothing.
    """
    if not planned.path:
        yield lambda indices, **columns: None
        return
    import numpy as np
    import tensorflow as tf

    from legacy_gbp.results.provenance import Origin, identity_of_data, provenance
    from legacy_gbp.results.writer import result_file

    shots = planned.shots
    origin = Origin(exercise.name, options.given(), source.path, source.preparation, tf.__version__)
    facts = provenance(origin, shots.paths)
    usable = np.bincount(shots.files, minlength=len(shots.paths))
    facts["data_shots"] = json.dumps(usable.tolist())
    if options.output:
        facts[ATTRIBUTE] = as_text(recipe_of_result(options, shots.paths, source.path))
    if planned.facts:  # one of many: a later task must recognise its data file
        facts.update(planned.facts, **identity_of_data(*shots.paths))
    paths = np.array([os.path.abspath(path) for path in shots.paths], dtype=object)
    with result_file(planned.path, facts, getattr(options, "compress", False)) as append:
        yield lambda indices, **columns: append(
            label=shots.labels[indices],
            file=paths[shots.files[indices]],
            row=shots.rows[indices],
            **columns,
        )
