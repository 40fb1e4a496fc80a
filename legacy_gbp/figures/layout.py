"""Where panels are on a page, counted in dots."""

import textwrap
from typing import Any, Dict, Sequence, Tuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from legacy_gbp.figures.plain_text import NO_TEX, drawable, literal

DOTS_PER_INCH = 100
FRAME_DOTS = 2  # between the edge of the axes, where the frame is drawn, and the image
QUARTER_INCH = 25  # dots: pages of whole quarters have a size that floats hold exactly
LEFT, RIGHT = 60, 15  # dots beside the panels
BETWEEN_PANELS, BETWEEN_GROUPS, BETWEEN_ROWS = 10, 30, 45
LEAST_SLOT, LEAST_PAGE = 190, 600  # dots: captions and the title need room
TITLE_SIZE, NOTE_SIZE = 11, 7.5  # points
LINE_SPACING = 1.4  # times the size
WIDTH_OF_A_CHARACTER = 0.62  # times the size
POINTS_PER_INCH = 72


class PageGrid:
    """A page of panels, all of one size, that begin and end at whole dots.

    Parameters
    ----------
    title, note : str
        Above and below the panels; broken into lines as the page needs. A note may have several
        lines.
    panel : tuple of int
        Rows and columns of a panel, dots; see :func:`legacy_gbp.figures.pixels.panel_dots`.
    rows, groups, panels : int
        Of the page, of a row, of a group.
    least_slot : int
        Width that the captions of a panel need, dots.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Drawn to files, whatever backend pyplot has.
    """

    def __init__(
        self,
        title: str,
        note: str,
        panel: Tuple[int, int],
        rows: int,
        groups: int,
        panels: int,
        least_slot: int = LEAST_SLOT,
    ) -> None:
        self._height, self._width = (dots + 2 * FRAME_DOTS for dots in panel)
        self._slot = max(self._width, least_slot) + BETWEEN_PANELS
        self._group = panels * self._slot + BETWEEN_GROUPS
        width = max(LEFT + groups * self._group - BETWEEN_GROUPS + RIGHT, LEAST_PAGE)
        page_width = _whole_quarters(width)
        title, title_dots = _lines([title], TITLE_SIZE, page_width)
        note, note_dots = _lines(note.split("\n"), NOTE_SIZE, page_width)
        self._head = title_dots + 40
        height = self._head + rows * (self._height + BETWEEN_ROWS) + note_dots
        page_height = _whole_quarters(height)
        self._page = page_width, page_height
        self.figure = Figure((page_width / DOTS_PER_INCH, page_height / DOTS_PER_INCH))
        self.figure.set_dpi(DOTS_PER_INCH)
        FigureCanvasAgg(self.figure)
        self._text(title, TITLE_SIZE, 1 - 10 / page_height, va="top")
        self._text(note, NOTE_SIZE, 8 / page_height, va="bottom", color="0.3")

    def axes(self, row: int, group: int, panel: int) -> Axes:
        """Add a panel to the page.

        Parameters
        ----------
        row, group, panel : int
            Counted from the top left.

        Returns
        -------
        matplotlib.axes.Axes
            With a margin of FRAME_DOTS on each side, for the frame.
        """
        left = LEFT + group * self._group + panel * self._slot
        top = self._head + row * (self._height + BETWEEN_ROWS)
        width, height = self._page
        bottom = height - top - self._height
        place = left / width, bottom / height, self._width / width, self._height / height
        return self.figure.add_axes(place)

    def _text(self, text: str, size: float, y: float, **style: Any) -> None:
        common: Dict[str, Any] = {"ha": "center", "fontsize": size, "linespacing": LINE_SPACING}
        self.figure.text(0.5, y, literal(text), **common, **style, **NO_TEX)


def letters_in(dots: float, size: float) -> int:
    """Return how many letters of a size have room in a line.

    Parameters
    ----------
    dots : float
        Width of the line.
    size : float
        Points.

    Returns
    -------
    int
        1 or more.
    """
    return max(int(dots * POINTS_PER_INCH / (size * DOTS_PER_INCH * WIDTH_OF_A_CHARACTER)), 1)


def _whole_quarters(dots: int) -> int:
    return -(-dots // QUARTER_INCH) * QUARTER_INCH


def _lines(texts: Sequence[str], size: float, width: int) -> Tuple[str, int]:
    """Return texts broken into lines for a page, and their height, dots."""
    dots = size * DOTS_PER_INCH / POINTS_PER_INCH
    most = letters_in(width - 20, size)
    lines = [piece for text in texts for piece in textwrap.wrap(drawable(text), most)]
    return "\n".join(lines), int(len(lines) * dots * LINE_SPACING) + 15
