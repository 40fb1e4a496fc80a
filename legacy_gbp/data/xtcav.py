"""XTCAV files: HDF5 in the layout of the amo86815 tutorial files.

A file holds ``xtcavimg`` (N, 363, 284) int16 and, beside it, one label per
shot: ``lasing`` (0/1) or ``acq.enPeaksLabel`` (-1..3, -1 means do not use).
Other datasets are ignored. :class:`FileShots` indexes the usable shots of many
files and reads images when asked, so that memory does not grow with the files.
"""

import os

import h5py
import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import check_room, written_aside

IMAGES = "xtcavimg"
IMAGE_SHAPE = (363, 284)
UNUSABLE = -1
NO_LABEL = -1
MOST_ROWS_A_BLOCK = 64
MASK_TILES = 4  # a row


class FileShots:
    """The usable shots of a list of files, in file order.

    Parameters
    ----------
    paths : sequence of str
    label_dataset : str
        ``"lasing"`` or ``"acq.enPeaksLabel"``.
    classes : int
        Labels must lie in 0..classes-1; rows labelled -1 are left out.
    need_labels : bool
        False accepts files without the label dataset; their labels are NO_LABEL.
    need_rows : bool
        False accepts files of which every row is labelled -1.

    Attributes
    ----------
    labels : (n,) int64
    files : (n,) int64
        Index into `paths`.
    rows : (n,) int64
        Row within the file.
    dtype : numpy.dtype
        Of the images.
    skipped : int
        Rows left out because their label is -1.

    Raises
    ------
    InputError
        For a missing, truncated or foreign file, a missing dataset, a wrong
        shape or type, a label out of range, or no usable row at all.
    """

    def __init__(self, paths, label_dataset, classes, need_labels=True, need_rows=True):
        self.paths = list(paths)
        labels, files, rows, dtypes = [], [], [], []
        self.skipped = 0
        for number, path in enumerate(self.paths):
            with open_hdf5(path) as file:
                count, dtype = check_images(file, path)
                label = _read_labels(file, path, label_dataset, classes, count, need_labels)
            if label is None:
                usable, label = np.arange(count), np.full(count, NO_LABEL)
            else:
                usable = np.nonzero(label != UNUSABLE)[0]
                label = label[usable]
            self.skipped += count - len(usable)
            labels.append(label.astype(np.int64))
            files.append(np.full(len(usable), number))
            rows.append(usable)
            dtypes.append(dtype)
        self.labels = np.concatenate(labels)
        if need_rows and not len(self.labels):
            raise InputError(
                f"{', '.join(self.paths)}: no usable row ({self.skipped} with label -1 in "
                f"{label_dataset!r}); give files with labelled shots"
            )
        self.files, self.rows = np.concatenate(files), np.concatenate(rows)
        self.dtype = np.result_type(*dtypes)

    def __len__(self):
        return len(self.labels)

    def read(self, indices):
        """Images of the given shots, in the given order.

        Every file is opened once and read in ascending row order, so that a
        chunk is decompressed once.

        Parameters
        ----------
        indices : (m,) int
            Positions in this index.

        Returns
        -------
        (m, 363, 284, 1) of `dtype`
        """
        indices = np.asarray(indices)
        images = np.empty((len(indices), *IMAGE_SHAPE, 1), self.dtype)
        files, rows = self.files[indices], self.rows[indices]
        for number in np.unique(files):
            places = np.nonzero(files == number)[0]
            places = places[np.argsort(rows[places], kind="stable")]
            path = self.paths[number]
            with open_hdf5(path) as file:
                read_rows(file[IMAGES], path, rows[places], images, places)
        return images


