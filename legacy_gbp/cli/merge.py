"""``legacy-gbp merge``: the results of many tasks as one file."""

import re
from typing import Any, Dict, List, Sequence

from legacy_gbp.batch.shards import Shard
from legacy_gbp.cli import option_types
from legacy_gbp.cli.outputs import add_overwrite, recipe_for
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.io.console import print_line
from legacy_gbp.io.destinations import HDF5, Output, check_outputs, made_by
from legacy_gbp.io.recipes import ATTRIBUTE, as_text
from legacy_gbp.io.sources import files_read

NAME = "merge"
HELP = "present results of predict or gbprop as one HDF5 file, without copying them"
EXAMPLE = "merge maps/*-maps.h5 --output all.h5"


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument("parts", metavar="PART", nargs="+", type=option_types.path)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=option_types.path,
        required=True,
        help="refers to the parts by relative paths: keep or move them together",
    )
    add_overwrite(parser)


def run(options: Options) -> None:
    """Check the parts and write the file that shows them as one.

    Parameters
    ----------
    options : Options
    """
    from legacy_gbp.results.reader import read_result
    from legacy_gbp.results.virtual import write_merged

    inputs = files_read(options.parts)
    recipe = recipe_for(options, inputs)
    wanted = Output(options.output, "--output", HDF5, made_by(recipe))
    check_outputs([wanted], inputs, options.overwrite)
    parts = [read_result(path) for path in options.parts]
    for part in parts:
        _check_alike(parts[0], part)
        _check_shots(part)
    parts = _in_order(parts)
    _check_columns([part for part in parts if part.columns])
    write_merged(options.output, parts, {ATTRIBUTE: as_text(recipe)})
    rows = sum(len(part.rows) for part in parts)
    print_line(f"-- {rows} shots of {len(parts)} parts in {options.output}")


def _check_alike(first: Any, part: Any) -> None:
    from legacy_gbp.results.reader import difference

    why = difference(part.facts, first.facts)
    if why:
        why = re.sub(r"`(\w+)`", lambda name: "--" + name.group(1).replace("_", "-"), why)
        raise InputError(f"{part.path}: made with {why} as {first.path}; merge what was made alike")


def _check_shots(part: Any) -> None:
    """Every shot of the data files once; gbprop may have chosen a class."""
    import numpy as np

    facts = part.facts
    if facts["options"].get("limit"):
        raise InputError(f"{part.path}: made with a limit, so shots are missing; make it again")
    for name, usable in zip(facts["data_files"], facts.get("data_shots", [])):
        rows = part.rows[part.files == name]
        again = rows[np.nonzero(np.diff(rows) <= 0)[0] + 1]
        if len(again):
            raise InputError(
                f"{part.path}: {name} row {again[0]} is there twice or out of order; make it again"
            )
        if len(rows) > usable or (len(rows) < usable and not _chose_class(facts)):
            raise InputError(
                f"{part.path}: holds {len(rows)} of {usable} shots of {name}; make it again"
            )
    strange = set(part.files) - set(facts["data_files"])
    if strange:
        raise InputError(
            f"{part.path}: has shots of {min(strange)}, which it was not made of; make it again"
        )


def _chose_class(facts: Dict[str, Any]) -> bool:
    """Whether only the shots of one class were explained."""
    if facts["options"].get("command") != "gbprop" or facts["exercise"] not in EXERCISES:
        return False
    chosen = facts["options"].get("only_class")
    shown = EXERCISES[facts["exercise"]].shown_class if chosen is None else chosen
    return shown not in (None, "all")


def _in_order(parts: Sequence[Any]) -> List[Any]:
    """Return the parts in the order of the data files; each of these exactly once."""
    found: Dict[str, Any] = {}
    for part in parts:
        for name in part.facts["data_files"]:
            if name in found:
                raise InputError(f"{name}: in {found[name].path} and in {part.path}; give one")
            found[name] = part
    wanted = parts[0].facts.get("of_files", list(found))
    _check_one_run(parts, wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        count = max(Shard.parse(part.facts.get("shard", "1/1")).count for part in parts)
        shard = Shard(wanted.index(missing[0]) % count + 1, count)
        raise InputError(
            f"{len(missing)} of {len(wanted)} data files have no part, the first is {missing[0]} "
            f"(shard {shard}); make it, or name its part too"
        )
    strange = [name for name in found if name not in wanted]
    if strange:
        raise InputError(
            f"{found[strange[0]].path}: {strange[0]} is no data file of the others; leave it out"
        )
    ordered: List[Any] = []
    for name in wanted:
        if not ordered or found[name] is not ordered[-1]:
            ordered.append(found[name])
    return ordered


def _check_one_run(parts: Sequence[Any], wanted: Sequence[str]) -> None:
    for part in parts:
        others = part.facts.get("of_files", wanted)
        if others != wanted:
            raise InputError(
                f"{part.path}: one of {len(others)} data files, {parts[0].path} one of "
                f"{len(wanted)} others; merge the parts of one run"
            )


def _check_columns(parts: Sequence[Any]) -> None:
    for part in parts:
        for name in sorted({*part.columns, *parts[0].columns}):
            one, other = part.columns.get(name), parts[0].columns.get(name)
            if one is None or other is None or (one[0][1:], one[1]) != (other[0][1:], other[1]):
                raise InputError(
                    f"{part.path}: column {name!r} is not that of {parts[0].path}; make it again"
                )
