"""Shots of one file with what is known of them."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from legacy_gbp.figures.panel import IMAGE_CEILING, draw_panel

SHEET_COLUMNS, SHEET_INCHES = 8, (1.9, 2.3)
TRUTH_COLOURS = ("white", "cyan")
POWER_SHARE = 0.15  # of the panel's height, for the strongest shot


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
