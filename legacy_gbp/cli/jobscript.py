"""``legacy-gbp jobscript``: a script for the batch queue, to read, change and submit."""

import shlex
import sys

from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import check_destination, written_aside

SIGNAL_SECONDS = 120

# What every job asks for besides, by queue: lines of the head and options of the program.
# All commands stop with exit code 75 after USR1 when the next run can go on.
ASKED = {
    "slurm": (
        (
            f"send USR1 to the program itself {SIGNAL_SECONDS} s before the time is over",
            f"#SBATCH --signal={{shell}}USR1@{SIGNAL_SECONDS}",
        ),
    ),
    "lsf": (
        (
            f"send USR1 to the program {SIGNAL_SECONDS // 60} minutes before the time is over",
            f"#BSUB -wa USR1 -wt {SIGNAL_SECONDS // 60}",
        ),
        ("exit code 75 means stopped, but can go on: run it again", "#BSUB -Q 75"),
    ),
}
PASSED_ON = {"slurm": ["--requeue"], "lsf": []}

SLURM = (
    ("its name in the queue", "#SBATCH --job-name={name}"),
    ("which machines", "#SBATCH --partition={partition}"),
    ("who pays", "#SBATCH --account={account}"),
    ("hours:minutes:seconds", "#SBATCH --time={time}:00"),
    ("processes, and threads of each", "#SBATCH --ntasks={processes} --cpus-per-task={cpus}"),
    ("run it again when a node fails or the job is preempted", "#SBATCH --requeue"),
    ("a second run writes on below the first", "#SBATCH --open-mode=append"),
    ("what the program prints, flushed line by line", "#SBATCH --output={name}-{log}.log"),
)
LSF = (
    ("its name, and how many tasks share the files", '#BSUB -J "{name}{tasks}"'),
    ("the queue", "#BSUB -q {partition}"),
    ("who pays", "#BSUB -P {account}"),
    ("hours:minutes", "#BSUB -W {time}"),
    ("this many threads on one host", '#BSUB -n {cpus} -R "span[hosts=1]"'),
    ("run it again when its host fails", "#BSUB -r"),
    ("what the program prints, appended line by line", "#BSUB -o {name}-{log}.log"),
)
LOGS = {
    ("slurm", False): "%j", ("slurm", True): "%A_%a", ("lsf", False): "%J", ("lsf", True): "%J_%I",
}  # fmt: skip
SUBMITTED = {"slurm": "sbatch", "lsf": "bsub <"}
TASK = {"slurm": "$SLURM_ARRAY_TASK_ID", "lsf": "$LSB_JOBINDEX"}


def run(_, options):
    """Print the script, or write it to ``--output``."""
    if options.array and options.tool_options.command == "train":
        raise InputError("--array N: a training is one job; leave --array out, see --tasks")
    if options.tasks > 1 and (options.queue, options.tool_options.command) != ("slurm", "train"):
        raise InputError("--tasks N: for a training under Slurm; files are shared by --array N")
    if options.array and not options.tool_options.output_dir:
        raise InputError("--array N: each task writes its own files; add --output-dir DIR")
    if options.array and options.tool_options.shard:
        raise InputError("--array N: names the shards itself; leave --shard out")
    script = script_of(options)
    if not options.output:
        print(script, end="", flush=True)
        return
    check_destination(options.output)
    with written_aside(options.output) as partial, open(partial, "w", encoding="utf-8") as file:
        file.write(script)
    print(f"-- submit with: {SUBMITTED[options.queue]} {shlex.quote(options.output)}", flush=True)


def script_of(options):
    """Text of the script.

    Parameters
    ----------
    options : argparse.Namespace
        See :mod:`legacy_gbp.cli`.

    Returns
    -------
    str
    """
    slurm, command = options.queue == "slurm", options.tool_options.command
    name = options.name or f"{options.tool_name}-{command}"
    values = {
        "name": name,
        "partition": options.partition,
        "account": options.account,
        "time": options.time,
        "cpus": options.cpus,
        "processes": options.tasks,
        "shell": "B:" if options.tasks == 1 else "",  # srun's tasks get the signal by themselves
        "tasks": f"[1-{options.array}]" if options.array else "",
        "log": LOGS[options.queue, bool(options.array)],
    }
    table = [
        row for row in (SLURM if slurm else LSF) if options.account or "{account}" not in row[1]
    ]
    table += ASKED[options.queue]
    if slurm and options.array:
        table.append(("tasks that share the files", f"#SBATCH --array=1-{options.array}"))
    lines = ["#!/bin/bash", f"# Submit with: {SUBMITTED[options.queue]} THIS_FILE"]
    for why, line in table:
        lines += [f"# {why}", line.format(**values)]
    program = [options.python or sys.executable, "-m", "legacy_gbp", options.tool_name]
    words = [shlex.quote(word) for word in (*program, *options.rest, *PASSED_ON[options.queue])]
    if options.array:  # by number, so that one task submitted again takes the same files
        words += ["--shard", f'"{TASK[options.queue]}/{options.array}"']
    if options.tasks > 1:  # srun takes no threads from the head
        words = ["srun", f"--cpus-per-task={options.cpus}", *words]
    lines += ["", "# exec: the program takes the place of the shell, which would keep signals back"]
    return "\n".join([*lines, "exec " + " ".join(words)]) + "\n"
