"""Where the data files are: --data-dir, else DATADIR, else the synthetic set."""

import os

from legacy_gbp.data.synthetic.cached import cached_set
from legacy_gbp.data.xtcav import FileShots


def data_files(exercise, options, part, small=False):
    """Paths of a part of the exercise's data.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
        With ``data_dir``.
    part : str
        ``"train"``, ``"validation"`` or ``"predict"``.
    small : bool
        One file a run.

    Returns
    -------
    list of str
    """
    return exercise.selection.files(data_folder(options), part, small)


def data_folder(options):
    """The folder; the synthetic set is made when nothing was said."""
    if options.data_dir is None:
        options.data_dir = os.environ.get("DATADIR") or cached_set()
    return options.data_dir


def only_synthetic(options):
    """True when neither a folder nor files were named: the small set is in use."""
    return not (options.data_dir or os.environ.get("DATADIR") or options.files)


def labelled_shots(exercise, paths):
    """Shots whose labels are there, for training."""
    return FileShots(paths, exercise.label_dataset, len(exercise.classes))