class ArrayShots:
    """Shots already in memory, with the same face as :class:`FileShots`.

    Parameters
    ----------
    images : (n, 363, 284) or (n, 363, 284, 1) array
    labels : (n,) int
        0..K-1; rows with -1 are left out.
    """

    def __init__(self, images, labels):
        self._images, labels = np.asarray(images), np.asarray(labels)
        if self._images.shape[1:] not in (IMAGE_SHAPE, (*IMAGE_SHAPE, 1)):
            raise InputError(f"images of shape {self._images.shape}; give (n, 363, 284)")
        if labels.shape != self._images.shape[:1]:
            raise InputError(
                f"{len(self._images)} images but labels of shape {labels.shape}; give one an image"
            )
        bad = _bad_labels(labels, np.inf)
        if len(bad):
            raise InputError(f"label {labels[bad[0]]} of image {bad[0]}; give 0, 1, ... or -1")
        self.rows = np.nonzero(labels != UNUSABLE)[0]
        self.labels = labels[self.rows].astype(np.int64)
        if not len(self.labels):
            raise InputError("no usable row: every label is -1; give labelled shots")
        self.dtype = self._images.dtype

    def __len__(self):
        return len(self.labels)

    def read(self, indices):
        """Images of the given shots, (m, 363, 284, 1)."""
        rows = self.rows[np.asarray(indices)]
        images = self._images[rows].reshape((-1, *IMAGE_SHAPE, 1))
        _check_finite(images, "array of images:", rows)
        return images


def open_hdf5(path):
    """Open a file for reading, or say in one line why not."""
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; check --data-dir (or DATADIR) and the name")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; name its .h5 files, or give it by --data-dir")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read by you; change its permissions")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not a whole HDF5 file ({_first_line(error)}); copy it again"
        ) from error


def write_shots(path, rows, count, columns, attributes=None, compression="gzip"):
    """Write one file in the tutorial's layout, shot by shot.

    Parameters
    ----------
    path : str
    rows : iterable of dict of str to array
        What is stored shot by shot, such as ``xtcavimg`` (363, 284) int16. One
        chunk a shot: a random batch reads what it needs. Rows of zeros take no
        room.
    count : int
        Number of shots.
    columns : dict of str to array
        What is stored whole, such as ``lasing`` (count,). Both kinds may stand
        in groups (``truth/class``).
    attributes : dict of str to dict, optional
        Attributes of groups.
    compression : str or None

    """
    with written_aside(path) as partial, h5py.File(partial, "w") as file:
        datasets = {}
        for number, row in enumerate(rows):
            check_room(path, sum(values.nbytes for values in row.values()))
            for name, values in row.items():
                if not number:
                    shape = (count, *values.shape)
                    datasets[name] = _create(file, name, shape, values.dtype, compression)
                _write_row(datasets[name], number, values)
        for name, values in columns.items():
            check_room(path, np.asarray(values).nbytes)
            file.create_dataset(name, data=values)
        for group, named in (attributes or {}).items():
            file[group].attrs.update(named)


def _create(file, name, shape, dtype, compression):
    """A dataset with one chunk a shot; masks in tiles, of which the empty ones take no room."""
    mask = np.issubdtype(dtype, np.bool_)
    tile = -(-shape[-1] // MASK_TILES) if mask else shape[-1]
    return file.create_dataset(
        name,
        shape,
        dtype,
        chunks=(1, *shape[1:-1], tile),
        compression=compression,
        compression_opts=1 if compression else None,
        shuffle=not mask,
    )


def _write_row(dataset, number, values):
    """Write one shot, but for the tiles at either end that hold nothing."""
    tile = dataset.chunks[-1]
    filled = np.nonzero(values.reshape(-1, values.shape[-1]).any(axis=0))[0] // tile
    if len(filled):
        used = slice(filled[0] * tile, (filled[-1] + 1) * tile)
        dataset[(number, ..., used)] = values[..., used]


def attributes_of(path, group):
    """Attributes of a group of a file; none where there is no such group."""
    with open_hdf5(path) as file:
        return dict(file[group].attrs) if group in file else {}


def check_images(file, path):
    """Number of rows and dtype of the image dataset, checked."""
    images = _dataset(file, path, IMAGES)
    if images.shape is None or images.shape[1:] not in (IMAGE_SHAPE, (*IMAGE_SHAPE, 1)):
        raise InputError(
            f"{path}: dataset {IMAGES!r} has shape {images.shape}; expected (N, 363, 284)"
        )
    if images.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: dataset {IMAGES!r} has type {images.dtype}; expected int16 or another number "
            "type"
        )
    if not len(images):
        raise InputError(f"{path}: dataset {IMAGES!r} holds no image; leave the file out")
    # Wider floats are read as float32, which is what the networks take.
    return len(images), np.dtype(np.float32) if images.dtype.kind == "f" else images.dtype


