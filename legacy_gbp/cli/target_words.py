"""What ``--target`` asks for, in words: captions, titles, and what an output does not have."""

import re
from typing import Any, List, NamedTuple, Optional, Sequence

from legacy_gbp.attribution.target_forms import MEAN, Difference, Unit
from legacy_gbp.errors import InputError

MOST_LETTERS = 24  # of the name of a class, where it is shown


class Target(NamedTuple):
    """What ``--target`` asks for.

    Attributes
    ----------
    forms : list of object
        One, or the ranks of ``top3``: forms of
        :func:`legacy_gbp.attribution.target.seeded`.
    per_image : bool
        Whether the only form is an array with a row for each image.
    names : list of str
        Of the classes; empty without ``--labels``.
    """

    forms: List[Any]
    per_image: bool
    names: List[str]

    def ranked(self, logits: Any, axis: int = -1, rank: int = 1) -> str:
        """Return a unit of an image in words, by its size.

        Parameters
        ----------
        logits : (...) array
            Of the image.
        axis : int
            That of the classes, counted from the end.
        rank : int
            1 for the largest.

        Returns
        -------
        str
            Such as ``class 3 (cat)``, or ``unit 5,3,2 (cat)``; of a single number its value.
        """
        import numpy as np

        if not np.size(logits):
            return "logits unknown"
        if np.size(logits) == 1:
            return f"output {float(np.ravel(logits)[0]):.3g}"
        order = np.argsort(-np.ravel(logits).astype(float), kind="stable")
        shape = np.shape(logits)
        index = np.unravel_index(order[rank - 1], shape) if shape else (0,)
        return self._unit([int(place) for place in index], axis)

    def of_image(self, index: int, axis: int = -1) -> str:
        """Return what a file asks for of an image, in words.

        Parameters
        ----------
        index : int
            Of the image.
        axis : int
            That of the classes, counted from the end.

        Returns
        -------
        str
            Empty where the file holds no class and no place.
        """
        import numpy as np

        wanted = np.asarray(self.forms[0])[index] if self.per_image else np.empty(0)
        if wanted.dtype.kind not in "iu":
            return ""
        return self._unit([int(place) for place in np.ravel(wanted)], axis)

    def check_classes(self, asked: str, classes: Optional[int]) -> None:
        """Refuse a name, or a number of a file, of a class that the output does not have.

        Parameters
        ----------
        asked : str
            As the user wrote it.
        classes : int or None
            Of the output; None where only a run says it.

        Raises
        ------
        InputError
        """
        form = self.forms[0]
        if classes is not None and self.per_image and form.dtype.kind in "iu" and form.ndim == 1:
            for number, place in enumerate(form):
                if not 0 <= place < classes:
                    raise InputError(
                        f"{asked}: target {place} of image {number} is not a class; classes are "
                        f"0..{classes - 1}"
                    )
        is_name = isinstance(form, int) and self.names and not re.fullmatch(r"[+]?\d+", asked)
        if classes is None or not is_name:
            return
        if classes == 1 and len(self.names) == 2:
            raise InputError(
                f"`target` {asked!r}: the output is one number for two classes; leave `target` "
                "out: the map is that of the class which a large number means"
            )
        if form >= classes:
            raise InputError(
                f"`target` {asked!r} is class {form} of `labels`, and the classes of the output "
                f"are 0..{classes - 1}; give the labels of this model"
            )

    def words(self, asked: str, axis: int = -1) -> str:
        """Return what is explained, in words.

        Parameters
        ----------
        asked : str
            As the user wrote it.
        axis : int
            That of the classes, counted from the end.

        Returns
        -------
        str
            Such as ``class 3 (cat) less class 5 (dog)``; `asked` where it is in words.
        """
        form = self.forms[0]
        if isinstance(form, int):
            return self._unit([form], axis)
        if isinstance(form, Unit):
            return self._unit(form.index, axis)
        if isinstance(form, Difference):
            return f"{self._unit([form.first], axis)} less {self._unit([form.second], axis)}"
        return "the mean of all units" if isinstance(form, str) and form == MEAN else asked

    def _unit(self, index: Sequence[int], axis: int) -> str:
        """Return a class, or a unit at a place, in words."""
        number = index[axis] if len(index) >= -axis else index[-1]
        name = f" ({shown_name(self.names[number])})" if number < len(self.names) else ""
        if len(index) == 1:
            return f"class {number}{name}"
        return f"unit {','.join(map(str, index))}{name}"


def shown_name(name: str) -> str:
    """Return the name of a class as pages show it: the first of its synonyms, not too long.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> shown_name("great white shark, white shark, man-eater")
    'great white shark'
    """
    first = " ".join((name.split(",")[0] or name).split())
    return first if len(first) <= MOST_LETTERS else first[: MOST_LETTERS - 3].rstrip() + "..."
