"""The tasks that ``srun`` started together, from Slurm's environment.

A batch script that calls Python without ``srun`` sees ``SLURM_NTASKS`` too, but no step
of several tasks; it works alone.
"""

import os
import re
from typing import List, Mapping, NamedTuple, Optional

from legacy_gbp.batch.environment import SLURM, number, text

FIRST_PORT, PORTS, DISTANCE = 12000, 250, 64  # below the ports that Linux gives to clients
LOOPBACK = "127.0.0.1"


class SlurmStep(NamedTuple):
    """One task of a step of several tasks.

    Attributes
    ----------
    task : int
        From 0, which coordinates the others.
    tasks : int
        2 or more.
    name : str
        Job and step: the same in all tasks and in no other step.
    port : int
        Where the coordinator listens.
    addresses : list of str
        Where the coordinator may be.
    local : bool
        Whether all tasks are on one node.
    """

    task: int
    tasks: int
    name: str
    port: int
    addresses: List[str]
    local: bool


def slurm_step(environment: Mapping[str, str] = os.environ) -> Optional[SlurmStep]:
    """Return the step that this process is a task of.

    Parameters
    ----------
    environment : mapping of str to str

    Returns
    -------
    SlurmStep or None
        None for a process that works alone.
    """
    task = number(SLURM.task, environment)
    tasks = number(SLURM.tasks, environment) or number(SLURM.launched_tasks, environment) or 1
    in_step = any(text(name, environment) for name in (SLURM.tasks, SLURM.step, SLURM.nodes))
    if task is None or tasks < 2 or not in_step:
        return None
    job, step = number(SLURM.job, environment) or 0, number(SLURM.step, environment) or 0
    nodes = text(SLURM.nodes, environment) or text(SLURM.job_nodes, environment)
    local = _is_on_one_node(environment, nodes)
    candidates = [LOOPBACK] if local else [first_node(nodes), text(SLURM.launcher, environment)]
    return SlurmStep(
        task=task,
        tasks=tasks,
        name=f"{job}.{step}",
        port=FIRST_PORT + (job + step) % PORTS * DISTANCE,
        addresses=[address for address in candidates if address],
        local=local,
    )


def first_node(nodes: str) -> str:
    """Return the first name of a node list; task 0 runs there.

    Parameters
    ----------
    nodes : str
        Such as ``sdf[003-017,020],other1``.

    Returns
    -------
    str
        Such as ``sdf003``.
    """
    first = re.split(r",(?![^\[]*\])", nodes)[0]
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first)


def _is_on_one_node(environment: Mapping[str, str], nodes: str) -> bool:
    count = text(SLURM.node_count, environment)
    return count == "1" if count else bool(nodes) and first_node(nodes) == nodes