def _read_labels(file, path, name, classes, count, needed):
    if name not in file and not needed:
        return None
    labels = _dataset(file, path, name)
    if labels.shape != (count,) or labels.dtype.kind not in "iufb":
        raise InputError(
            f"{path}: dataset {name!r} has shape {labels.shape} and type {labels.dtype}; expected "
            f"{count} integers, one an image"
        )
    try:
        values = labels[()]
    except OSError as error:
        raise _unreadable(path, name, error) from error
    bad = _bad_labels(values, classes)
    if len(bad):
        raise InputError(
            f"{path}: dataset {name!r} row {bad[0]} is {values[bad[0]]}; labels lie in "
            f"0..{classes - 1} (or -1: do not use)"
        )
    return values.astype(np.int64)


def _bad_labels(values, classes):
    """Places of labels that are not whole numbers from -1 to classes - 1."""
    with np.errstate(invalid="ignore"):  # NaN compares as it should: it is bad
        good = (values == np.floor(values)) & (values >= UNUSABLE) & (values < classes)
    return np.nonzero(~good)[0]


def _dataset(file, path, name):
    try:
        found = file.get(name)
    except (KeyError, OSError):  # a link that leads nowhere
        found = None
    if isinstance(found, h5py.Group):
        raise InputError(f"{path}: {name!r} is a group; expected a dataset")
    if found is None:
        holds = ", ".join(sorted(set(file) - {name})) or "nothing else"
        raise InputError(f"{path}: no dataset {name!r}; the file holds {holds}")
    return found


def read_rows(dataset, path, rows, images, places):
    """Copy ascending rows of an open file into `images` at `places`.

    Rows in a row go from the file to their place, others a chunk at a time, so
    that a chunk is decompressed once.
    """
    together = (np.diff(rows) == 1).all() and (np.diff(places) == 1).all()
    if together and dataset.dtype == images.dtype:
        whole = images[places[0] : places[-1] + 1].reshape(-1, *dataset.shape[1:])
        try:
            dataset.read_direct(whole, np.s_[rows[0] : rows[-1] + 1])
        except OSError as error:
            raise _unreadable(path, IMAGES, error) from error
        _check_finite(images[places], f"{path}: dataset {IMAGES!r}", rows)
        return
    chunk = min(dataset.chunks[0], MOST_ROWS_A_BLOCK) if dataset.chunks else 1
    for part in np.split(np.arange(len(rows)), np.nonzero(np.diff(rows // chunk))[0] + 1):
        first = rows[part[0]]
        try:
            block = dataset[first : rows[part[-1]] + 1]
        except OSError as error:
            raise _unreadable(path, IMAGES, error) from error
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes Inf, and is named
            chosen = block[rows[part] - first].astype(images.dtype)
        chosen = chosen.reshape((-1, *IMAGE_SHAPE, 1))
        _check_finite(chosen, f"{path}: dataset {IMAGES!r}", rows[part])
        images[places[part]] = chosen


def _check_finite(images, where, rows):
    """Refuse what a ReLU would swallow silently: max(NaN, 0) is 0."""
    if images.dtype.kind != "f":
        return
    bad = np.nonzero(~np.isfinite(images).all(axis=(1, 2, 3)))[0]
    if len(bad):
        raise InputError(
            f"{where} row {rows[bad[0]]} holds NaN, Inf or more than float32 can; repair the image "
            "or leave it out (label -1)"
        )


def _unreadable(path, name, error):
    return InputError(
        f"{path}: dataset {name!r} cannot be read ({_first_line(error)}); copy the file again"
    )


def _first_line(error):
    return str(error).split("\n")[0]
