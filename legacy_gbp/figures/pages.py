"""Pages of the exercises' shots, each beside its maps."""

import os

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from legacy_gbp.figures.panel import (
    FOOT_INCHES,
    GUIDED_NOTE,
    HEAD_INCHES,
    IMAGE_CEILING,
    MAP_SCALE,
    PANEL_INCHES,
    PANELS_A_ROW,
    draw_panel,
    save,
)

ROWS_A_PAGE = 2
SCALES = (
    f"columns: time, rows: energy (pixels). Images: clipped at {IMAGE_CEILING:.0%} of their "
    f"largest pixel. {MAP_SCALE}"
)


class Pages:
    """PNG pages of shots, written as soon as a page is full.

    Parameters
    ----------
    prefix : str
        Page k goes to ``prefix-00k.png``.
    title : str
    most : int
        Shots beyond this number of pages are not drawn.
    """

    def __init__(self, prefix, title, most):
        self._prefix, self._title, self._most = prefix, title, most
        self._shots = []
        self.paths = []

    def add(self, caption, panels):
        """Draw one shot.

        Parameters
        ----------
        caption : str
        panels : list of (name, (H, W) array)
            The image first, then its maps.
        """
        if len(self.paths) < self._most:
            self._shots.append((caption, panels))
        if len(self._shots) == ROWS_A_PAGE * (PANELS_A_ROW // len(panels)):
            self._write()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is None:
            self._write()
        else:  # a refused run leaves nothing behind
            for path in self.paths:
                os.remove(path)

    def _write(self):
        """Write the page begun, if any."""
        if not self._shots:
            return
        path = f"{self._prefix}-{len(self.paths) + 1:03d}.png"
        save(draw_page(self._title, self._shots), path)
        self.paths.append(path)
        self._shots = []


def draw_page(title, shots):
    """A page of shots side by side.

    Parameters
    ----------
    title : str
    shots : list of (caption, panels)
        As given to :meth:`Pages.add`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = len(shots[0][1])
    columns = min(PANELS_A_ROW // panels, len(shots))
    rows = -(-len(shots) // columns)
    width, height = PANEL_INCHES
    page_height = HEAD_INCHES + rows * height + FOOT_INCHES
    figure = Figure(figsize=(columns * (panels * width + 0.25), page_height))
    FigureCanvasAgg(figure)
    outer = figure.add_gridspec(
        rows, columns, left=0.04, right=0.99, wspace=0.09, hspace=0.2,
        top=1 - HEAD_INCHES / page_height, bottom=FOOT_INCHES / page_height,
    )  # fmt: skip
    for k, (caption, named) in enumerate(shots):
        inner = outer[k].subgridspec(1, panels, wspace=0.04)
        for column, (name, array) in enumerate(named):
            axes = figure.add_subplot(inner[column])
            draw_panel(axes, array, signed=column > 0)
            axes.set_title(caption if column == 0 else name, fontsize=8, loc="left")
            if column or k % columns:
                axes.set_yticklabels([])
    figure.suptitle(title, fontsize=11)
    names = {name for _, named in shots for name, _ in named}
    note = SCALES + ("\n" + GUIDED_NOTE if "guided" in names else "")
    figure.text(0.5, 0.008, note, ha="center", fontsize=7.5, color="0.3")
    return figure
