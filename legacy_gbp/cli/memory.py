"""How much memory a process has, and how much it may take."""

import os
from typing import Iterator, Optional

CGROUPS = "/sys/fs/cgroup"
UNLIMITED = 1 << 60  # version 1 writes a number near 2**63 where there is no limit


def resident_bytes(process: int) -> int:
    """Return the memory of a process that no file can be read into again.

    Parameters
    ----------
    process : int

    Returns
    -------
    int
        Bytes; 0 where the system does not tell. Pages of mapped files do not count: the
        system drops them when memory is short.
    """
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as file:
            _, resident, shared = file.read().split()[:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def free_bytes(root: str = "/") -> Optional[int]:
    """Return the memory that this process can still take, here and in its control groups.

    Parameters
    ----------
    root : str
        Of the file system that is read.

    Returns
    -------
    int or None
        None where the system does not tell.
    """
    found = [*_free_of_the_machine(root), *_free_of_groups(root)]
    return max(0, min(found)) if found else None


def address_limit() -> Optional[int]:
    """Return how much memory this process may address, as ``ulimit -v`` sets it.

    Returns
    -------
    int or None
        Bytes; None where there is no such limit.
    """
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def kills_by_the_kernel() -> int:
    """Return how often the kernel has killed a process of this machine for want of memory.

    Returns
    -------
    int
        0 where the system does not tell.
    """
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    except (OSError, ValueError):
        return 0


def _free_of_the_machine(root: str) -> Iterator[int]:
    try:
        with open(os.path.join(root, "proc/meminfo"), encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    yield 1024 * int(line.split()[1])
    except (OSError, ValueError):
        return


def _free_of_groups(root: str) -> Iterator[int]:
    """Yield what each control group above this process has left."""
    try:
        with open(os.path.join(root, "proc/self/cgroup"), encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(":", 2) for line in file]
    except (OSError, ValueError):
        return
    for row in rows:
        if len(row) != 3:
            continue
        _, controllers, path = row
        if not controllers:
            yield from _free_of_parents(
                os.path.join(root, CGROUPS[1:]), path, "memory.max", "memory.current"
            )
        elif "memory" in controllers.split(","):
            top = os.path.join(root, CGROUPS[1:], "memory")
            yield from _free_of_parents(top, path, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _free_of_parents(top: str, path: str, limit_name: str, used_name: str) -> Iterator[int]:
    while True:
        folder = os.path.join(top, path.lstrip("/"))  # in a container the path may not exist
        limit = _number(os.path.join(folder, limit_name))
        used = _number(os.path.join(folder, used_name))
        if limit is not None and used is not None and limit < UNLIMITED:
            yield limit - used + _cached(os.path.join(folder, "memory.stat"))
        if path in ("", "/"):
            return
        path = os.path.dirname(path.rstrip("/"))


def _cached(path: str) -> int:
    """Return the bytes of files that the group has read and that can be dropped."""
    found = {}
    try:
        with open(path, encoding="ascii") as file:
            for line in file:
                name, _, number = line.partition(" ")
                found[name] = int(number)
    except (OSError, ValueError):
        return 0
    names = ("total_inactive_file", "inactive_file")
    return next((found[name] for name in names if name in found), 0)


def _number(path: str) -> Optional[int]:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # "max" is no limit
        return None
