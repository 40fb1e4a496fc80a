"""One shot after the other on a screen: the only module that asks for a display."""

from legacy_gbp.errors import InputError
from legacy_gbp.figures.panel import draw_panel


class Window:
    """One shot after the other on a screen, as the original showed them."""

    def __init__(self):
        import matplotlib.pyplot as plt
        from matplotlib import get_backend

        try:
            self._figure = plt.figure(figsize=(11, 5))
        except Exception as error:  # every toolkit raises its own kind
            raise _no_window(get_backend(), error) from error
        if get_backend().lower() in ("agg", "pdf", "ps", "svg", "template", "cairo"):
            plt.close(self._figure)
            raise _no_window(get_backend(), "it draws to files alone")
        self._plt = plt

    def show(self, caption, panels):
        """Draw a shot and wait for the reader.

        Returns
        -------
        bool
            False when the reader asked to quit: q, or the end of the input.
        """
        self._figure.clear()
        for column, (name, array) in enumerate(panels):
            axes = self._figure.add_subplot(1, len(panels), column + 1)
            draw_panel(axes, array, signed=column > 0)
            axes.set_title(caption if column == 0 else name, fontsize=9)
        self._figure.tight_layout()
        self._plt.show(block=False)
        self._figure.canvas.draw()
        self._plt.pause(0.1)  # lets the toolkit put the drawing on the screen
        try:
            answer = input(f"{caption}: Enter for the next, q to quit ")
        except EOFError:
            return False
        return answer.strip().lower() != "q"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._plt.close(self._figure)


def _no_window(backend, why):
    reason = str(why).split("\n")[0]
    return InputError(
        f"--show: matplotlib's backend {backend!r} opens no window ({reason}); leave --show out, "
        "the pages are written as PNG"
    )
