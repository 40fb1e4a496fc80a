"""Every variable of a batch queue that this package reads, in one table."""

import os
import re
from typing import Dict, Mapping, NamedTuple, Optional

from legacy_gbp.errors import InputError

LONGEST_SHOWN = 40  # letters of a value in a message


class Variables(NamedTuple):
    """Names of the variables of one scheduler; None where it has none.

    Attributes
    ----------
    job : str
        Set in every job.
    array_index, array_first, array_last, array_count, array_step : str or None
        The task of a job array and its numbering.
    task, tasks, launched_tasks : str or None
        Task of a parallel step, from 0; tasks of the step, of the job.
    step, nodes, node_count : str or None
        Number of the step; its nodes, how many.
    threads : str or None
        CPUs of one task.
    """

    job: str
    array_index: str
    array_first: Optional[str] = None
    array_last: Optional[str] = None
    array_count: Optional[str] = None
    array_step: Optional[str] = None
    task: Optional[str] = None
    tasks: Optional[str] = None
    launched_tasks: Optional[str] = None
    step: Optional[str] = None
    nodes: Optional[str] = None
    node_count: Optional[str] = None
    threads: Optional[str] = None


SLURM = Variables(
    job="SLURM_JOB_ID",
    array_index="SLURM_ARRAY_TASK_ID",
    array_first="SLURM_ARRAY_TASK_MIN",
    array_count="SLURM_ARRAY_TASK_COUNT",
    array_step="SLURM_ARRAY_TASK_STEP",
    task="SLURM_PROCID",
    tasks="SLURM_STEP_NUM_TASKS",
    launched_tasks="SLURM_NTASKS",
    step="SLURM_STEP_ID",
    nodes="SLURM_STEP_NODELIST",
    node_count="SLURM_STEP_NUM_NODES",
    threads="SLURM_CPUS_PER_TASK",
)
LSF = Variables(
    job="LSB_JOBID",
    array_index="LSB_JOBINDEX",
    array_last="LSB_JOBINDEX_END",
    array_step="LSB_JOBINDEX_STEP",
)
SCHEDULERS: Dict[str, Variables] = {"slurm": SLURM, "lsf": LSF}


def text(variable: Optional[str], environment: Mapping[str, str] = os.environ) -> str:
    """Return the value of a variable.

    Parameters
    ----------
    variable : str or None
    environment : mapping of str to str

    Returns
    -------
    str
        Empty where it is not set.
    """
    return environment.get(variable, "") if variable else ""


def number(variable: Optional[str], environment: Mapping[str, str] = os.environ) -> Optional[int]:
    """Return the value of a variable as a number.

    Parameters
    ----------
    variable : str or None
    environment : mapping of str to str

    Returns
    -------
    int or None
        None where it is not set.

    Raises
    ------
    InputError
        For what is not a number of 0 or more.
    """
    value = text(variable, environment)
    if not value:
        return None
    found = number_in(value)
    if found is None:
        raise InputError(
            f"{variable}={shortened_value(value)}: is not a whole number; unset it, or set what "
            "the queue sets"
        )
    return found


def number_in(written: str) -> Optional[int]:
    """Return the number that a text is, in ASCII digits; up to 18 of them.

    Parameters
    ----------
    written : str

    Returns
    -------
    int or None
        None for any other text, such as ``-1``, ``1; rm`` and digits of other scripts.
    """
    return int(written) if re.fullmatch(r"[0-9]{1,18}", written) else None


def shortened_value(value: str) -> str:
    """Return the value of a variable in quotes, cut where it is long, for a message.

    Parameters
    ----------
    value : str

    Returns
    -------
    str
    """
    return repr(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "...")


def in_a_job(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process runs in a job of a batch queue.

    Parameters
    ----------
    environment : mapping of str to str

    Returns
    -------
    bool
    """
    return any(variables.job in environment for variables in SCHEDULERS.values())


def granted_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of threads that the queue granted to this process.

    Parameters
    ----------
    environment : mapping of str to str

    Returns
    -------
    int
        0 where it says nothing.
    """
    return number(SLURM.threads, environment) or 0
