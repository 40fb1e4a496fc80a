"""Folders of synthetic shots: the tutorial's file names and datasets, and the truth.

Beside the datasets of the measured files every file has a group ``truth``:

=================  ===============================================================
loss_mask          (N, 2, 363, 284) bool, pixels that each colour's lasing emptied
gain_mask          the same, pixels that it filled
beam_mask          (N, 363, 284) bool, the beam without noise
speckle_mask       (N, 363, 284) bool, X-rays on the sensor
hot_pixel_mask     (363, 284) bool, defects of the run's sensor
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
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence

import numpy as np

from legacy_gbp.data.synthetic import shot as shots
from legacy_gbp.data.synthetic.bunch import COLUMN_TIMES
from legacy_gbp.data.synthetic.camera import FS_PER_COLUMN, IMAGE, MEV_PER_ROW, image_mask
from legacy_gbp.data.synthetic.labels import Labels, draw_labels
from legacy_gbp.data.synthetic.run import Run, run_conditions
from legacy_gbp.data.xtcav_writer import write_shots
from legacy_gbp.errors import InputError, first_line
from legacy_gbp.io.atomic import remove_stale
from legacy_gbp.io.console import progress
from legacy_gbp.io.hdf5_attributes import attributes_of

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
SHOTS_PER_SECOND = 120
FIDUCIALS_PER_SHOT = 3  # 360 a second
FIDUCIALS = 0x1FFE0  # where they start again


class Recipe(NamedTuple):
    """What the shots of a folder are drawn with.

    Attributes
    ----------
    seed : int
        0 or more.
    systematics : bool
        Whether runs differ in beam and sensor.
    independent : bool
        Whether lasing does not depend on the run.
    unusable : float
        Share of shots, 0..1, whose label is -1 whatever they show.
    flip : float
        Share of the usable labels, 0..1, replaced by another class.
    amplitude_error : float
        Relative standard error of the measured amplitudes, 0 or more.
    camera_noise : bool
        False: neither noise nor speckles.
    off : str
        ``"none"``, or the colours whose lasing is switched off (``"first"``,
        ``"second"``, ``"both"``): a folder of counterfactual twins.
    """

    seed: int = 1
    systematics: bool = True
    independent: bool = False
    unusable: float = 0.4
    flip: float = 0.03
    amplitude_error: float = 0.1
    camera_noise: bool = True
    off: str = "none"


class FileEntry(NamedTuple):
    """One file of a set.

    Attributes
    ----------
    run : int
        1..999.
    chunk : int
    name : str
        Without its folder.
    """

    run: int
    chunk: int
    name: str


class DrawnFile(NamedTuple):
    """The shots of one file, before they are developed.

    Attributes
    ----------
    run : Run
    labels : Labels
        Of all shots.
    shots : iterator of Shot
        Drawn one by one.
    """

    run: Run
    labels: Labels
    shots: Iterator[shots.Shot]


def file_list(runs: Iterable[int], files: int) -> List[FileEntry]:
    """Return every file of a set.

    Parameters
    ----------
    runs : iterable of int
        1..999 each.
    files : int
        Files of each run, 1 or more; a run that exercises train on gets one
        more, which ex07 validates on.

    Returns
    -------
    list of FileEntry
    """
    entries: List[FileEntry] = []
    for run in runs:
        training, validation = CHUNKS.get(run, ((1,), None))
        last = max(training[-1], validation or 0)
        chunks = [*training, *range(last + 1, last + 1 + files)][:files]
        chunks += [validation] if validation else []
        kind = "pred" if run in PREDICTION_RUNS else "mlearn"
        entries += [
            FileEntry(run, chunk, f"amo86815_{kind}-r{run:03d}-c{chunk:04d}.h5") for chunk in chunks
        ]
    return entries


def write_set(folder: str, entries: Sequence[FileEntry], count: int, recipe: Recipe) -> None:
    """Write the files that are not there yet.

    Parameters
    ----------
    folder : str
        May contain files of the same set made before, and nothing else.
    entries : sequence of FileEntry
        As of :func:`file_list`.
    count : int
        Shots a file, 1 or more.
    recipe : Recipe

    Raises
    ------
    InputError
        For a folder with other files, or files made with other options.
    OutputError
        When a file cannot be written.
    """
    _check_nothing_else(folder, entries)
    missing = [entry for entry in entries if not _is_there(folder, entry, count, recipe)]
    total = count * len(missing)
    ticks = progress(range(total), total, "synthetic shots")
    for entry in missing:
        _write_file(folder, entry, count, recipe, ticks)


def shots_of_file(run_number: int, chunk: int, count: int, recipe: Recipe) -> DrawnFile:
    """Draw all shots of one file, one by one.

    Parameters
    ----------
    run_number : int
        1..999.
    chunk : int
        0 or more.
    count : int
        Number of shots, 1 or more.
    recipe : Recipe

    Returns
    -------
    DrawnFile
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
    return DrawnFile(run, labels, drawn)


