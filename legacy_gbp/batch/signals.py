"""Signals that ask a program to come to an end, kept until it is ready to."""

import contextlib
import signal
import threading

# Slurm sends TERM, and USR1 where --signal says so; LSF INT, TERM and USR2.
SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2")


@contextlib.contextmanager
def stop_signals(caught=SIGNALS):
    """Catch the signals of a batch queue; the former handlers come back on leaving.

    Nothing happens but that the first one is remembered: later ones do no harm.
    Python allows handlers in the main thread alone; elsewhere nothing is caught.

    Parameters
    ----------
    caught : sequence of str
        Their names.

    Yields
    ------
    callable
        ``received()`` gives the name of the first signal, or None.
    """
    names: list = []
    former: dict = {}
    if threading.current_thread() is threading.main_thread():
        for name in caught:
            number = getattr(signal, name)
            former[number] = signal.signal(
                number, lambda number, frame: names.append(signal.Signals(number).name)
            )
    try:
        yield lambda: names[0] if names else None
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
