"""Pictures of images and maps: the only module that imports matplotlib.

Maps are signed and drawn in a diverging scale that is symmetric about zero and
clipped at one stated percentile of the map's own magnitude.
"""

import os

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from legacy_gbp.aside import written_aside
from legacy_gbp.errors import InputError

CLIP_PERCENTILE = 99.7
IMAGE_CEILING = 0.5  # of the largest pixel: the halo of the beam stays visible
PANELS_A_ROW, ROWS_A_PAGE = 6, 2
MAP_SCALE = (
    "Maps: red positive, blue negative, each clipped at the "
    f"{CLIP_PERCENTILE} percentile of its magnitude."
)
SCALES = (
    f"columns: time, rows: energy (pixels). Images: clipped at {IMAGE_CEILING:.0%} of their "
    f"largest pixel. {MAP_SCALE}"
)
GUIDED_NOTE = (
    "Guided backprop shows which input structure excites the network's active paths; "
    "it is not evidence that these pixels caused the decision."
)
PANEL_INCHES = (2.3, 2.7)
SHEET_COLUMNS, SHEET_INCHES = 8, (1.9, 2.3)
TRUTH_COLOURS = ("white", "cyan")
POWER_SHARE = 0.15  # of the panel's height, for the strongest shot
HEAD_INCHES, FOOT_INCHES = 0.75, 0.55


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


def draw_panel(axes, array, signed, extent=None, origin="lower"):
    """One image, or one signed map, with high energies at the top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    array : (H, W) array
    signed : bool
        True for a map.
    extent : tuple of float, optional
        Left, right, bottom and top edge; pixels by default.
    origin : str
        ``"lower"``, or ``"upper"`` for pictures.
    """
    common = {"origin": origin, "interpolation": "nearest", "aspect": "auto", "extent": extent}
    if signed:
        clip = _clip(array)
        axes.imshow(array, cmap="RdBu_r", vmin=-clip, vmax=clip, **common)
    else:
        top = IMAGE_CEILING * np.max(array)
        axes.imshow(array, cmap="inferno", vmin=min(0, np.min(array)), vmax=top or 1, **common)
    axes.tick_params(labelsize=6, length=2)


def save(figure, path):
    """Write a figure as PNG, aside and renamed."""
    with written_aside(path) as partial:
        figure.savefig(partial, dpi=100, format="png")


