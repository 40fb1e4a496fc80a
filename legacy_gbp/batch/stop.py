"""Stop a run over many files when the batch queue asks for it.

Finished files stay. The next run begins the unfinished file again.
"""

import contextlib
from typing import Iterable, Iterator, TypeVar

from legacy_gbp.batch.requeue import requeue
from legacy_gbp.batch.signals import Received, stop_signals
from legacy_gbp.errors import LegacyGbpError, Stopped
from legacy_gbp.io.console import print_line

SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2")  # INT interrupts at once

Item = TypeVar("Item")


class Stop:
    """Whether to go on.

    Parameters
    ----------
    received : callable
        See :func:`legacy_gbp.batch.signals.stop_signals`.

    Attributes
    ----------
    finished : int
        Files finished so far; the caller counts them.
    """

    def __init__(self, received: Received) -> None:
        self._received = received
        self.finished = 0

    def between(self, items: Iterable[Item], count: int) -> Iterator[Item]:
        """Pass items through; look for a signal between two of them.

        Parameters
        ----------
        items : iterable
        count : int
            Number of items. After the last one nothing is left to stop.

        Yields
        ------
        object

        Raises
        ------
        Stopped
            When a signal has come.
        """
        for number, item in enumerate(items, 1):
            yield item
            if number < count and self._received():
                raise Stopped(self._received())


@contextlib.contextmanager
def stoppable(requeue_job: bool) -> Iterator[Stop]:
    """Catch the signals of a batch queue and say what they stopped.

    Parameters
    ----------
    requeue_job : bool
        Whether a stopped Slurm job goes back into the queue.

    Yields
    ------
    Stop

    Raises
    ------
    Stopped
        After a signal.
    LegacyGbpError
        When no file was finished: the next run would come no further.
    """
    with stop_signals(SIGNALS) as received:
        stop = Stop(received)
        try:
            yield stop
        except Stopped as stopped:
            if not stop.finished:
                raise LegacyGbpError(
                    f"{stopped} came before a file was finished; give more time, or smaller files "
                    "and `output_dir`"
                ) from stopped
            print_line(f"-- {stopped}: stopped, {stop.finished} files are finished")
            if requeue_job:
                print_line(f"-- {requeue()}")
            raise
