"""Messages between the tasks of a Slurm step, through MPI, and the notice that one is gone.

MPI knows the tasks from Slurm and lets nobody else in. On one node it is told to use shared
memory alone: the tasks open no port. Between nodes it listens on the node's network.

A collective operation of MPI waits forever for a task that was killed. So all of them are
started without waiting, and whoever waits for one looks around meanwhile:

* tasks of the same node are looked up in ``/proc``;
* between nodes the kernel closes the connection of a dead task, which MPI reports;
* after a signal to stop (Slurm sends one to all tasks when a node fails) the coordinator
  waits for :data:`PATIENCE_SECONDS` and no longer.
"""

import contextlib
import ctypes
import importlib
import os
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.batch.signals import Received
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.errors import LegacyGbpError, Stopped, first_line

COMPARE, STEP, END = range(3)  # what task 0 asks for, each with a number

START_SECONDS = 300  # within which all tasks come
PATIENCE_SECONDS = 20  # Slurm kills 30 s after its signal
SECONDS_BETWEEN_LOOKS = 0.1
SHORTEST_SLEEP, LONGEST_SLEEP = 2e-5, 1e-3

# Of MPICH's two engines, UCX leaves no file of shared memory behind a task that is killed, and
# libfabric notices dead tasks on a network. MPICH's own shared memory does neither: a job that
# is put back finds the file of its first run, and waits forever.
SHARED_MEMORY = {
    "MPIR_CVAR_NOLOCAL": "1",
    "MPIR_CVAR_CH4_NETMOD": "ucx",
    "UCX_TLS": "posix,self",
    "UCX_VFS_ENABLE": "n",
}
NETWORK = {"MPIR_CVAR_NOLOCAL": "1", "MPIR_CVAR_CH4_NETMOD": "ofi"}
FILE_OF_MPICH = "/dev/shm/mpich_shm_"


class TaskLost(Exception):  # noqa: N818 - it is caught, and never shown
    """Another task does not answer any more."""


class _Process(NamedTuple):
    """What tells a process from all others, as whole numbers.

    Attributes
    ----------
    pid, begun : int
        Its number, and when it began (clock ticks after the start of the machine).
    namespace, machine, more : int
        Where the number is valid.
    """

    pid: int
    begun: int
    namespace: int
    machine: int
    more: int


