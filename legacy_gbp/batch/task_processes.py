"""A process of another task, known by numbers that can be sent, and whether it lives."""

import os
from typing import List, NamedTuple


class TaskProcess(NamedTuple):
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


def this_process() -> TaskProcess:
    """Return the numbers of this process.

    Returns
    -------
    TaskProcess
    """
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        machine = int(file.read().replace("-", ""), 16)
    return TaskProcess(
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


def lives(process: TaskProcess) -> bool:
    """Return whether a process of this machine still runs.

    Parameters
    ----------
    process : TaskProcess
        Whose numbers are valid here.

    Returns
    -------
    bool
        False for another process that has got the number.
    """
    found = _stat(process.pid)
    return bool(found) and found[0] not in "ZX" and int(found[1]) == process.begun
