"""What a kind of drawing is, and what several kinds share."""

import textwrap
from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes

from legacy_gbp.figures.layout import BETWEEN_PANELS, LEAST_SLOT, PageGrid, letters_in
from legacy_gbp.figures.panel import PANELS_A_ROW, NamedArray, draw_map
from legacy_gbp.figures.plain_text import NO_TEX, drawable, literal

ExplainedImage = Tuple[str, np.ndarray, Sequence[NamedArray]]  # caption, image, maps
OVERLAY = "overlay"
TITLE_SIZE, TITLE_PAD = 8, 3  # points, above a panel
MOST_LINES = 2
TICK_LABELS = 35  # dots beside a panel of numbered values
LONGEST_COLUMN = 3  # inputs; more are drawn in two columns


class Arrangement(NamedTuple):
    """The panels of a page.

    Attributes
    ----------
    panel : tuple of int
        Rows and columns of a panel, dots.
    rows, groups, panels : int
        Of the page, of a row, of a group.
    least_slot : int
        Width that the captions of a panel need, dots.
    """

    panel: Tuple[int, int]
    rows: int
    groups: int
    panels: int
    least_slot: int = LEAST_SLOT


class Kind(NamedTuple):
    """A kind of drawing.

    Attributes
    ----------
    arrange : callable
        ``arrange(explained) -> Arrangement`` of the page.
    draw : callable
        ``draw(page, explained, origin)`` fills the page; `origin` is the place of row 0 of an
        image, ``"lower"`` or ``"upper"``.
    note : callable
        ``note(explained) -> str`` is what a reader of the page must know: axes, channels, scales.
    notices : callable
        ``notices(explained) -> list of str`` says what of the data the page does not show.
    unit : str
        What one element of an input is called, plural.
    """

    arrange: Callable[[Sequence[ExplainedImage]], Arrangement]
    draw: Callable[[PageGrid, Sequence[ExplainedImage], str], None]
    note: Callable[[Sequence[ExplainedImage]], str]
    notices: Callable[[Sequence[ExplainedImage]], List[str]]
    unit: str


def side_by_side(
    explained: Sequence[ExplainedImage], panel: Tuple[int, int], least_slot: int = LEAST_SLOT
) -> Arrangement:
    """Return a page where the panels of an image lie in one row, several images where they fit.

    Parameters
    ----------
    explained : sequence of (str, array, sequence of (str, array))
    panel : tuple of int
        Rows and columns of a panel, dots.
    least_slot : int
        Width that a panel needs with its labels, dots.

    Returns
    -------
    Arrangement
    """
    panels = len(explained[0][2]) + 2
    groups = min(PANELS_A_ROW // panels or 1, len(explained))
    return Arrangement(panel, -(-len(explained) // groups), groups, panels, least_slot)


def axes_side_by_side(
    page: PageGrid, explained: Sequence[ExplainedImage]
) -> Iterator[Tuple[List[Axes], ExplainedImage, bool]]:
    """Yield each image with its panels, and whether it is the first of its row.

    Parameters
    ----------
    page : PageGrid
        Of :func:`side_by_side`.
    explained : sequence of (str, array, sequence of (str, array))

    Yields
    ------
    axes : list of matplotlib.axes.Axes
    explained : (str, array, sequence of (str, array))
    first : bool
    """
    arrangement = side_by_side(explained, (1, 1))
    for number, image in enumerate(explained):
        row, group = divmod(number, arrangement.groups)
        axes = [page.axes(row, group, panel) for panel in range(arrangement.panels)]
        yield axes, image, group == 0


def stacked(explained: Sequence[ExplainedImage], panel: Tuple[int, int]) -> Arrangement:
    """Return a page where the panels of an image lie below each other, in one or two columns.

    Parameters
    ----------
    explained : sequence of (str, array, sequence of (str, array))
    panel : tuple of int
        Rows and columns of a panel, dots.

    Returns
    -------
    Arrangement
    """
    columns = _columns(len(explained))
    rows = -(-len(explained) // columns) * (len(explained[0][2]) + 2)
    return Arrangement(panel, rows, columns, 1, panel[1] + TICK_LABELS)


def _columns(count: int) -> int:
    return 1 if count <= LONGEST_COLUMN else 2


def axes_stacked(
    page: PageGrid, explained: Sequence[ExplainedImage]
) -> Iterator[Tuple[List[Axes], ExplainedImage]]:
    """Yield each image with its panels.

    Parameters
    ----------
    page : PageGrid
        Of :func:`stacked`.
    explained : sequence of (str, array, sequence of (str, array))

    Yields
    ------
    axes : list of matplotlib.axes.Axes
    explained : (str, array, sequence of (str, array))
    """
    columns = _columns(len(explained))
    for number, image in enumerate(explained):
        panels = len(image[2]) + 2
        row, column = divmod(number, columns)
        yield [page.axes(row * panels + panel, column, 0) for panel in range(panels)], image


def set_titles(axes: Sequence[Axes], titles: Sequence[str]) -> None:
    """Write a title above each panel, in two lines where one is too short for it.

    Parameters
    ----------
    axes : sequence of matplotlib.axes.Axes
    titles : sequence of str
        What two lines are too short for ends in three dots.
    """
    for panel, text in zip(axes, titles):
        room = max(panel.get_window_extent().width, LEAST_SLOT) + BETWEEN_PANELS
        most = letters_in(room, TITLE_SIZE)
        text = drawable(text)
        if len(text) > most:
            lines = textwrap.wrap(text, most, max_lines=MOST_LINES, placeholder="...")
            text = "\n".join(lines)
        panel.set_title(
            literal(text), fontsize=TITLE_SIZE, loc="left", linespacing=1, pad=TITLE_PAD, **NO_TEX
        )


def has_places_of(values: np.ndarray, image: np.ndarray) -> bool:
    """Return whether a map has the places of its image, with any number of channels.

    Parameters
    ----------
    values : array
        A map.
    image : array

    Returns
    -------
    bool
    """
    return values.ndim == image.ndim and values.shape[:-1] == image.shape[:-1]


def summed(name: str, channels: int) -> str:
    """Return the title of a panel that shows a sum over channels.

    Parameters
    ----------
    name : str
    channels : int

    Returns
    -------
    str
    """
    return f"{name}, sum of {channels} channels" if channels > 1 else name


def shared_dots(blocks: Sequence[int], what: str, how: str = "") -> str:
    """Say how many values share a dot; nothing where none do.

    Parameters
    ----------
    blocks : sequence of int
        Values that share a dot, along each axis.
    what : str
        Plural, such as ``"pixels"``.
    how : str
        What else a reader must know of it.

    Returns
    -------
    str
        With a blank in front.
    """
    if max(blocks) == 1:
        return ""
    sizes = " x ".join(str(size) for size in blocks)
    return f" Each dot shows the largest magnitude of {sizes} {what}{how}."


def draw_foreign(axes: Axes, name: str, values: np.ndarray) -> None:
    """Draw a map that has other places than its image, such as one at a hidden layer.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    name : str
        Of the method.
    values : array
        Channels last. Of rows and columns the sum over the channels is drawn; two axes are
        places along x and channels along y; all else lies along x.
    """
    shape = "x".join(str(size) for size in values.shape)
    if values.ndim == 3:
        draw_map(axes, values.sum(axis=-1), origin="upper")
    elif values.ndim == 2:
        draw_map(axes, values.T)
    else:
        draw_map(axes, values.reshape(1, -1))
    set_titles([axes], [f"{name}, of shape {shape}"])
