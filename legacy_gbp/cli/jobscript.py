"""``legacy-gbp jobscript``: a script for the batch queue, to read, change and submit."""

import argparse
import os
import sys
from typing import Any, Dict, List, Optional, Tuple

from legacy_gbp.batch.environment import SCHEDULERS
from legacy_gbp.cli import option_types
from legacy_gbp.cli.exercise_parser import exercise_parser
from legacy_gbp.cli.outputs import add_overwrite
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.io.atomic import atomic_file
from legacy_gbp.io.console import print_line, print_text, shell_word
from legacy_gbp.io.destinations import SCRIPT, Output, check_outputs

NAME = "jobscript"
HELP = "print a script for Slurm or LSF; options after the command are its own"
EXAMPLE = (
    "jobscript slurm --partition milano --account lcls:x --array 4 ex08 gbprop --data-dir xtcav "
    "--output-dir maps"
)
SIGNAL_SECONDS = 120

Row = Tuple[str, str]  # why, and a line of the head

# All commands stop with exit code 75 after USR1 when the next run can go on.
SLURM: Tuple[Row, ...] = (
    ("its name in the queue", "#SBATCH --job-name={name}"),
    ("which machines", "#SBATCH --partition={partition}"),
    ("who pays", "#SBATCH --account={account}"),
    ("hours:minutes:seconds", "#SBATCH --time={time}:00"),
    ("processes, and threads of each", "#SBATCH --ntasks={processes} --cpus-per-task={cpus}"),
    ("run it again when a node fails or the job is preempted", "#SBATCH --requeue"),
    ("a second run writes on below the first", "#SBATCH --open-mode=append"),
    ("what the program prints, flushed line by line", "#SBATCH --output={name}-{log}.log"),
    (
        f"send USR1 to the program itself {SIGNAL_SECONDS} s before the time is over",
        f"#SBATCH --signal={{shell}}USR1@{SIGNAL_SECONDS}",
    ),
)
LSF: Tuple[Row, ...] = (
    ("its name, and how many tasks share the files", '#BSUB -J "{name}{tasks}"'),
    ("the queue", "#BSUB -q {partition}"),
    ("who pays", "#BSUB -P {account}"),
    ("hours:minutes", "#BSUB -W {time}"),
    ("this many threads on one host", '#BSUB -n {cpus} -R "span[hosts=1]"'),
    ("run it again when its host fails", "#BSUB -r"),
    ("what the program prints, appended line by line", "#BSUB -o {name}-{log}.log"),
    (
        f"send USR1 to the program {SIGNAL_SECONDS // 60} minutes before the time is over",
        f"#BSUB -wa USR1 -wt {SIGNAL_SECONDS // 60}",
    ),
    ("exit code 75 means stopped, but can go on: run it again", "#BSUB -Q 75"),
)
HEADS: Dict[str, Tuple[Row, ...]] = {"slurm": SLURM, "lsf": LSF}
PASSED_ON: Dict[str, List[str]] = {"slurm": ["--requeue"], "lsf": []}
LOGS: Dict[Tuple[str, bool], str] = {
    ("slurm", False): "%j", ("slurm", True): "%A_%a", ("lsf", False): "%J", ("lsf", True): "%J_%I",
}  # fmt: skip
SUBMIT: Dict[str, str] = {"slurm": "sbatch", "lsf": "bsub <"}