def explained_page(title, shown):
    """Images of any network, each beside its maps and under the last of them.

    Parameters
    ----------
    title : str
    shown : list of (caption, image, named)
        named is a list of (method, map); image and maps are arrays (H, W, C),
        or (features,). Three channels are drawn as colours; of a map of several
        channels the sum is drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = len(shown[0][2]) + 2
    a_row = min(PANELS_A_ROW // panels or 1, len(shown))
    rows = -(-len(shown) // a_row)
    width, height = PANEL_INCHES
    tall = HEAD_INCHES + rows * height + FOOT_INCHES
    figure = Figure(figsize=(a_row * panels * width, tall))
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        rows, panels * a_row, left=0.03, right=0.99, wspace=0.08, hspace=0.2,
        top=1 - HEAD_INCHES / tall, bottom=FOOT_INCHES / tall,
    )  # fmt: skip
    for k, (caption, image, named) in enumerate(shown):
        row, column = divmod(k, a_row)
        axes = [figure.add_subplot(grid[row, panels * column + part]) for part in range(panels)]
        for one, text in zip(axes, (caption, *(name for name, _ in named), "overlay")):
            one.set_title(text, fontsize=8, loc="left")
        if np.ndim(image) < 3:
            _draw_features(axes, image, [found for _, found in named])
            continue
        _draw_image(axes[0], image)
        for one, (_, found) in zip(axes[1:], named):
            draw_panel(one, found.sum(axis=-1), signed=True, origin="upper")
        _draw_overlay(axes[-1], image, named[-1][1].sum(axis=-1))
        for one in axes[0 if column else 1 :]:
            one.set_yticklabels([])
    figure.suptitle(title, fontsize=11)
    note = MAP_SCALE + (
        "\n" + GUIDED_NOTE if any("guided" in name for name, _ in shown[0][2]) else ""
    )
    figure.text(0.5, 0.012, note, ha="center", fontsize=7, color="0.3")
    return figure


def _draw_image(axes, image):
    """Three channels as colours, anything else as the mean of its channels in grey."""
    low, high = float(np.min(image)), float(np.max(image))
    scaled = (np.asarray(image, float) - low) / (high - low or 1)
    if scaled.shape[-1] == 3:
        axes.imshow(scaled, aspect="auto")
    else:
        axes.imshow(scaled.mean(axis=-1), cmap="gray", aspect="auto")
    axes.tick_params(labelsize=6, length=2)


def _draw_overlay(axes, image, signed):
    """The map over the grey image, the more opaque the larger it is."""
    _draw_image(axes, np.mean(np.asarray(image, float), axis=-1, keepdims=True))
    strength = np.minimum(np.abs(signed) / _clip(signed), 1)
    axes.imshow(
        signed, cmap="RdBu_r", vmin=-_clip(signed), vmax=_clip(signed), alpha=strength,
        aspect="auto",
    )  # fmt: skip
    axes.tick_params(labelsize=6, length=2)


def _draw_features(axes, values, maps):
    """Inputs without places: values and maps along their number."""
    for one, series in zip(axes, (values, *maps)):
        one.plot(np.ravel(series), drawstyle="steps-mid", linewidth=0.8)
        one.tick_params(labelsize=6, length=2)
    axes[-1].axis("off")


def _clip(signed):
    """The stated percentile of the magnitude; sparse maps may have 0 there and still not be 0."""
    return np.percentile(np.abs(signed), CLIP_PERCENTILE) or np.abs(signed).max() or 1


def contact_sheet(title, seen):
    """Shots of one file with what is known of them.

    Where the file holds the truth, axes are fs and MeV, contours show what the
    lasing of each colour emptied (solid) and filled (dashed), and the curves at
    the bottom its X-ray power.

    Parameters
    ----------
    title : str
    seen : legacy_gbp.data.truth.Seen

    Returns
    -------
    matplotlib.figure.Figure
    """
    count, truth = len(seen.rows), seen.truth
    columns = min(SHEET_COLUMNS, count)
    rows = -(-count // columns)
    width, height = SHEET_INCHES
    wide, tall = max(columns * width, 5) + 0.7, rows * height + 1.25
    figure = Figure(figsize=(wide, tall))
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        rows, columns, left=0.6 / wide, right=1 - 0.1 / wide, wspace=0.06, hspace=0.12,
        top=1 - 0.55 / tall, bottom=0.7 / tall,
    )  # fmt: skip
    strongest = (truth.power.max() or 1) if truth else 1
    for k, row in enumerate(seen.rows):
        axes = figure.add_subplot(grid[k])
        draw_panel(axes, seen.images[k], signed=False, extent=_extent(truth, seen.images[k].shape))
        if truth:
            _draw_truth(axes, truth, k, strongest)
        axes.set_title(_caption(seen, k, row), fontsize=7, loc="left")
        if k % columns:
            axes.set_yticklabels([])
        if k + columns < count:
            axes.set_xticklabels([])
    units = ("time (fs)", "energy (MeV)") if truth else ("time (pixels)", "energy (pixels)")
    figure.supxlabel(units[0], fontsize=9, y=0.36 / tall)
    figure.supylabel(units[1], fontsize=9, x=0.1 / wide)
    figure.suptitle(title, fontsize=10, y=1 - 0.12 / tall)
    note = f"Images: clipped at {IMAGE_CEILING:.0%} of their largest pixel."
    if truth:
        note += (
            " Contours: where lasing emptied (solid) and filled (dashed) pixels; white the first"
            f" colour, cyan the second. Curves: X-ray power, highest {strongest:.0f} GW."
        )
    figure.text(0.5, 0.1 / tall, note, ha="center", fontsize=6.5, color="0.3", wrap=True)
    return figure


def _draw_truth(axes, truth, k, strongest):
    left, right, bottom, top = _extent(truth, truth.loss_mask.shape[2:])
    for mask, power, colour in zip(range(2), truth.power[k], TRUTH_COLOURS):
        for name, style in (("loss_mask", "solid"), ("gain_mask", "dashed")):
            moved = getattr(truth, name)[k, mask]
            if moved.any():
                axes.contour(
                    moved, [0.5], colors=colour, linestyles=style, linewidths=0.7,
                    extent=(left, right, bottom, top), origin="lower",
                )  # fmt: skip
        curve = bottom + (top - bottom) * POWER_SHARE * power / strongest
        axes.plot(truth.time, curve, color=colour, linewidth=0.8)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _extent(truth, shape):
    """Edges of the image: fs and MeV, or pixels where no calibration is known."""
    if truth is None:
        return -0.5, shape[1] - 0.5, -0.5, shape[0] - 0.5
    columns = (np.array([-0.5, shape[1] - 0.5]) - truth.column_of_zero) * truth.fs_per_column
    rows = (np.array([-0.5, shape[0] - 0.5]) - truth.row_of_zero) * truth.MeV_per_row
    return (*columns, *rows)


def _caption(seen, k, row):
    short = {"lasing": "lasing", "acq.enPeaksLabel": "label"}
    said = [f"{short[name]} {values[k]}" for name, values in seen.labels.items()]
    if seen.truth:
        said.append(f"true {seen.truth.true_class[k]}")
    return f"{row}: " + ", ".join(said)


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
