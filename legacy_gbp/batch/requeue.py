"""A Slurm job that puts itself back into the queue."""

import os
import subprocess

SECONDS = 30


def requeue():
    """Ask Slurm to run this job again.

    Returns
    -------
    str
        One line: what was done, or why not.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if not job:
        return "not put back into a queue: SLURM_JOB_ID is not set"
    try:
        shown = _scontrol("show", "job", "-o", job)
        if "JobState=RUNNING" not in shown:  # COMPLETING already when TERM arrives
            return f"job {job} is not put back: it was cancelled or its time is over"
        _scontrol("requeue", job)
    except (OSError, subprocess.SubprocessError) as error:
        why = (getattr(error, "stderr", None) or str(error)).strip().split("\n")[0]
        return f"job {job} could not be put back ({why}); submit it again by hand"
    return f"job {job} is put back into the queue"


def _scontrol(*argv):
    return subprocess.run(
        ["scontrol", *argv],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    ).stdout
