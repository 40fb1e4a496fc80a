"""Labelled shots by index: from many files, read when asked, or from arrays in memory."""

import sys
from typing import Any, List, Sequence

import numpy as np

from legacy_gbp.data.xtcav import (
    IMAGE_SHAPE,
    IMAGES,
    NO_LABEL,
    UNUSABLE,
    bad_labels,
    check_images,
    check_images_finite,
    read_labels,
    read_rows,
)
from legacy_gbp.errors import InputError
from legacy_gbp.io.unchanged_file import UnchangedFile

if sys.version_info >= (3, 8):
    from typing import Protocol
else:
    from typing_extensions import Protocol


class Shots(Protocol):
    """What a training needs of its data.

    Attributes
    ----------
    labels : (n,) int64 array
    rows : (n,) int64 array
        Row within its file or array.
    """

    labels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int: ...

    def read(self, indices: Any) -> np.ndarray:
        """Return the images (m, 363, 284, 1) of the given shots, in the given order.

        Parameters
        ----------
        indices : (m,) int array
            Positions in this index.

        Returns
        -------
        (m, 363, 284, 1) array
        """
        ...


class FileShots:
    """The usable shots of a list of files, in file order. Memory does not grow with the files.

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
    paths : list of str
    labels : (n,) int64 array
    files : (n,) int64 array
        Index into `paths`.
    rows : (n,) int64 array
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

    Examples
    --------
    >>> shots = FileShots(paths, "lasing", 2)  # doctest: +SKIP
    >>> shots.read([0, 1]).shape  # doctest: +SKIP
    (2, 363, 284, 1)
    """

    def __init__(
        self,
        paths: Sequence[str],
        label_dataset: str,
        classes: int,
        need_labels: bool = True,
        need_rows: bool = True,
    ) -> None:
        self.paths = list(paths)
        self._opened = [UnchangedFile(path) for path in self.paths]
        labels: List[np.ndarray] = []
        files: List[np.ndarray] = []
        rows: List[np.ndarray] = []
        dtypes: List[np.dtype] = []
        self.skipped = 0
        for number, path in enumerate(self.paths):
            with self._opened[number].open(IMAGES, label_dataset) as file:
                count, dtype = check_images(file, path)
                label = read_labels(file, path, label_dataset, classes, count, need_labels)
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

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """Return file and row of a shot, for messages.

        Parameters
        ----------
        index : int

        Returns
        -------
        str
        """
        return f"{self.paths[self.files[index]]} row {self.rows[index]}"

    def read(self, indices: Any) -> np.ndarray:
        """Return the images of the given shots, in the given order.

        Every file is opened once and read in ascending row order, so that a
        chunk is decompressed once.

        Parameters
        ----------
        indices : (m,) int array
            Positions in this index.

        Returns
        -------
        (m, 363, 284, 1) array of `dtype`

        Raises
        ------
        InputError
            For missing or damaged data, NaN or Inf, and a file that is not the one that was
            indexed.
        """
        indices = np.asarray(indices)
        images = np.empty((len(indices), *IMAGE_SHAPE, 1), self.dtype)
        files, rows = self.files[indices], self.rows[indices]
        for number in np.unique(files):
            places = np.nonzero(files == number)[0]
            places = places[np.argsort(rows[places], kind="stable")]
            path = self.paths[number]
            with self._opened[number].open(IMAGES) as file:
                read_rows(file[IMAGES], path, rows[places], images, places)
        return images


class ArrayShots:
    """Shots in memory, with the interface of :class:`FileShots`.

    Parameters
    ----------
    images : (n, 363, 284) or (n, 363, 284, 1) array
        Camera counts, of any number type.
    labels : (n,) int array
        0..K-1; rows with -1 are left out.

    Attributes
    ----------
    labels, rows : (m,) int64 array
        Of the usable rows.
    dtype : numpy.dtype

    Raises
    ------
    InputError
        For shapes that do not fit, wrong labels, or no usable row.
    """

    def __init__(self, images: Any, labels: Any) -> None:
        self._images, labels = np.asarray(images), np.asarray(labels)
        if self._images.shape[1:] not in (IMAGE_SHAPE, (*IMAGE_SHAPE, 1)):
            raise InputError(f"images of shape {self._images.shape}; give (n, 363, 284)")
        if labels.shape != self._images.shape[:1]:
            raise InputError(
                f"{len(self._images)} images but labels of shape {labels.shape}; give one an image"
            )
        bad = bad_labels(labels, np.inf)
        if len(bad):
            raise InputError(f"label {labels[bad[0]]} of image {bad[0]}; give 0, 1, ... or -1")
        self.rows = np.nonzero(labels != UNUSABLE)[0]
        self.labels = labels[self.rows].astype(np.int64)
        if not len(self.labels):
            raise InputError("no usable row: every label is -1; give labelled shots")
        self.dtype = self._images.dtype

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: Any) -> np.ndarray:
        """Return the images of the given shots.

        Parameters
        ----------
        indices : (m,) int array

        Returns
        -------
        (m, 363, 284, 1) array of `dtype`

        Raises
        ------
        InputError
            For NaN or Inf.
        """
        rows = self.rows[np.asarray(indices)]
        images: np.ndarray = self._images[rows].reshape((-1, *IMAGE_SHAPE, 1))
        check_images_finite(images, "array of images:", rows)
        return images
