"""Run a command in a child process, and watch over it.

A file that somebody made can crash TensorFlow's or HDF5's C code, never come to an end, or
take all memory. The process of the command line is forked before any of them is imported:
the child works, the parent waits. It passes signals on, kills the child that goes beyond its
limits, and says in one line what ended it.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from types import FrameType
from typing import Any, Callable, List, NamedTuple, Optional

from legacy_gbp.cli.limits import Limits
from legacy_gbp.cli.memory import kills_by_the_kernel, resident_bytes

SECONDS_BETWEEN_LOOKS = 0.05  # memory is filled at some GB/s
PASSED_ON = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGHUP")
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS")
ONE_INTERRUPT_SECONDS = 0.5
READS_AT_ONCE = 16
KEPT_BYTES = 8192  # of what native code writes on stderr
LAST_WORDS = ("check failed", "terminate called", "what():", "fatal", "free()", "malloc", "corrupt")
FROM_THE_KERNEL = 0x80  # SI_KERNEL: the terminal sent the signal, to all processes
PR_SET_PDEATHSIG = 1


class End(NamedTuple):
    """How a child ended.

    Attributes
    ----------
    code : int
        Its exit code; a signal's number with a minus where a signal ended it.
    limit : str or None
        ``"time"`` or ``"memory"`` where it went beyond a limit; ``"kernel"`` where the kernel
        killed it for want of memory.
    crash : str or None
        The name of the signal where its native code crashed.
    words : str
        What native code said last on stderr; one line, maybe empty.
    """

    code: int
    limit: Optional[str] = None
    crash: Optional[str] = None
    words: str = ""


def can_supervise() -> bool:
    """Return whether this system has what it takes; elsewhere a command runs plainly.

    Returns
    -------
    bool
    """
    return sys.platform.startswith("linux")


def supervise(limits: Limits) -> Optional[End]:
    """Fork this process; watch the child until it has ended.

    The child's ``sys.stderr`` is that of the parent. What its native code writes to the
    descriptor 2 goes to the parent alone.

    Parameters
    ----------
    limits : Limits

    Returns
    -------
    End or None
        None in the child, which goes on and does the work.
    """
    parent, before = os.getpid(), kills_by_the_kernel()
    awaited = [_number(name) for name in (*PASSED_ON, "SIGTSTP", "SIGCHLD")]
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    reading, writing = os.pipe()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if not child:
        os.close(reading)
        _die_with(parent)
        _separate_stderr(writing)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt_once())
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return None
    os.close(writing)
    try:
        with contextlib.closing(_Chatter(reading)) as chatter:
            code, limit = _watch(child, limits, awaited, chatter)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    if code == -signal.SIGKILL and limit is None and kills_by_the_kernel() > before:
        limit = "kernel"
    names = {-int(_number(name)): name for name in CRASHES}
    return End(code, limit, names.get(code), chatter.last_words())


def end_alike(end: End) -> int:
    """Return the exit code of a child, or end this process by the signal that ended it.

    Parameters
    ----------
    end : End

    Returns
    -------
    int
    """
    if end.code < 0:
        number = -end.code
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
        return 128 + number  # of a signal that does not end a process
    return end.code


def _number(name: str) -> int:
    return int(getattr(signal, name))


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it has died meanwhile
        os._exit(128 + signal.SIGKILL)


def _separate_stderr(writing: int) -> None:
    """Keep Python's stderr; let native code write to the parent instead."""
    asked_for = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") < "3"
    if sys.stderr is not None and not asked_for:
        kept = os.dup(2)
        encoding = sys.stderr.encoding
        sys.stderr = open(kept, "w", 1, encoding, "backslashreplace")  # noqa: SIM115
        os.dup2(writing, 2)
    os.close(writing)


def _interrupt_once() -> Callable[[int, Optional[FrameType]], None]:
    """Return a handler that takes two interrupts in a row for one.

    A queue that signals all processes reaches the child, and the parent passes it on.
    """
    last: List[float] = []

    def interrupt(number: int, frame: Optional[FrameType]) -> None:
        now = time.monotonic()
        if not last or now - last[0] > ONE_INTERRUPT_SECONDS:
            last[:] = [now]
            signal.default_int_handler(number, frame)

    return interrupt


class _Chatter:
    """The end of what the child's native code writes on stderr."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor, self._kept = descriptor, b""

    def read(self) -> None:
        """Take what is there."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(READS_AT_ONCE):  # nobody writes so much that the limits wait for it
                more = os.read(self._descriptor, 1 << 16)
                if not more:
                    return
                self._kept = (self._kept + more)[-KEPT_BYTES:]

    def close(self) -> None:
        self.read()
        os.close(self._descriptor)

    def last_words(self, most: int = 160) -> str:
        """Return the line that says why native code gave up, else the last one."""
        text = self._kept.decode("utf-8", "replace")
        lines = ["".join(c if c.isprintable() else " " for c in line) for line in text.split("\n")]
        lines = [" ".join(line.split()) for line in lines if line.strip()]
        telling = [line for line in lines if any(word in line.lower() for word in LAST_WORDS)]
        return (telling or lines[-1:] or [""])[-1][:most]


def _watch(child: int, limits: Limits, awaited: List[int], chatter: _Chatter) -> Any:
    """Pass signals on until the child has ended; return its code and the limit it exceeded."""
    begun, limit = time.monotonic(), None
    while True:
        info = signal.sigtimedwait(awaited, SECONDS_BETWEEN_LOOKS)
        chatter.read()
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return _code_of(status), limit
        if info is not None and info.si_signo == signal.SIGTSTP:
            begun += _stop_with(child, info)
        elif info is not None and not _has_it(info):
            os.kill(child, info.si_signo)
        if limit is None:
            limit = _exceeded(child, limits, time.monotonic() - begun)
            if limit is not None:
                os.kill(child, signal.SIGKILL)


def _has_it(info: Any) -> bool:
    """Return whether the child has the signal too, or has sent it."""
    return bool(info.si_signo == signal.SIGCHLD or info.si_code == FROM_THE_KERNEL)


def _exceeded(child: int, limits: Limits, seconds: float) -> Optional[str]:
    if limits.seconds is not None and seconds > limits.seconds:
        return "time"
    if limits.nbytes is not None and resident_bytes(child) > limits.nbytes:
        return "memory"
    return None


def _stop_with(child: int, info: Any) -> float:
    """Stop the child and this process; return after how many seconds somebody continued it."""
    begun = time.monotonic()
    if not _has_it(info):
        os.kill(child, signal.SIGSTOP)  # SIGTSTP stops no process whose terminal has left
    os.kill(os.getpid(), signal.SIGSTOP)
    os.kill(child, signal.SIGCONT)
    return time.monotonic() - begun


def _code_of(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
