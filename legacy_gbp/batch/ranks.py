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
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from legacy_gbp.batch.mpi_start import forget_files, started_mpi
from legacy_gbp.batch.signals import Received
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.batch.task_processes import TaskProcess, lives, this_process
from legacy_gbp.errors import LegacyGbpError

COMPARE, STEP, END = range(3)  # what task 0 asks for, each with a number

START_SECONDS = 300  # within which all tasks come
PATIENCE_SECONDS = 20  # Slurm kills 30 s after its signal
SECONDS_BETWEEN_LOOKS = 0.1
SHORTEST_SLEEP, LONGEST_SLEEP = 2e-5, 1e-3


class TaskLost(Exception):  # noqa: N818 - it is caught, and never shown
    """Another task does not answer any more."""


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
        self._watched: Dict[int, TaskProcess] = {}
        self._mpi = started_mpi(step, received, seconds)
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
        forget_files()

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
                if not lives(process):
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
        own = this_process()
        table = np.zeros((self.size, len(own)), np.int64)
        table[self.rank] = own
        for task, row in enumerate(self.total(table).tolist()):
            process = TaskProcess(*row)
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
