"""A contact sheet: shots of one file with what is known of them."""

from typing import Optional, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from legacy_gbp.data.truth import StoredShots, Truth
from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import IMAGE_CEILING, Extent, draw_panel
from legacy_gbp.figures.pixels import panel_dots
from legacy_gbp.figures.plain_text import NO_TEX, literal

SHEET_COLUMNS = 8
TRUTH_COLOURS = ("white", "cyan")
POWER_SHARE = 0.15  # of the panel's height, for the strongest shot
LEAST_POWER = 0.01  # of the strongest; weaker power would hide the lowest rows of pixels
SHORT_NAMES = {"lasing": "lasing", "acq.enPeaksLabel": "label"}


def contact_sheet(title: str, shots: StoredShots) -> Figure:
    """Draw shots of one file with what is known of them.

    Where the file knows the truth, axes are fs and MeV, contours show what the
    lasing of each colour emptied (solid) and filled (dashed), and the curves at
    the bottom its X-ray power. High energies are at the top, and each pixel has a
    dot of its own.

    Parameters
    ----------
    title : str
    shots : legacy_gbp.data.truth.StoredShots
        One or more.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count, truth = len(shots.rows), shots.truth
    columns = min(SHEET_COLUMNS, count)
    units = "time (fs), rows: energy (MeV)" if truth else "time, rows: energy (pixels)"
    note = f"columns: {units}, high energies at the top. {_note(truth)}"
    size = panel_dots(shots.images.shape[1:])
    page = PageGrid(title, note, size, -(-count // columns), 1, columns)
    strongest = _highest_power(truth)
    for number in range(count):
        row, column = divmod(number, columns)
        axes = page.axes(row, 0, column)
        _draw_shot(axes, shots, number, strongest)
        if column:
            axes.set_yticklabels([])
        if number + columns < count:
            axes.set_xticklabels([])
    return page.figure


def _highest_power(truth: Optional[Truth]) -> float:
    """Return the highest X-ray power of all shots, GW; 1 where there is none."""
    return float(truth.power.max() or 1) if truth else 1.0


def _note(truth: Optional[Truth]) -> str:
    note = f"Images: clipped at {IMAGE_CEILING:.0%} of their largest pixel."
    if truth is None:
        return note
    return note + (
        " Contours: where lasing emptied (solid) and filled (dashed) pixels; white the first"
        f" colour, cyan the second. Curves: X-ray power, highest {_highest_power(truth):.0f} GW."
    )


def _draw_shot(axes: Axes, shots: StoredShots, number: int, strongest: float) -> None:
    """Draw one shot with its truth; `strongest` is the power that fills the curves' height."""
    image, truth = shots.images[number], shots.truth
    draw_panel(axes, image, signed=False, extent=_extent(truth, image.shape))
    if truth:
        _draw_truth(axes, truth, number, strongest)
    axes.set_title(literal(_caption(shots, number)), fontsize=7, loc="left", **NO_TEX)


def _draw_truth(axes: Axes, truth: Truth, number: int, strongest: float) -> None:
    """Draw the contours of what lasing moved, and the X-ray power."""
    extent = _extent(truth, truth.loss_mask.shape[2:])
    _, _, bottom, top = extent
    for mask, power, colour in zip(range(2), truth.power[number], TRUTH_COLOURS):
        for masks, style in ((truth.loss_mask, "solid"), (truth.gain_mask, "dashed")):
            moved = masks[number, mask]
            if moved.any():
                axes.contour(
                    moved, [0.5], colors=colour, linestyles=style, linewidths=0.7,
                    extent=extent, origin="lower",
                )  # fmt: skip
        curve = bottom + (top - bottom) * POWER_SHARE * power / strongest
        curve = np.where(power > LEAST_POWER * strongest, curve, np.nan)
        axes.plot(truth.time, curve, color=colour, linewidth=0.8)


def _extent(truth: Optional[Truth], shape: Tuple[int, ...]) -> Extent:
    """Return the edges of the image: fs and MeV, or pixels where no calibration is known."""
    columns, rows = np.array([-0.5, shape[1] - 0.5]), np.array([-0.5, shape[0] - 0.5])
    if truth:
        axes = truth.calibration
        columns = (columns - axes.column_of_zero) * axes.fs_per_column
        rows = (rows - axes.row_of_zero) * axes.MeV_per_row
    return columns[0], columns[1], rows[0], rows[1]


def _caption(shots: StoredShots, number: int) -> str:
    """Return the row of a shot, its labels and its true class."""
    known = [f"{SHORT_NAMES[name]} {values[number]}" for name, values in shots.labels.items()]
    if shots.truth:
        known.append(f"true {shots.truth.true_class[number]}")
    return f"{shots.rows[number]}: " + ", ".join(known)
