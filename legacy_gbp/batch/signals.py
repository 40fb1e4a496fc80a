"""Signals that ask a program to stop, kept until it is ready to."""

import contextlib
import signal
import threading
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

# Slurm sends TERM, and USR1 where --signal says so; LSF INT, TERM and USR2.
SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2")

Received = Callable[[], Optional[str]]


@contextlib.contextmanager
def stop_signals(caught: Sequence[str] = SIGNALS) -> Iterator[Received]:
    """Catch the signals of a batch queue; the former handlers come back on leaving.

    The first signal is remembered, and nothing else happens: later ones do no harm.
    Python allows handlers in the main thread alone; other threads catch nothing.

    Parameters
    ----------
    caught : sequence of str
        Their names.

    Yields
    ------
    callable
        ``received()`` returns the name of the first signal, or None.
    """
    names: List[str] = []
    former: Dict[int, Any] = {}

    def remember(number: int, _: Optional[FrameType]) -> None:
        names.append(signal.Signals(number).name)

    if threading.current_thread() is threading.main_thread():
        for name in caught:
            number = getattr(signal, name)
            former[number] = signal.signal(number, remember)
    try:
        yield lambda: names[0] if names else None
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
