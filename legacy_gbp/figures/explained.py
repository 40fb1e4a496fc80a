"""Images of any network, each beside its maps."""

from typing import List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from legacy_gbp.figures.panel import (
    FOOT_INCHES,
    GUIDED_NOTE,
    HEAD_INCHES,
    MAP_SCALE,
    PANEL_INCHES,
    PANELS_A_ROW,
    NamedArray,
    clip_magnitude,
    draw_panel,
    new_figure,
    small_ticks,
)

ExplainedImage = Tuple[str, np.ndarray, Sequence[NamedArray]]  # caption, image, maps


def explained_page(title: str, explained: Sequence[ExplainedImage]) -> Figure:
    """Draw images of any network, each beside its maps and under the last of them.

    Three channels of an image are drawn as colours; of a map of several channels
    the sum is drawn. Inputs without places are drawn as curves.

    Parameters
    ----------
    title : str
    explained : sequence of (str, array, sequence of (str, array))
        One or more images: caption, image (H, W, C) or (features,), and its maps
        as pairs of a method's name and an array of the image's height and width.
        All have the same methods.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = len(explained[0][2]) + 2
    columns = min(PANELS_A_ROW // panels or 1, len(explained))
    rows = -(-len(explained) // columns)
    width, height = PANEL_INCHES
    page_height = HEAD_INCHES + rows * height + FOOT_INCHES
    figure = new_figure(columns * panels * width, page_height)
    grid = figure.add_gridspec(
        rows, panels * columns, left=0.03, right=0.99, wspace=0.08, hspace=0.2,
        top=1 - HEAD_INCHES / page_height, bottom=FOOT_INCHES / page_height,
    )  # fmt: skip
    for number, image in enumerate(explained):
        row, column = divmod(number, columns)
        axes = _add_axes(figure, grid, row, panels * column, panels)
        _draw_explained(axes, image, label_rows=column == 0)
    figure.suptitle(title, fontsize=11)
    figure.text(0.5, 0.012, _note(explained), ha="center", fontsize=7, color="0.3")
    return figure


def _add_axes(figure: Figure, grid: GridSpec, row: int, first: int, panels: int) -> List[Axes]:
    """Add adjacent panels of one row."""
    return [figure.add_subplot(grid[row, first + panel]) for panel in range(panels)]


def _draw_explained(axes: Sequence[Axes], explained: ExplainedImage, label_rows: bool) -> None:
    """Draw one image, its maps and the overlay; number the image's rows or do not."""
    caption, image, maps = explained
    for panel, text in zip(axes, (caption, *(name for name, _ in maps), "overlay")):
        panel.set_title(text, fontsize=8, loc="left")
    if np.ndim(image) < 3:
        _draw_features(axes, image, [values for _, values in maps])
        return
    _draw_image(axes[0], image)
    for panel, (_, values) in zip(axes[1:], maps):
        draw_panel(panel, values.sum(axis=-1), signed=True, origin="upper")
    _draw_overlay(axes[-1], image, maps[-1][1].sum(axis=-1))
    for panel in axes[1 if label_rows else 0 :]:
        panel.set_yticklabels([])


def _note(explained: Sequence[ExplainedImage]) -> str:
    guided = any("guided" in name for name, _ in explained[0][2])
    return MAP_SCALE + ("\n" + GUIDED_NOTE if guided else "")


def _draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draw three channels as colours, anything else as the mean of its channels in grey."""
    low, high = float(np.min(image)), float(np.max(image))
    scaled = (np.asarray(image, float) - low) / (high - low or 1)
    if scaled.shape[-1] == 3:
        axes.imshow(scaled, aspect="auto")
    else:
        axes.imshow(scaled.mean(axis=-1), cmap="gray", aspect="auto")
    small_ticks(axes)


def _draw_overlay(axes: Axes, image: np.ndarray, signed: np.ndarray) -> None:
    """Draw the map over the grey image, the more opaque the larger it is."""
    _draw_image(axes, np.mean(np.asarray(image, float), axis=-1, keepdims=True))
    clip = clip_magnitude(signed)
    strength = np.minimum(np.abs(signed) / clip, 1)
    axes.imshow(signed, cmap="RdBu_r", vmin=-clip, vmax=clip, alpha=strength, aspect="auto")
    small_ticks(axes)


def _draw_features(axes: Sequence[Axes], values: np.ndarray, maps: Sequence[np.ndarray]) -> None:
    """Draw inputs without places: values and maps along their index."""
    for panel, series in zip(axes, (values, *maps)):
        panel.plot(np.ravel(series), drawstyle="steps-mid", linewidth=0.8)
        small_ticks(panel)
    axes[-1].axis("off")
