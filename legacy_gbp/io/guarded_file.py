"""A new file whose first failure is remembered and does not stop its writer.

Writers of formats do not survive a full disk: HDF5 cannot close its file any more, and
crashes when the process ends; a zip archive complains when it is collected. So they write
here. After a failure nothing is written, and the writer comes to its end; the failure is
raised afterwards.
"""

import io
import os
from typing import Any, Optional


class GuardedFile(io.RawIOBase):
    """A file that is open for reading and writing, by its descriptor.

    Parameters
    ----------
    descriptor : int
        Of an empty file; closed by :meth:`close`.

    Attributes
    ----------
    descriptor : int
    failure : OSError or None
        The first that a write met.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.failure: Optional[OSError] = None
        self._place, self._length = 0, 0

    def check(self) -> None:
        """Raise the failure that a write met.

        Raises
        ------
        OSError
        """
        if self.failure is not None:
            raise self.failure

    def finish(self) -> None:
        """Wait until the disk has the file: some disks say only then that they are full.

        Raises
        ------
        OSError
        """
        self.check()
        os.fsync(self.descriptor)

    def write(self, data: Any) -> int:
        """Write at the present place; after a failure only move the place.

        Parameters
        ----------
        data : bytes-like

        Returns
        -------
        int
            Number of bytes of `data`.
        """
        left = memoryview(data).cast("B")
        size, place = len(left), self._place
        try:
            while left and self.failure is None:
                os.lseek(self.descriptor, place, os.SEEK_SET)
                written = os.write(self.descriptor, left)
                left, place = left[written:], place + written
        except OSError as error:
            self.failure = error
        self._place += size
        self._length = max(self._length, self._place)
        return size

    def readinto(self, buffer: Any) -> int:
        """Read from the present place.

        Parameters
        ----------
        buffer : writable bytes-like

        Returns
        -------
        int
            Number of bytes; after a failure the rest of the buffer is zeros.
        """
        view = memoryview(buffer).cast("B")
        os.lseek(self.descriptor, self._place, os.SEEK_SET)
        found = os.read(self.descriptor, len(view))
        if self.failure is not None:
            found = found.ljust(len(view), b"\0")
        view[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the present place.

        Parameters
        ----------
        offset : int
        whence : int
            ``os.SEEK_SET``, ``SEEK_CUR`` or ``SEEK_END``.

        Returns
        -------
        int
            The new place.
        """
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Return the present place.

        Returns
        -------
        int
        """
        return self._place

    def truncate(self, size: Optional[int] = None) -> int:
        """Change the length of the file.

        Parameters
        ----------
        size : int, optional
            The present place by default.

        Returns
        -------
        int
            The new length.
        """
        self._length = self._place if size is None else size
        try:
            if self.failure is None:
                os.ftruncate(self.descriptor, self._length)
        except OSError as error:
            self.failure = error
        return self._length

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the descriptor."""
        if not self.closed:
            super().close()
            os.close(self.descriptor)
