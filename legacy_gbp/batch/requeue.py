"""Put the Slurm job of this process back into the queue."""

import os
import signal
import subprocess
from typing import Mapping

from legacy_gbp.batch.environment import SLURM, number_in, shortened_value, text
from legacy_gbp.errors import first_line

TIMEOUT_SECONDS = 30


def requeue(environment: Mapping[str, str] = os.environ) -> str:
    """Ask Slurm to run this job again, unless it was cancelled.

    Parameters
    ----------
    environment : mapping of str to str

    Returns
    -------
    str
        One line: what was done, or why not.
    """
    job = text(SLURM.job, environment)
    if not job:
        return f"not put back into a queue: {SLURM.job} is not set"
    if number_in(job) is None:
        return f"not put back into a queue: {SLURM.job}={shortened_value(job)} is not a number"
    try:
        shown = _scontrol("show", "job", "-o", job)
        if "JobState=RUNNING" not in shown:  # COMPLETING already when TERM arrives
            return f"job {job} is not put back: it was cancelled or its time is over"
        _scontrol("requeue", job)
    except subprocess.CalledProcessError as error:
        if error.returncode == -signal.SIGTERM and error.cmd[1] == "requeue":
            return f"job {job} is put back into the queue"  # and Slurm has ended its processes
        why = error.stderr.strip().split("\n")[0] or first_line(error)
        return f"job {job} could not be put back ({why}); submit it again by hand"
    except (OSError, subprocess.SubprocessError) as error:
        return f"job {job} could not be put back ({first_line(error)}); submit it again by hand"
    return f"job {job} is put back into the queue"


def _scontrol(*words: str) -> str:
    return subprocess.run(
        ["scontrol", *words],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    ).stdout