class Ranks:
    """All tasks of a step, seen from one of them.

    Parameters
    ----------
    step : SlurmStep
    received : callable
        See :func:`legacy_gbp.batch.signals.stop_signals`. Task 0 waits for the others no longer
        than :data:`PATIENCE_SECONDS` after a signal; these wait as long as the others live.
    seconds : float
        How long to wait for all tasks.

    Attributes
    ----------
    rank, size : int
        This task, and how many there are.
    given_up : str or None
        Why no message is waited for any more.

    Raises
    ------
    LegacyGbpError
        When MPI is not there, a task does not come, or MPI finds other tasks than Slurm.
    Stopped
        When a signal comes before all tasks.
    """

    def __init__(self, step: SlurmStep, received: Received, seconds: float = START_SECONDS) -> None:
        self.rank, self.size = step.task, step.tasks
        self.given_up: Optional[str] = None
        self._received, self._signalled = received, 0.0
        self._looked = 0.0
        self._watched: Dict[int, _Process] = {}
        self._mpi = _started(step, received, seconds)
        self._comm: Any = self._mpi.COMM_WORLD
        # An error is raised, here and where a request belongs to no communicator any more.
        for one in (self._comm, self._mpi.COMM_SELF):
            one.Set_errhandler(self._mpi.ERRORS_RETURN)
        if (self._comm.Get_rank(), self._comm.Get_size()) != (self.rank, self.size):
            raise LegacyGbpError(
                f"task {step.task}: MPI finds {self._comm.Get_size()} of {step.tasks} tasks; start "
                "them by srun with SLURM_MPI_TYPE=pmi2 in its environment"
            )
        self._watch()
        _forget_files()

    def broadcast(self, array: np.ndarray) -> np.ndarray:
        """Fill an array on all tasks with that of task 0.

        Parameters
        ----------
        array : array
            Contiguous; of the same shape and dtype on all tasks.

        Returns
        -------
        array
            The same one.

        Raises
        ------
        TaskLost
        """
        self._wait(lambda: self._comm.Ibcast(array, root=0))
        return array

    def scatter(self, array: Optional[np.ndarray], part: np.ndarray) -> np.ndarray:
        """Fill `part` with this task's rows of the array of task 0.

        Parameters
        ----------
        array : (n, ...) array or None
            Of task 0; not looked at elsewhere.
        part : (n_k, ...) array
            Contiguous, of the dtype of `array`; see :func:`shares`.

        Returns
        -------
        array
            `part`.

        Raises
        ------
        TaskLost
        """
        sent = None
        if array is not None:
            size = array[0].size
            counts = [size * count for count in shares(len(array), self.size)]
            starts = np.cumsum([0, *counts[:-1]]).tolist()
            sent = [np.ascontiguousarray(array), counts, starts, self._datatype(array)]
        received = [part, part.size, self._datatype(part)]
        self._wait(lambda: self._comm.Iscatterv(sent, received, root=0))
        return part

    def total(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of the arrays of all tasks, with the same bits on all of them.

        Parameters
        ----------
        array : array
            Of the same shape and dtype on all tasks.

        Returns
        -------
        array

        Raises
        ------
        TaskLost
        """
        array = np.ascontiguousarray(array)
        result = np.empty_like(array)
        self._wait(lambda: self._comm.Iallreduce(array, result, op=self._mpi.SUM))
        return result

    def total_on_first(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of the arrays of all tasks, on task 0.

        Parameters
        ----------
        array : array
            Of the same shape and dtype on all tasks.

        Returns
        -------
        array
            Of no meaning on other tasks.

        Raises
        ------
        TaskLost
        """
        result = np.empty_like(array)
        self._wait(lambda: self._comm.Ireduce(array, result, op=self._mpi.SUM, root=0))
        return result

    def tell(self, wish: int, number: int) -> None:
        """Tell all tasks what comes next, as task 0.

        Parameters
        ----------
        wish : int
            :data:`COMPARE` graphs by their fingerprint `number`, compute a :data:`STEP` of
            `number` shots, or :data:`END` with this exit code.
        number : int

        Raises
        ------
        TaskLost
        """
        self.broadcast(np.array([wish, number], np.int64))

    def hear(self) -> Tuple[int, int]:
        """Wait for what task 0 tells, as another task.

        Returns
        -------
        wish, number : int
            See :meth:`tell`.

        Raises
        ------
        TaskLost
        """
        wish, number = self.broadcast(np.empty(2, np.int64)).tolist()
        if wish == END:
            with contextlib.suppress(TaskLost):
                self._wait(self._comm.Ibarrier)
        return wish, number

    def dismiss(self, exit_code: int) -> None:
        """Tell all tasks to end, as task 0; who does not hear it notices the end of task 0.

        Parameters
        ----------
        exit_code : int
            That they end with.
        """
        with contextlib.suppress(TaskLost):
            self.check()
            self.tell(END, exit_code)
            self._wait(self._comm.Ibarrier)

    def give_up(self, reason: str) -> None:
        """Wait for no other task any more.

        Parameters
        ----------
        reason : str
        """
        self.given_up = self.given_up or reason

    def check(self) -> None:
        """Raise when it is of no use to wait any longer.

        Raises
        ------
        TaskLost
        """
        now = time.monotonic()
        if self.given_up is None and now - self._looked > SECONDS_BETWEEN_LOOKS:
            self._looked = now
            for task, process in self._watched.items():
                if not _lives(process):
                    self.give_up(f"task {task} was lost")
            signal = None if self.rank else self._received()
            self._signalled = self._signalled or (now if signal else 0.0)
            if signal and now - self._signalled > PATIENCE_SECONDS:
                self.give_up(f"{signal}, and no answer of another task in {PATIENCE_SECONDS} s")
        if self.given_up is not None:
            raise TaskLost(self.given_up)

    def _wait(self, start: Callable[[], Any]) -> None:
        """Start an operation and wait for its end."""
        try:
            request, seconds = start(), SHORTEST_SLEEP
            while not request.Test():
                self.check()
                time.sleep(seconds)
                seconds = min(2 * seconds, LONGEST_SLEEP)
        except self._mpi.Exception as error:
            others = [task for task in range(self.size) if task != self.rank]
            who = f"task {others[0]}" if len(others) == 1 else "another task"
            self.give_up(f"{who} was lost, says MPI: {str(error).splitlines()[-1].strip()}")
            self.check()

    def _datatype(self, array: np.ndarray) -> Any:
        return self._mpi._typedict[array.dtype.char]

    def _watch(self) -> None:
        """Note which of the other tasks can be looked up here."""
        own = _this_process()
        table = np.zeros((self.size, len(own)), np.int64)
        table[self.rank] = own
        for task, row in enumerate(self.total(table).tolist()):
            process = _Process(*row)
            if task != self.rank and process[2:] == own[2:]:
                self._watched[task] = process


def shares(count: int, tasks: int) -> List[int]:
    """Return how many of the rows of a batch each task computes.

    Parameters
    ----------
    count : int
    tasks : int

    Returns
    -------
    list of int
        Their sum is `count`; the first ones have one more where it does not divide.

    Examples
    --------
    >>> shares(8, 3)
    [3, 3, 2]
    """
    return [count // tasks + (task < count % tasks) for task in range(tasks)]


def _started(step: SlurmStep, received: Received, seconds: float) -> Any:
    """Return mpi4py's module, once all tasks have come."""
    for name, value in (SHARED_MEMORY if step.local else NETWORK).items():
        os.environ.setdefault(name, value)
    try:
        importlib.import_module("mpi4py").rc(initialize=False, finalize=False)
        mpi: Any = importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:
        raise LegacyGbpError(
            f"task {step.task} of {step.tasks}: no MPI here ({first_line(error)}); pip install "
            "'legacy_gbp[mpi]', or train in one process"
        ) from error
    if not mpi.Is_initialized():
        done = threading.Event()

        def initialise() -> None:  # waits for all tasks
            # mpi4py would let no other thread run meanwhile.
            level = ctypes.c_int(mpi.THREAD_MULTIPLE)
            ctypes.CDLL(mpi.__file__).MPI_Init_thread(None, None, level, ctypes.byref(level))
            done.set()

        threading.Thread(target=initialise, daemon=True).start()
        _wait_for_all(done, step, received, seconds)
    if mpi.Query_thread() < mpi.THREAD_SERIALIZED:
        raise LegacyGbpError(
            f"task {step.task}: this MPI serves one thread alone; pip install 'legacy_gbp[mpi]'"
        )
    return mpi


def _wait_for_all(done: Any, step: SlurmStep, received: Received, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done.wait(SECONDS_BETWEEN_LOOKS):
        signal = received()
        if signal:
            raise Stopped(signal)
        if time.monotonic() > deadline:
            raise LegacyGbpError(
                f"task {step.task}: not all {step.tasks} tasks came within {seconds} s; see the "
                "output of the others"
            )


def _forget_files() -> None:
    """Remove MPICH's file of this process, which nobody opens any more."""
    with open("/proc/self/maps", "rb") as file:
        paths = {os.fsdecode(line.rpartition(b" ")[2].strip()) for line in file}
    for path in paths:
        if path.startswith(FILE_OF_MPICH):
            with contextlib.suppress(OSError):
                os.unlink(path)


def _this_process() -> _Process:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        machine = int(file.read().replace("-", ""), 16)
    return _Process(
        pid=os.getpid(),
        begun=int(_stat(os.getpid())[1]),
        namespace=os.stat("/proc/self/ns/pid").st_ino,
        machine=machine >> 66,
        more=machine & (1 << 62) - 1,
    )


def _stat(pid: int) -> List[str]:
    """Return state and begin of a process; nothing where it is not there."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []
    return [fields[0], fields[19]]


def _lives(process: _Process) -> bool:
    found = _stat(process.pid)
    return bool(found) and found[0] not in "ZX" and int(found[1]) == process.begun
