"""Pages of the exercises' shots, each beside its maps."""

import contextlib
import os
import re
from types import TracebackType
from typing import List, Optional, Sequence, Tuple, Type

from matplotlib.figure import Figure

from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import (
    ENERGY_AXES,
    GUIDED_NOTE,
    IMAGE_CEILING,
    MAP_SCALE,
    PANELS_A_ROW,
    NamedArray,
    draw_panel,
    save,
)
from legacy_gbp.figures.pixels import panel_dots
from legacy_gbp.figures.plain_text import NO_TEX, drawable, literal
from legacy_gbp.io.atomic import (
    PREFIX,
    check_destination,
    remove_stale,
    temporary_name,
    unwritable,
)
from legacy_gbp.io.recipes import PAGE, text_of_png

ROWS_A_PAGE = 2
SCALES = f"{ENERGY_AXES} Images: clipped at {IMAGE_CEILING:.0%} of their largest pixel. {MAP_SCALE}"

ShownShot = Tuple[str, Sequence[NamedArray]]  # caption; the image first, then its maps


class Pages:
    """PNG pages of shots, drawn as soon as a page is full.

    Use it in a ``with`` statement: on success all pages appear together and replace those of
    an earlier run, on failure none does, and those of an earlier run stay.

    Parameters
    ----------
    prefix : str
        Page k, counted from 1, goes to ``prefix-00k.png``.
    title : str
        Of each page.
    most : int
        Shots beyond this number of pages are not drawn, 0 or more.

    Attributes
    ----------
    paths : list of str
        Of the pages drawn.
    """

    def __init__(self, prefix: str, title: str, most: int) -> None:
        self._prefix, self._title, self._most = prefix, title, most
        self._shots: List[ShownShot] = []
        self.paths: List[str] = []
        self._drawn: List[str] = []  # under temporary names

    def add(self, caption: str, panels: Sequence[NamedArray]) -> None:
        """Add one shot, and draw the page that it fills.

        Parameters
        ----------
        caption : str
        panels : sequence of (str, (H, W) array)
            Names and arrays: the image first, then its maps. All shots have the
            same number.

        Raises
        ------
        OutputError
            When the page cannot be written.
        """
        if len(self.paths) < self._most:
            self._shots.append((caption, panels))
        if len(self._shots) == ROWS_A_PAGE * (PANELS_A_ROW // len(panels)):
            self._draw()

    def __enter__(self) -> "Pages":
        folder, name = os.path.split(os.path.abspath(self._prefix))
        if os.path.isdir(folder):
            for start in (name + "-", PREFIX):  # drawn pages, and a page in work
                remove_stale(folder, start)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            if kind is None:
                self._draw()
                self._publish()
        finally:
            for drawn in self._drawn:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(drawn)

    def _draw(self) -> None:
        """Draw the page begun, if any."""
        if not self._shots:
            return
        path = f"{self._prefix}-{len(self.paths) + 1:03d}.png"
        check_destination(path)
        self._drawn.append(temporary_name(path))
        save(draw_page(self._title, self._shots), self._drawn[-1], dict([PAGE]))
        self.paths.append(path)
        self._shots = []

    def _publish(self) -> None:
        """Put all pages in the place of those of an earlier run.

        The old ones go first: a kill in between leaves too few pages, never old ones
        beside new ones.
        """
        if not self._most:
            return
        try:
            for old in _pages_of(self._prefix):
                os.remove(old)
            for drawn, path in zip(self._drawn, self.paths):
                os.replace(drawn, path)
        except OSError as error:
            raise unwritable(self._prefix, error.strerror or str(error)) from error


def _pages_of(prefix: str) -> List[str]:
    """Return the pages of an earlier run of this program, by name and by what they say."""
    folder, name = os.path.split(prefix)
    wanted = re.compile(re.escape(name) + r"-\d{3,}\.png")
    there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    paths = [os.path.join(folder, found) for found in there if wanted.fullmatch(found)]
    return sorted(path for path in paths if _is_ours(path))


def _is_ours(path: str) -> bool:
    """Return whether a PNG file has our mark, a text chunk before its pixels."""
    keyword, text = PAGE
    try:
        return text_of_png(path, keyword) == text
    except OSError:
        return False


def draw_page(title: str, shots: Sequence[ShownShot]) -> Figure:
    """Draw a page of shots side by side.

    High energies are at the top: row 0 is the lowest one. Each pixel has a dot of its
    own or more (:func:`legacy_gbp.figures.pixels.panel_dots`).

    Parameters
    ----------
    title : str
    shots : sequence of (str, sequence of (str, (H, W) array))
        One or more captions and panels, as :meth:`Pages.add` takes them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = len(shots[0][1])
    groups = min(PANELS_A_ROW // panels or 1, len(shots))
    guided = any(name == "guided" for _, named in shots for name, _ in named)
    note = SCALES + ("\n" + GUIDED_NOTE if guided else "")
    size = panel_dots(shots[0][1][0][1].shape)
    page = PageGrid(title, note, size, -(-len(shots) // groups), groups, panels)
    for number, (caption, named) in enumerate(shots):
        row, group = divmod(number, groups)
        for column, (name, array) in enumerate(named):
            axes = page.axes(row, group, column)
            draw_panel(axes, array, signed=column > 0)
            title = literal(drawable(name if column else caption))
            axes.set_title(title, fontsize=8, loc="left", **NO_TEX)
            if column or group:
                axes.set_yticklabels([])
    return page.figure
