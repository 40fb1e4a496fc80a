"""The tasks that ``srun`` started together, from Slurm's environment.

A batch script that calls Python without ``srun`` sees ``SLURM_NTASKS`` too, but no step
of several tasks; it trains alone.
"""

import os
import re
from collections import namedtuple

STEP_MARKS = ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID", "SLURM_STEP_NODELIST")
FIRST_PORT, PORTS, APART = 12000, 250, 64  # below the ports that Linux gives to clients
LOOPBACK = "127.0.0.1"

Step = namedtuple("Step", "task tasks name port addresses local")
Step.__doc__ = """One task of a step.

task : int, 0 is the chief; tasks : int
name : str, job and step, the same in all tasks and in no other step
port : int, where the chief listens
addresses : list of str, where the chief may be
local : bool, all tasks are on one node
"""


def slurm_step(environment=os.environ):
    """The step that this process is a task of, or None when it is alone."""
    tasks = _number(environment, "SLURM_STEP_NUM_TASKS") or _number(environment, "SLURM_NTASKS")
    if "SLURM_PROCID" not in environment or not any(mark in environment for mark in STEP_MARKS):
        return None
    if tasks is None or tasks < 2:
        return None
    job = _number(environment, "SLURM_JOB_ID") or 0
    number = _number(environment, "SLURM_STEP_ID") or 0
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_NODELIST", "")
    local = (environment.get("SLURM_STEP_NUM_NODES", "") or ("1" if _is_one(nodes) else "")) == "1"
    candidates = [first_node(nodes), environment.get("SLURM_LAUNCH_NODE_IPADDR")]
    return Step(
        task=_number(environment, "SLURM_PROCID") or 0,
        tasks=tasks,
        name=f"{job}.{number}",
        port=FIRST_PORT + (job + number) % PORTS * APART,
        addresses=[LOOPBACK] if local else [place for place in candidates if place],
        local=local,
    )


def first_node(nodes):
    """The first name of a list such as ``sdf[003-017,020],other1``: there task 0 runs."""
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", _first_of_list(nodes))


def _first_of_list(nodes):
    return re.split(r",(?![^\[]*\])", nodes)[0]


def _is_one(nodes):
    return bool(nodes) and first_node(nodes) == nodes


def _number(environment, name):
    text = environment.get(name, "")
    return int(text) if text.isdigit() else None
