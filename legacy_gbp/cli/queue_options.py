"""``merge`` and ``jobscript``: many tasks of a batch queue."""

import argparse

from legacy_gbp.cli import option_types as values
from legacy_gbp.cli.exercise_options import Options, exercise_parser
from legacy_gbp.exercises.definitions import EXERCISES


def add_tasks(commands):
    """Add both to the parser of ``legacy-gbp``."""
    _add_merge(commands)
    _add_jobscript(commands)


def _add_merge(commands):
    parser = commands.add_parser(
        "merge",
        help="present the results of many tasks as one file",
        description="Present results of predict or gbprop as one HDF5 file, without copying them.",
        epilog="example: legacy-gbp merge maps/*-maps.h5 --output all.h5",
    )
    parser.add_argument("parts", metavar="PART", nargs="+", type=values.path)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=values.path,
        required=True,
        help="refers to the parts by relative paths: keep or move them together",
    )
    parser.set_defaults(module="legacy_gbp.cli.merge", exercise=None)


def _add_jobscript(commands):
    parser = commands.add_parser(
        "jobscript",
        help="print a script for Slurm or LSF",
        description="Print a script for a batch queue. Options after the command are its own.",
        epilog="example: legacy-gbp jobscript slurm --partition milano --account lcls:x --array 4 "
        "ex08 gbprop --data-dir xtcav --output-dir maps",
    )
    parser.add_argument("queue", choices=("slurm", "lsf"))
    parser.add_argument(
        "--partition", metavar="P", type=values.word, required=True, help="or the queue of LSF"
    )
    parser.add_argument(
        "--account", metavar="A", type=values.word, help="who pays, or the project of LSF"
    )
    parser.add_argument(
        "--time", metavar="H:MM", type=values.hours, default="4:00", help="at most (4:00)"
    )
    parser.add_argument(
        "--cpus", metavar="N", type=values.positive, default=16, help="threads (16)"
    )
    parser.add_argument(
        "--array", metavar="N", type=values.positive, help="tasks that share the files"
    )
    parser.add_argument(
        "--tasks",
        metavar="N",
        type=values.positive,
        default=1,
        help="processes that train together, under Slurm (1)",
    )
    parser.add_argument("--name", type=values.word, help="of the job and its log (ex08-gbprop)")
    parser.add_argument(
        "--python", metavar="FILE", type=values.path, help="the interpreter (this one)"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=values.path, help="write it here instead of to stdout"
    )
    parser.add_argument("tool_name", metavar="EXERCISE", choices=tuple(EXERCISES))
    parser.add_argument("rest", metavar="COMMAND ...", nargs=argparse.REMAINDER, action=_Checked)
    parser.set_defaults(module="legacy_gbp.cli.jobscript", exercise=None)


class _Checked(argparse.Action):
    """Options of the exercise's command: better refused now than in the night."""

    def __call__(self, parser, namespace, rest, _=None):
        exercise = EXERCISES[namespace.tool_name]
        inner = exercise_parser(exercise, f"{parser.prog} {exercise.name}")
        namespace.tool_options = inner.parse_args(rest, namespace=Options())
        namespace.rest = rest
