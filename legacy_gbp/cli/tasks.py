"""``merge`` and ``jobscript``: many tasks of a batch queue."""

from legacy_gbp.cli import values


def add_tasks(commands):
    """Add both to the parser of ``legacy-gbp``."""
    _add_merge(commands)


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
    parser.set_defaults(module="legacy_gbp.commands.merge", exercise=None)
