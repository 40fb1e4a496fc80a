"""How predict and gbprop come to an end when the batch queue says so.

What was finished stays; the file in work is begun again next time.
"""

import contextlib

from legacy_gbp.batch.requeue import requeue
from legacy_gbp.batch.signals import stop_signals
from legacy_gbp.errors import InputError, Stopped

SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2")  # INT interrupts at once


class Stop:
    """Whether to go on.

    Attributes
    ----------
    finished : int
        Results made so far.
    """

    def __init__(self, received):
        self._received = received
        self.finished = 0

    def between(self, items, count):
        """Yield `count` items; raise Stopped when a signal has come before the next one."""
        for number, item in enumerate(items, 1):
            yield item
            if number < count and self._received():
                raise Stopped(self._received())


@contextlib.contextmanager
def stoppable(options):
    """Catch the signals of a batch queue.

    Parameters
    ----------
    options : argparse.Namespace
        With ``requeue``.

    Yields
    ------
    Stop

    Raises
    ------
    Stopped
        After a signal.
    InputError
        When nothing was finished: the next run would come no further.
    """
    with stop_signals(SIGNALS) as received:
        stop = Stop(received)
        try:
            yield stop
        except Stopped as stopped:
            if not stop.finished:
                raise InputError(
                    f"{stopped} came before a file was finished; give more time, or smaller files "
                    "and --output-dir"
                ) from stopped
            print(f"-- {stopped}: stopped, {stop.finished} files are finished", flush=True)
            if options.requeue:
                print(f"-- {requeue()}", flush=True)
            raise
