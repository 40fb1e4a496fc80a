"""One shot after the other on a screen: the only module that needs a display."""

from typing import Sequence

from legacy_gbp.errors import InputError, first_line
from legacy_gbp.figures.panel import NamedArray, draw_panel

FILE_BACKENDS = ("agg", "pdf", "ps", "svg", "template", "cairo")
PAUSE_SECONDS = 0.1  # lets the toolkit put the drawing on the screen


class Window:
    """One shot after the other on a screen, as the tutorial showed them.

    Use it in a ``with`` statement, which closes it.

    Raises
    ------
    InputError
        Where matplotlib's backend opens no window.
    """

    def __init__(self) -> None:
        import matplotlib.pyplot as plt
        from matplotlib import get_backend

        try:
            self._figure = plt.figure(figsize=(11, 5))
        except Exception as error:  # every toolkit raises its own kind
            raise _no_window(get_backend(), first_line(error)) from error
        if get_backend().lower() in FILE_BACKENDS:
            plt.close(self._figure)
            raise _no_window(get_backend(), "it draws to files alone")
        self._plt = plt

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
        self._figure.clear()
        for column, (name, array) in enumerate(panels):
            axes = self._figure.add_subplot(1, len(panels), column + 1)
            draw_panel(axes, array, signed=column > 0)
            axes.set_title(name if column else caption, fontsize=9)
        self._figure.tight_layout()
        self._plt.show(block=False)
        self._figure.canvas.draw()
        self._plt.pause(PAUSE_SECONDS)
        try:
            answer = input(f"{caption}: Enter for the next, q to quit ")
        except EOFError:
            return False
        return answer.strip().lower() != "q"

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._plt.close(self._figure)


def _no_window(backend: str, reason: str) -> InputError:
    return InputError(
        f"`show`: matplotlib's backend {backend!r} opens no window ({reason}); leave `show` out, "
        "the pages are written as PNG"
    )
