"""One shot after the other on a screen: the only module that needs a display."""

from typing import Any, Optional, Sequence, Tuple

from legacy_gbp.errors import InputError, first_line
from legacy_gbp.figures.layout import FRAME_DOTS
from legacy_gbp.figures.panel import NamedArray, draw_panel
from legacy_gbp.figures.pixels import panel_dots
from legacy_gbp.figures.plain_text import NO_TEX, drawable, literal
from legacy_gbp.io.console import ask

FILE_BACKENDS = ("agg", "pdf", "ps", "svg", "template", "cairo")
PAUSE_SECONDS = 0.1  # lets the toolkit put the drawing on the screen
LEAST_INCHES = (11.0, 5.0)
SPARE_INCHES = 0.02  # sizes are rounded
LEFT, RIGHT, TOP, BOTTOM, BETWEEN = 60, 15, 30, 30, 12  # dots around the panels


class Window:
    """One shot after the other on a screen, as the tutorial showed them.

    Use it in a ``with`` statement, which closes it. The window opens with a dot or more
    for each pixel. Where the reader makes it smaller, a dot shows the largest magnitude
    of its block of pixels.

    Raises
    ------
    InputError
        Where matplotlib's backend opens no window.
    """

    def __init__(self) -> None:
        import matplotlib.pyplot as plt
        from matplotlib import get_backend

        try:
            self._figure = plt.figure(figsize=LEAST_INCHES)
        except Exception as error:  # every toolkit raises its own kind
            raise _no_window(get_backend(), first_line(error)) from error
        if get_backend().lower() in FILE_BACKENDS:
            plt.close(self._figure)
            raise _no_window(get_backend(), "it draws to files alone")
        self._plt = plt
        self._shown: Optional[Tuple[str, Sequence[NamedArray]]] = None
        self._figure.canvas.mpl_connect("resize_event", self._draw)

    def show(self, caption: str, panels: Sequence[NamedArray]) -> bool:
        """Draw a shot and wait for the reader.

        Parameters
        ----------
        caption : str
        panels : sequence of (str, (H, W) array)
            Names and arrays: the image first, then its maps.

        Returns
        -------
        bool
            False when the reader asked to quit: q, or the end of the input.
        """
        if self._shown is None:
            self._grow(panels)
        self._shown = caption, panels
        self._draw()
        self._plt.show(block=False)
        self._figure.canvas.draw()
        self._plt.pause(PAUSE_SECONDS)
        try:
            answer = ask(f"{caption}: Enter for the next, q to quit ")
        except EOFError:
            return False
        return answer.strip().lower() != "q"

    def _grow(self, panels: Sequence[NamedArray]) -> None:
        """Make the window so large that each pixel of the panels has a dot."""
        rows, columns = (dots + 2 * FRAME_DOTS for dots in panel_dots(panels[0][1].shape))
        width = LEFT + len(panels) * (columns + BETWEEN) + RIGHT
        height = TOP + rows + BOTTOM
        inches = (dots / self._figure.dpi + SPARE_INCHES for dots in (width, height))
        size = [max(least, needed) for least, needed in zip(LEAST_INCHES, inches)]
        self._figure.set_size_inches((size[0], size[1]), forward=True)

    def _draw(self, _event: Any = None) -> None:
        """Draw the shot at hand for the size that the window has now."""
        if self._shown is None:
            return
        caption, panels = self._shown
        self._figure.clear()
        width, height = self._figure.bbox.size
        panel = (width - LEFT - RIGHT - (len(panels) - 1) * BETWEEN) / len(panels)
        up = height - TOP - BOTTOM
        if min(panel, up) <= 2 * FRAME_DOTS:  # no room for any pixel
            return
        for column, (name, array) in enumerate(panels):
            left = LEFT + column * (panel + BETWEEN)
            place = left / width, BOTTOM / height, panel / width, up / height
            axes = self._figure.add_axes(place)
            draw_panel(axes, array, signed=column > 0)
            title = literal(drawable(name if column else caption))
            axes.set_title(title, fontsize=9, **NO_TEX)
            if column:
                axes.set_yticklabels([])
        self._figure.canvas.draw_idle()

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._plt.close(self._figure)


def _no_window(backend: str, reason: str) -> InputError:
    return InputError(
        f"`show`: matplotlib's backend {backend!r} opens no window ({reason}); leave `show` out, "
        "the pages are written as PNG"
    )