def _write_file(
    folder: str, entry: FileEntry, count: int, recipe: Recipe, ticks: Iterator[int]
) -> None:
    """Write one file; every shot takes one tick of the progress."""
    drawn = shots_of_file(entry.run, entry.chunk, count, recipe)
    positions = np.zeros((count, 2))
    rows = (stored for stored, _ in zip(_rows(drawn.shots, positions), ticks))
    columns = {**_columns(drawn, entry.chunk, positions), **_truth_columns(drawn)}
    attributes = {"truth": _attributes(entry, count, recipe)}
    write_shots(os.path.join(folder, entry.name), rows, count, columns, attributes)


def _rows(drawn: Iterable[shots.Shot], positions: np.ndarray) -> Iterator[Dict[str, np.ndarray]]:
    """Yield what is stored shot by shot; fill in the peak positions."""
    for row, shot in enumerate(drawn):
        # A photoelectron of higher energy arrives earlier.
        positions[row] = [100 - 0.1 * bunch.energy for bunch in shot.bunches]
        truth = shots.develop(shot)._asdict()
        image = truth.pop("image")
        yield {"xtcavimg": image, **{f"truth/{name}": values for name, values in truth.items()}}


def _columns(drawn: DrawnFile, chunk: int, positions: np.ndarray) -> Dict[str, np.ndarray]:
    """Return the datasets of the measured files: labels and identifiers of every shot."""
    run, labels = drawn.run, drawn.labels
    count = len(positions)
    index = chunk * count + np.arange(count)
    nanoseconds = index * (10**9 // SHOTS_PER_SECOND)
    return {
        "lasing": labels.lasing,
        "acq.enPeaksLabel": labels.peaks,
        "acq.e1.ampl": labels.measured[:, 0],
        "acq.e1.pos": positions[:, 0],
        "acq.e2.ampl": labels.measured[:, 1],
        "acq.e2.pos": positions[:, 1],
        "evt.seconds": 1434000000 + 10000 * run.number + nanoseconds // 10**9,
        "evt.nanoseconds": nanoseconds % 10**9,
        "evt.fiducials": index * FIDUCIALS_PER_SHOT % FIDUCIALS,
        "run": np.full(count, run.number, np.int32),
        "run.index": index,
    }


def _truth_columns(drawn: DrawnFile) -> Dict[str, np.ndarray]:
    """Return what is stored of the truth at once."""
    return {
        "truth/class": drawn.labels.true_class,
        "truth/amplitude": drawn.labels.amplitude,
        "truth/hot_pixel_mask": image_mask(drawn.run.defects.hot_pixels),
        "truth/time": COLUMN_TIMES,
    }


def _attributes(entry: FileEntry, count: int, recipe: Recipe) -> Dict[str, Any]:
    return {
        OPTIONS: json.dumps(_options(entry, count, recipe), sort_keys=True),
        "fs_per_column": 2 * FS_PER_COLUMN,
        "MeV_per_row": 2 * MEV_PER_ROW,
        "column_of_zero": (IMAGE[1] - 1) / 2,
        "row_of_zero": (IMAGE[0] - 1) / 2,
        "moved_grey_levels": shots.MOVED,
        "beam_grey_levels": shots.BEAM,
    }


def _options(entry: FileEntry, count: int, recipe: Recipe) -> Dict[str, Any]:
    """Return what makes a file again."""
    return {"run": entry.run, "chunk": entry.chunk, "shots": count, **recipe._asdict()}


def _is_there(folder: str, entry: FileEntry, count: int, recipe: Recipe) -> bool:
    """Return whether a file made by the same recipe is there; refuse one made by another."""
    path = os.path.join(folder, entry.name)
    if not os.path.exists(path):
        return False
    options = attributes_of(path, "truth").get(OPTIONS)
    if options is None:
        raise InputError(
            f"{path}: exists and was not written as a synthetic file; choose another folder or "
            "remove the file"
        )
    try:
        found = dict(json.loads(options))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: its attribute {OPTIONS!r} is damaged ({first_line(error)}); remove the file"
        ) from error
    for name, value in _options(entry, count, recipe).items():
        if found.get(name) != value:
            raise InputError(
                f"{path}: exists and was made with other options ({name} {found.get(name)}, not "
                f"{value}); choose another folder or remove the file"
            )
    return True


def _check_nothing_else(folder: str, entries: Sequence[FileEntry]) -> None:
    """Refuse a folder with other files; remove what killed processes left in it."""
    if not os.path.exists(folder):
        return
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: is a file; give the name of a folder")
    remove_stale(folder)
    foreign = sorted(set(os.listdir(folder)) - {entry.name for entry in entries})
    foreign = [name for name in foreign if not name.startswith(".")]
    if foreign:
        raise InputError(
            f"{folder}: holds other files ({foreign[0]}{', ...' if len(foreign) > 1 else ''}); "
            "choose an empty or new folder"
        )
