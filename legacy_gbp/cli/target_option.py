"""``--target`` and ``--labels``: what is explained, in the words of a user.

==========================  ============================================================
--target                    what is explained
==========================  ============================================================
``predicted``               the largest unit of each image
``top3``                    the three largest of each image, a map each
``mean``                    the mean of all units
``3``                       class 3
``3-5``                     class 3 less class 5
``5,3,2``                   the unit at a place of an output of several axes
``cat``                     the class of that name, by ``--labels``
``classes.txt``             a class for each image, a number or a name a line
``classes.npy``             a class or a place for each image, or weights of the units
``layer:NAME:CHANNEL``      a hidden layer, its channel, or a unit of it
==========================  ============================================================
"""

import argparse
import re
from typing import Any, List, Optional, Tuple

from legacy_gbp.attribution.target_forms import MEAN, PREDICTED, Difference, Layer, Ranked, Unit
from legacy_gbp.cli import option_types
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.target_words import Target
from legacy_gbp.errors import InputError

FILES = (".npy", ".txt", ".csv")
DIGITS = "[0-9]{1,4000}"  # ASCII; Python takes 4300 for a number
NUMBER = f"[+]?{DIGITS}"
MOST_RANKS = 100  # of topN: each is a map of its own
HELP = (
    "a class, its name (--labels), predicted, top3, mean, 3-5 (a difference), 5,3,2 (a place), a "
    "file .txt or .npy for each image, or layer:NAME[:CHANNEL | :ROW,COLUMN,CHANNEL] (predicted)"
)


def add_target_arguments(parser: Parser) -> None:
    """Add ``--target`` and ``--labels``.

    Parameters
    ----------
    parser : Parser
    """
    parser.add_argument("--target", type=target_text, default=PREDICTED, metavar="T", help=HELP)
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=option_types.path,
        help="names of the classes: a line each, JSON, or imagenet as Keras stores it",
    )


def target_text(text: str) -> str:
    """Return the text of a target, or refuse what cannot be one without any file."""
    if text.startswith("layer:") and _layer(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not layer:NAME, layer:NAME:CHANNEL or layer:NAME:ROW,COLUMN,CHANNEL"
        )
    top = re.fullmatch(f"top({DIGITS})", text)
    if top and not 1 <= int(top.group(1)) <= MOST_RANKS:
        raise argparse.ArgumentTypeError(f"{text!r} is not top1..top{MOST_RANKS}")
    if re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?", text) and not re.fullmatch(NUMBER, text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return option_types.path(text)


def read_target(
    options: Options, count: Optional[int] = None, limit: Optional[int] = None
) -> Target:
    """Return what is asked for; files are read.

    Parameters
    ----------
    options : Options
        With `target` and `labels`.
    count : int, optional
        Number of images, for the targets of a file.
    limit : int, optional
        Number of those that are explained; a file may hold as many.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        For a text that is no target, or a file that does not fit.
    """
    names: List[str] = []
    if options.labels:
        from legacy_gbp.data.class_names import read_class_names

        names = read_class_names(options.labels)
    text: str = options.target
    top = re.fullmatch(f"top({DIGITS})", text)
    if top:
        return Target([Ranked(rank + 1) for rank in range(int(top.group(1)))], False, names)
    if text.endswith(FILES) and text not in names:
        counts = None if count is None else (count, limit or count)
        values, per_image = _from_file(text, names, counts)
        return Target([values], per_image, names)
    return Target([_form(text, names)], False, names)


def _form(text: str, names: List[str]) -> Any:
    if text in (PREDICTED, MEAN):
        return text
    if text.startswith("layer:"):
        return _layer(text)
    if re.fullmatch(NUMBER, text):
        return int(text)
    if re.fullmatch(f"{DIGITS}-{DIGITS}", text):
        first, second = text.split("-")
        return Difference(int(first), int(second))
    if re.fullmatch(f"{DIGITS}(,{DIGITS})+", text):
        return Unit(tuple(map(int, text.split(","))))
    if names:
        from legacy_gbp.data.class_names import class_number

        return class_number(text, names)
    raise InputError(
        f"`target` {text!r} is no class number, predicted, top3, mean, 3-5, 5,3,2, file or "
        "layer:NAME; for a class by its name give `labels`"
    )


def _layer(text: str) -> Optional[Layer]:
    """Return the layer of ``layer:NAME:PLACE``; None for another text."""
    name, _, place = text[len("layer:") :].partition(":")
    parts = place.split(",") if place else []
    if not name or not all(re.fullmatch(f"-?{DIGITS}", part) for part in parts):
        return None
    return Layer(name, tuple(int(part) for part in parts))


def _from_file(path: str, names: List[str], counts: Optional[Tuple[int, int]]) -> Any:
    """Return the values of a file, and whether they have a row for each image.

    Floats may: the pipeline tells weights from rows by the axes of the output.
    """
    import numpy as np

    values = _array(path) if path.endswith(".npy") else _lines(path, names)
    if values.dtype.kind not in "iuf":
        raise InputError(f"{path}: holds {values.dtype}; give integers, or weights as floats")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN or Inf; give finite weights")
    if not values.ndim:
        return (values if values.dtype.kind == "f" else int(values)), False
    has_rows = counts is None or len(values) in counts
    if not has_rows and values.dtype.kind != "f":
        count = counts[0] if counts else 0
        raise InputError(
            f"{path}: holds {len(values)} targets for {count} images; give one for each"
        )
    return values, has_rows


def _array(path: str) -> Any:
    import numpy as np

    from legacy_gbp.data.arrays import map_array

    return np.array(map_array(path, "target"))


def _lines(path: str, names: List[str]) -> Any:
    import numpy as np

    from legacy_gbp.data.class_names import class_number
    from legacy_gbp.errors import first_line

    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file if line.strip()]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check `target`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({first_line(error)}); give a class a line"
        ) from error
    if lines and all(_is_number(line) for line in lines) and any("." in line for line in lines):
        return np.array([float(line) for line in lines])  # weights
    classes = []
    for number, line in enumerate(lines, 1):
        if re.fullmatch(r"[0-9]{1,9}", line):
            classes.append(int(line))
        elif names:
            classes.append(class_number(line, names))
        else:
            raise InputError(
                f"{path}: line {number} is {line!r}, no class number; for names give `labels`"
            )
    return np.array(classes, np.int64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