class _Checked(argparse.Action):
    """Options of the exercise's command: refused now, not in the night."""

    def __call__(self, parser: Any, namespace: Any, rest: Any, option_string: Any = None) -> None:
        exercise = EXERCISES[namespace.tool_name]
        inner = exercise_parser(exercise, f"{parser.prog} {exercise.name}")
        namespace.tool_options = inner.parse_args(rest, namespace=Options())
        namespace.rest = rest


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument("queue", choices=tuple(HEADS))
    parser.add_argument(
        "--partition", metavar="P", type=option_types.word, required=True, help="or the LSF queue"
    )
    parser.add_argument(
        "--account", metavar="A", type=option_types.word, help="who pays, or the LSF project"
    )
    parser.add_argument(
        "--time", metavar="H:MM", type=option_types.hours, default="4:00", help="at most (4:00)"
    )
    parser.add_argument(
        "--cpus", metavar="N", type=option_types.positive, default=16, help="threads (16)"
    )
    parser.add_argument(
        "--array", metavar="N", type=option_types.positive, help="tasks that share the files"
    )
    parser.add_argument(
        "--tasks",
        metavar="N",
        type=option_types.positive,
        default=1,
        help="processes that train together, under Slurm (1)",
    )
    parser.add_argument(
        "--name", type=option_types.word, help="of the job and its log (ex08-gbprop)"
    )
    parser.add_argument(
        "--python", metavar="FILE", type=option_types.path, help="the interpreter (this one)"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=option_types.path, help="write it here, not to stdout"
    )
    add_overwrite(parser)
    parser.add_argument("tool_name", metavar="EXERCISE", choices=tuple(EXERCISES))
    parser.add_argument("rest", metavar="COMMAND ...", nargs=argparse.REMAINDER, action=_Checked)


def run(options: Options) -> None:
    """Print the script, or write it to ``--output``.

    Parameters
    ----------
    options : Options
    """
    if options.array and options.tool_options.command == "train":
        raise InputError("--array N: a training is one job; leave --array out, see --tasks")
    if options.tasks > 1 and (options.queue, options.tool_options.command) != ("slurm", "train"):
        raise InputError("--tasks N: for a training under Slurm; share files by --array N")
    if options.array and not options.tool_options.output_dir:
        raise InputError("--array N: each task writes its own files; add --output-dir DIR")
    if options.array and options.tool_options.shard:
        raise InputError("--array N: names the shards itself; leave --shard out")
    script = script_of(options)
    if not options.output:
        print_text(script)
        return

    def differs(path: str) -> Optional[str]:
        with open(path, "rb") as file:
            return None if file.read() == os.fsencode(script) else "has another text"

    check_outputs([Output(options.output, "--output", SCRIPT, differs)], (), options.overwrite)
    with atomic_file(options.output) as file:
        file.write(os.fsencode(script))
    print_line(f"-- submit with: {SUBMIT[options.queue]} {shell_word(options.output)}")


def script_of(options: Options) -> str:
    """Return the text of the script.

    Parameters
    ----------
    options : Options
        Of this command.

    Returns
    -------
    str
    """
    queue = options.queue
    values = _values(options)
    table = [row for row in HEADS[queue] if options.account or "{account}" not in row[1]]
    if queue == "slurm" and options.array:
        table.append(("tasks that share the files", f"#SBATCH --array=1-{options.array}"))
    lines = ["#!/bin/bash", f"# Submit with: {SUBMIT[queue]} THIS_FILE"]
    for why, line in table:
        lines += [f"# {why}", line.format(**values)]
    lines += ["", "# exec: the program takes the place of the shell, which would keep signals back"]
    return "\n".join([*lines, "exec " + " ".join(_command(options))]) + "\n"


def _values(options: Options) -> Dict[str, Any]:
    return {
        "name": options.name or f"{options.tool_name}-{options.tool_options.command}",
        "partition": options.partition,
        "account": options.account,
        "time": options.time,
        "cpus": options.cpus,
        "processes": options.tasks,
        "shell": "B:" if options.tasks == 1 else "",  # srun's tasks get the signal by themselves
        "tasks": f"[1-{options.array}]" if options.array else "",
        "log": LOGS[options.queue, bool(options.array)],
    }


def _command(options: Options) -> List[str]:
    """Return the words of the program's command line, quoted for the shell."""
    program = [options.python or sys.executable, "-m", "legacy_gbp", options.tool_name]
    words = [shell_word(word) for word in (*program, *options.rest, *PASSED_ON[options.queue])]
    if options.array:  # by number, so that one task submitted again takes the same files
        words += ["--shard", f'"${SCHEDULERS[options.queue].array_index}/{options.array}"']
    if options.tasks > 1:  # srun takes no threads from the head
        words = ["srun", "--mpi=pmi2", f"--cpus-per-task={options.cpus}", *words]
    return words
