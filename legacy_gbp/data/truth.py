"""Shots of one file as they are, with their truth where the file knows it.

Measured files hold images and labels alone; what :mod:`.synthetic.files`
writes has a group ``truth`` beside them. Rows labelled -1 are read too.
"""

from collections import namedtuple

import numpy as np

from legacy_gbp.data.xtcav import IMAGES, check_images, open_hdf5, read_rows
from legacy_gbp.errors import InputError

LABELS = ("lasing", "acq.enPeaksLabel")

Seen = namedtuple("Seen", "rows images labels truth")
Seen.__doc__ = """Shots of a file.

rows: (n,) int; images: (n, 363, 284); labels: dict of (n,) int for each label
dataset of the file; truth: Truth, or None.
"""

Truth = namedtuple(
    "Truth",
    "loss_mask gain_mask power time true_class"
    " fs_per_column MeV_per_row column_of_zero row_of_zero",
)
Truth.__doc__ = """See :mod:`legacy_gbp.data.synthetic.files`; (n, ...) each but the axes."""


def read_seen(path, chosen, most):
    """Read some shots of a file.

    Parameters
    ----------
    path : str
    chosen : slice
        Rows, as Python counts them.
    most : int
        More shots are refused.

    Returns
    -------
    Seen

    Raises
    ------
    InputError
        For a foreign file, no row at all, or too many.
    """
    with open_hdf5(path) as file:
        count, dtype = check_images(file, path)
        rows = np.arange(count)[chosen]
        if not len(rows):
            raise InputError(
                f"{path}: --index {_text(chosen)} takes no shot; the file holds {count}, "
                f"0 to {count - 1}"
            )
        if len(rows) > most:
            raise InputError(
                f"{path}: --index {_text(chosen)} takes {len(rows)} shots; {most} at most, such as "
                f"0:{most}"
            )
        ascending = np.sort(rows)
        images = np.empty((len(rows), *file[IMAGES].shape[1:3], 1), dtype)
        read_rows(file[IMAGES], path, ascending, images, np.argsort(rows))
        labels = {name: file[name][()][rows] for name in LABELS if name in file}
        truth = _truth(file["truth"], rows) if "truth" in file else None
    return Seen(rows, images[..., 0], labels, truth)


def _truth(group, rows):
    drawn = ("loss_mask", "gain_mask", "power")
    read = {name: np.stack([group[name][row] for row in rows]) for name in drawn}
    axes = {name: group.attrs[name] for name in Truth._fields[5:]}
    return Truth(time=group["time"][()], true_class=group["class"][()][rows], **read, **axes)


def _text(chosen):
    parts = ["" if part is None else str(part) for part in (chosen.start, chosen.stop, chosen.step)]
    return ":".join(parts[:2] if chosen.step is None else parts)
