"""Folders of synthetic shots: the tutorial's file names and datasets, and the truth.

Beside the datasets of the measured files every file holds a group ``truth``:

=================  ===============================================================
loss_mask          (N, 2, 363, 284) bool, pixels that each colour's lasing emptied
gain_mask          the same, pixels that it filled
beam_mask          (N, 363, 284) bool, the beam without noise
speckle_mask       (N, 363, 284) bool, X-rays on the sensor
hot_pixel_mask     (363, 284) bool, defects of the run's camera
power              (N, 2, 568) float32, X-ray power P(t) of each colour, GW
time               (568,) float64, its axis, fs
class              (N,) int8, 0 neither, 1 first, 2 second, 3 both
amplitude          (N, 2) float64, what ``acq.e1.ampl``, ``acq.e2.ampl`` measure
=================  ===============================================================

Attributes of the group: the calibration of ``xtcavimg`` (``fs_per_column``,
``MeV_per_row``, ``column_of_zero``, ``row_of_zero``), the ``options`` that make
the file again, and the two grey levels that define the masks.
"""

import json
import os
from collections import namedtuple

import numpy as np

from legacy_gbp.data.synthetic import shot as shots
from legacy_gbp.data.synthetic.bunch import COLUMN_TIMES
from legacy_gbp.data.synthetic.camera import FS_PER_COLUMN, IMAGE, MEV_PER_ROW
from legacy_gbp.data.synthetic.labels import draw_labels
from legacy_gbp.data.synthetic.run import run_conditions
from legacy_gbp.data.xtcav import attributes_of, write_shots
from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import remove_stale
from legacy_gbp.io.console import progress

# The chunks that the exercises read, training files first and the one that ex07
# validates on last; longer lists go on counting.
CHUNKS = {
    69: ((11, 12, 13, 16, 18), 31),
    70: ((9, 14, 16, 17, 19), 49),
    71: ((3, 8, 12, 20, 27), 40),
    72: ((102,), None),
    73: ((121,), None),
}
PREDICTION_RUNS = (72, 73)
OFF = {"none": (), "first": (shots.FIRST,), "second": (shots.SECOND,), "both": (0, 1)}
OPTIONS = "options"

Recipe = namedtuple(
    "Recipe",
    "seed systematics independent unusable flip amplitude_error camera_noise off",
    defaults=(1, True, False, 0.4, 0.03, 0.1, True, "none"),
)
Recipe.__doc__ = """What the shots of a folder are drawn with.

seed: int; systematics: runs differ in beam and camera; independent: lasing does
not depend on the run; unusable, flip, amplitude_error: see
:func:`legacy_gbp.data.synthetic.labels.draw_labels`; camera_noise: False for
neither noise nor speckles; off: "none", or the colours whose lasing is switched
off ("first", "second", "both"): a folder of counterfactual twins.
"""


def file_list(runs, files):
    """(run, chunk, name) of every file of a set.

    Parameters
    ----------
    runs : sequence of int
    files : int
        Files of each run; a run that exercises train on gets one more, which
        ex07 validates on.
    """
    listed: list = []
    for run in runs:
        training, validation = CHUNKS.get(run, ((1,), None))
        last = max(training[-1], validation or 0)
        chunks = [*training, *range(last + 1, last + 1 + files)][:files]
        chunks += [validation] if validation else []
        kind = "pred" if run in PREDICTION_RUNS else "mlearn"
        names = [f"amo86815_{kind}-r{run:03d}-c{chunk:04d}.h5" for chunk in chunks]
        listed += zip([run] * len(chunks), chunks, names)
    return listed


def write_set(folder, listed, count, recipe):
    """Write the files that are not there yet.

    Parameters
    ----------
    folder : str
        May hold files of the same set made before, and nothing else.
    listed : list of (run, chunk, name)
        As of :func:`file_list`.
    count : int
        Shots a file.
    recipe : Recipe

    Raises
    ------
    InputError
        For a folder that holds something else, or files made otherwise.
    """
    _check_nothing_else(folder, listed)
    todo = [row for row in listed if not _is_there(folder, row, count, recipe)]
    total = count * len(todo)
    ticks = progress(range(total), total, "synthetic shots")
    for row in todo:
        _write_file(folder, row, count, recipe, ticks)


