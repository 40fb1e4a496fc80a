"""The rows of an HDF5 dataset that are asked for."""

from typing import Any, NamedTuple, Tuple

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import FAILURES, unreadable

COPY_AGAIN = "copy the file again, or write it again"


class Rows(NamedTuple):
    """The rows from `start` to `stop` - 1.

    Attributes
    ----------
    dataset : h5py.Dataset
    path, name : str
        Of the file and the dataset, for messages.
    start, stop : int
        0..N.
    filled : bool
        Accept what was never written: it reads as the fill value.
    """

    dataset: Any
    path: str
    name: str
    start: int
    stop: int
    filled: bool

    @property
    def shape(self) -> Tuple[int, ...]:
        """The shape of the rows."""
        return (self.stop - self.start, *self.dataset.shape[1:])

    def missing(self, what: str) -> InputError:
        """Return the error for what is not stored.

        Parameters
        ----------
        what : str
            Said of the dataset.

        Returns
        -------
        InputError
        """
        return InputError(f"{self.path}: dataset {self.name!r} {what}; {COPY_AGAIN}")


def ask_hdf5(rows: Rows, index: Any) -> Any:
    """Return a part of the dataset as HDF5 reads it.

    Parameters
    ----------
    rows : Rows
    index : slice or tuple
        Of the dataset.

    Returns
    -------
    array

    Raises
    ------
    InputError
        For what HDF5 cannot read.
    """
    try:
        return rows.dataset[index]
    except FAILURES as error:
        raise unreadable(rows.path, rows.name, error) from error
