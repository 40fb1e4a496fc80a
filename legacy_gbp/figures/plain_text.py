"""Texts of a figure: drawn letter by letter, in letters that the font has."""

import functools
from typing import Any, Dict, FrozenSet, Tuple, cast

from matplotlib import rcParams
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from legacy_gbp.io.console import escaped, legible

NO_TEX: Dict[str, Any] = {"usetex": False}  # style of every text, whatever matplotlibrc says
GENERIC_FAMILIES = ("serif", "sans-serif", "cursive", "fantasy", "monospace")


def drawable(text: str) -> str:
    r"""Return a text as one line of characters that the figure's fonts have.

    Parameters
    ----------
    text : str
        Such as a title with the name of a file.

    Returns
    -------
    str
        With escapes such as ``\n`` and ``\u6f22`` in place of what is not drawn, or would be drawn
        as an empty box.
    """
    text = legible(text)
    if text.isascii():
        return text
    has = _characters_of(_families())
    return "".join(one if ord(one) in has else escaped(one) for one in text)


def literal(text: str) -> str:
    """Return a text that is drawn letter by letter: dollar signs begin no formula.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text.replace("$", "\\$")


def _families() -> Tuple[str, ...]:
    """Return the families of fonts that texts are drawn in, the first choice first."""
    families, settings = FontProperties().get_family(), cast("Dict[str, Any]", rcParams)
    named = [settings["font." + one] if one in GENERIC_FAMILIES else [one] for one in families]
    return tuple(name for names in named for name in names)


@functools.lru_cache(maxsize=None)
def _characters_of(families: Tuple[str, ...]) -> FrozenSet[int]:
    """Return the characters of the fonts of some families; of the default where none is there."""
    paths = []
    for name in families:
        try:
            paths.append(findfont(FontProperties(family=[name]), fallback_to_default=False))
        except ValueError:
            continue
    if not hasattr(fontManager, "_find_fonts_by_props"):  # before 3.6 no other font fills in
        paths = paths[:1]
    paths = paths or [findfont(FontProperties())]
    return frozenset(code for path in paths for code in get_font(path).get_charmap())