def shots_of_file(run_number, chunk, count, recipe):
    """All shots of one file, one by one.

    Parameters
    ----------
    run_number, chunk, count : int
    recipe : Recipe

    Returns
    -------
    Run
    Labels
    iterator of Shot
    """
    run = run_conditions(run_number, recipe.seed, recipe.systematics, recipe.independent)
    seed = [recipe.seed, run_number, chunk]
    rng = np.random.default_rng([*seed, 0])
    labels = draw_labels(run, count, rng, recipe.unusable, recipe.flip, recipe.amplitude_error)
    drawn = (
        shots.twin(
            shots.draw_shot(
                run, amplitude, [*seed, 1 + row], chunk, row / count, recipe.camera_noise
            ),
            OFF[recipe.off],
        )
        for row, amplitude in enumerate(labels.amplitude)
    )
    return run, labels, drawn


def _write_file(folder, row, count, recipe, ticks):
    run_number, chunk, name = row
    run, labels, drawn = shots_of_file(run_number, chunk, count, recipe)
    positions = np.zeros((count, 2))
    rows = (stored for stored, _ in zip(_rows(drawn, positions), ticks))
    columns = {**_columns(run, chunk, count, labels, positions), **_truth_of_file(run, labels)}
    attributes = {"truth": _attributes(run_number, chunk, count, recipe)}
    write_shots(os.path.join(folder, name), rows, count, columns, attributes)


def _rows(drawn, positions):
    """What is stored shot by shot; notes the peak positions on the way."""
    for row, shot in enumerate(drawn):
        # A photoelectron of higher energy arrives earlier.
        positions[row] = [100 - 0.1 * bunch.energy for bunch in shot.bunches]
        truth = shots.develop(shot)._asdict()
        yield {"xtcavimg": truth.pop("image"), **{f"truth/{k}": v for k, v in truth.items()}}


def _columns(run, chunk, count, labels, positions):
    """Datasets of the measured files: labels and identifiers of every shot."""
    index = chunk * count + np.arange(count)
    nanoseconds = index * (10**9 // 120)  # 120 shots a second
    return {
        "lasing": labels.lasing,
        "acq.enPeaksLabel": labels.colour,
        "acq.e1.ampl": labels.measured[:, 0],
        "acq.e1.pos": positions[:, 0],
        "acq.e2.ampl": labels.measured[:, 1],
        "acq.e2.pos": positions[:, 1],
        "evt.seconds": 1434000000 + 10000 * run.number + nanoseconds // 10**9,
        "evt.nanoseconds": nanoseconds % 10**9,
        "evt.fiducials": index * 3 % 0x1FFE0,  # 360 a second
        "run": np.full(count, run.number, np.int32),
        "run.index": index,
    }


def _truth_of_file(run, labels):
    hot = np.zeros(IMAGE, bool)
    rows, columns, _ = run.hot_pixels
    hot[rows // 2, columns // 2] = True
    return {
        "truth/class": labels.true_class,
        "truth/amplitude": labels.amplitude,
        "truth/hot_pixel_mask": hot,
        "truth/time": COLUMN_TIMES,
    }


def _attributes(run_number, chunk, count, recipe):
    return {
        OPTIONS: _options(run_number, chunk, count, recipe),
        "fs_per_column": 2 * FS_PER_COLUMN,
        "MeV_per_row": 2 * MEV_PER_ROW,
        "column_of_zero": (IMAGE[1] - 1) / 2,
        "row_of_zero": (IMAGE[0] - 1) / 2,
        "moved_grey_levels": shots.MOVED,
        "beam_grey_levels": shots.BEAM,
    }


def _options(run_number, chunk, count, recipe):
    made = {"run": run_number, "chunk": chunk, "shots": count, **recipe._asdict()}
    return json.dumps(made, sort_keys=True)


def _is_there(folder, row, count, recipe):
    """True for a file made by the same recipe; refuses one made by another."""
    run_number, chunk, name = row
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return False
    found = attributes_of(path, "truth").get(OPTIONS)
    if found is None:
        raise InputError(
            f"{path}: exists and is not of this command; choose another folder or remove the file"
        )
    wanted, found = json.loads(_options(run_number, chunk, count, recipe)), json.loads(found)
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{path}: exists and was made with other options ({name} {found.get(name)}, not "
                f"{value}); choose another folder or remove the file"
            )
    return True


def _check_nothing_else(folder, listed):
    if not os.path.exists(folder):
        return
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: is a file; give the name of a folder")
    remove_stale(folder)
    foreign = sorted(set(os.listdir(folder)) - {name for _, _, name in listed})
    foreign = [name for name in foreign if not name.startswith(".")]
    if foreign:
        raise InputError(
            f"{folder}: holds other files ({foreign[0]}{', ...' if len(foreign) > 1 else ''}); "
            "choose an empty or new folder"
        )
