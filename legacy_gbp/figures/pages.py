"""Pages of the exercises' shots, each beside its maps."""

import os
from types import TracebackType
from typing import List, Optional, Sequence, Tuple, Type

from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from legacy_gbp.figures.panel import (
    FOOT_INCHES,
    GUIDED_NOTE,
    HEAD_INCHES,
    IMAGE_CEILING,
    MAP_SCALE,
    PANEL_INCHES,
    PANELS_A_ROW,
    NamedArray,
    draw_panel,
    new_figure,
    save,
)

ROWS_A_PAGE = 2
SCALES = (
    f"columns: time, rows: energy (pixels). Images: clipped at {IMAGE_CEILING:.0%} of their "
    f"largest pixel. {MAP_SCALE}"
)

ShownShot = Tuple[str, Sequence[NamedArray]]  # caption; the image first, then its maps


class Pages:
    """PNG pages of shots, written as soon as a page is full.

    Use it in a ``with`` statement: on success it writes the last page, on failure
    it removes all pages.

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
        Of the pages written.
    """

    def __init__(self, prefix: str, title: str, most: int) -> None:
        self._prefix, self._title, self._most = prefix, title, most
        self._shots: List[ShownShot] = []
        self.paths: List[str] = []

    def add(self, caption: str, panels: Sequence[NamedArray]) -> None:
        """Add one shot, and write the page that it fills.

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
            self._write()

    def __enter__(self) -> "Pages":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if kind is None:
            self._write()
        else:
            for path in self.paths:
                os.remove(path)

    def _write(self) -> None:
        """Write the page begun, if any."""
        if not self._shots:
            return
        path = f"{self._prefix}-{len(self.paths) + 1:03d}.png"
        save(draw_page(self._title, self._shots), path)
        self.paths.append(path)
        self._shots = []


def draw_page(title: str, shots: Sequence[ShownShot]) -> Figure:
    """Draw a page of shots side by side.

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
    columns = min(PANELS_A_ROW // panels, len(shots))
    rows = -(-len(shots) // columns)
    width, height = PANEL_INCHES
    page_height = HEAD_INCHES + rows * height + FOOT_INCHES
    figure = new_figure(columns * (panels * width + 0.25), page_height)
    grid = figure.add_gridspec(
        rows, columns, left=0.04, right=0.99, wspace=0.09, hspace=0.2,
        top=1 - HEAD_INCHES / page_height, bottom=FOOT_INCHES / page_height,
    )  # fmt: skip
    for number, shot in enumerate(shots):
        _draw_shot(figure, grid[number], shot, label_rows=number % columns == 0)
    figure.suptitle(title, fontsize=11)
    guided = any(name == "guided" for _, named in shots for name, _ in named)
    note = SCALES + ("\n" + GUIDED_NOTE if guided else "")
    figure.text(0.5, 0.008, note, ha="center", fontsize=7.5, color="0.3")
    return figure


def _draw_shot(figure: Figure, cell: SubplotSpec, shot: ShownShot, label_rows: bool) -> None:
    """Draw one shot's panels in a cell of the page; number the image's rows or do not."""
    caption, panels = shot
    inner = cell.subgridspec(1, len(panels), wspace=0.04)
    for column, (name, array) in enumerate(panels):
        axes = figure.add_subplot(inner[column])
        draw_panel(axes, array, signed=column > 0)
        axes.set_title(name if column else caption, fontsize=8, loc="left")
        if column or not label_rows:
            axes.set_yticklabels([])
