"""MPI is started for all tasks of a step, with no port open on one node."""

import contextlib
import ctypes
import importlib
import os
import threading
import time
from typing import Any

from legacy_gbp.batch.signals import Received
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.errors import LegacyGbpError, Stopped, first_line

SECONDS_BETWEEN_LOOKS = 0.1

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


def started_mpi(step: SlurmStep, received: Received, seconds: float) -> Any:
    """Start MPI and wait for all tasks of a step.

    Parameters
    ----------
    step : SlurmStep
    received : callable
        See :func:`legacy_gbp.batch.signals.stop_signals`.
    seconds : float
        How long to wait.

    Returns
    -------
    module
        ``mpi4py.MPI``.

    Raises
    ------
    LegacyGbpError
        When MPI is not there, or a task does not come.
    Stopped
        When a signal comes before all tasks.
    """
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


def forget_files() -> None:
    """Remove MPICH's file of this process, which nobody opens any more once all tasks are there."""
    with open("/proc/self/maps", "rb") as file:
        paths = {os.fsdecode(line.rpartition(b" ")[2].strip()) for line in file}
    for path in paths:
        if path.startswith(FILE_OF_MPICH):
            with contextlib.suppress(OSError):
                os.unlink(path)
