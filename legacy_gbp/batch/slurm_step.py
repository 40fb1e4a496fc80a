"""The tasks that ``srun`` started together, from Slurm's environment.

A batch script that calls Python without ``srun`` sees ``SLURM_NTASKS`` too, but no step
of several tasks; it works alone.
"""

import os
from typing import Mapping, NamedTuple, Optional

from legacy_gbp.batch.environment import SLURM, number, text


class SlurmStep(NamedTuple):
    """One task of a step of several tasks.

    Attributes
    ----------
    task : int
        From 0, which coordinates the others.
    tasks : int
        2 or more.
    local : bool
        Whether all tasks are on one node.
    """

    task: int
    tasks: int
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
    in_step = any(text(name, environment) for name in (SLURM.tasks, SLURM.step, SLURM.node_count))
    if task is None or tasks < 2 or not in_step:
        return None
    return SlurmStep(task, tasks, local=text(SLURM.node_count, environment) == "1")
