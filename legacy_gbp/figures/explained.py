"""Images of any network, each beside its maps."""

from typing import Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import (
    ENERGY_AXES,
    GUIDED_NOTE,
    MAP_SCALE,
    PANELS_A_ROW,
    NamedArray,
    draw_map,
    draw_pixels,
    small_ticks,
)
from legacy_gbp.figures.pixels import panel_dots

COLOURS = 3  # channels
CURVE_DOTS = (200, 300)
BLOCKS = " Each dot shows the largest magnitude of {} x {} pixels, of colours the mean."

ExplainedImage = Tuple[str, np.ndarray, Sequence[NamedArray]]  # caption, image, maps


def explained_page(
    title: str,
    explained: Sequence[ExplainedImage],
    rows_are_energy: bool = False,
    remarks: Sequence[str] = (),
) -> Figure:
    """Draw images of any network, each beside its maps and under the last of them.

    Three channels of an image are drawn as colours, of any other number the mean. Of a map
    of several channels the sum over them is drawn. The page says so. Inputs without places
    are drawn as curves. Each pixel has a dot or more, or the dot of its block shows the
    largest magnitude (:func:`legacy_gbp.figures.pixels.panel_dots`).

    Parameters
    ----------
    title : str
    explained : sequence of (str, array, sequence of (str, array))
        One or more images: caption, image (H, W, C), channels last, or without places, and
        its maps as pairs of a method's name and an array of the image's height and width.
        All have the same methods.
    rows_are_energy : bool
        True for XTCAV images, which ``gbprop`` draws with row 0, the lowest energy, at the
        bottom. Row 0 of any other image is at the top.
    remarks : sequence of str
        What else a reader must know, such as that pictures were stretched.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = len(explained[0][2]) + 2
    groups = min(PANELS_A_ROW // panels or 1, len(explained))
    first = explained[0][1]
    size = panel_dots(first.shape[:2]) if _has_places(first) else CURVE_DOTS
    note = "\n".join([_note(explained[0], rows_are_energy), *(f"{line}." for line in remarks)])
    page = PageGrid(title, note, size, -(-len(explained) // groups), groups, panels)
    origin = "lower" if rows_are_energy else "upper"
    for number, image in enumerate(explained):
        row, group = divmod(number, groups)
        axes = [page.axes(row, group, panel) for panel in range(panels)]
        _draw_explained(axes, image, origin, label_rows=group == 0)
    return page.figure


def _has_places(image: np.ndarray) -> bool:
    return np.ndim(image) == 3


def _draw_explained(
    axes: Sequence[Axes], explained: ExplainedImage, origin: str, label_rows: bool
) -> None:
    """Draw one image, its maps and the overlay; number the image's rows or do not."""
    caption, image, maps = explained
    names = [_name(name, values, image) for name, values in maps]
    for panel, text in zip(axes, (caption, *names, "overlay")):
        panel.set_title(text, fontsize=8, loc="left")
    if not _has_places(image):
        _draw_features(axes, image, [values for _, values in maps])
        return
    _draw_image(axes[0], image, origin)
    for panel, (_, values) in zip(axes[1:], maps):
        draw_map(panel, values.sum(axis=-1), origin=origin)
    _draw_image(axes[-1], image.mean(axis=-1, keepdims=True), origin)
    draw_map(axes[-1], maps[-1][1].sum(axis=-1), origin=origin, translucent=True)
    for panel in axes[1 if label_rows else 0 :]:
        panel.set_yticklabels([])


def _name(method: str, values: np.ndarray, image: np.ndarray) -> str:
    """Return the title of a map: its method, and what is done to its channels."""
    channels = values.shape[-1]
    if _has_places(image) and channels > 1:
        return f"{method}, sum of {channels} channels"
    return method


def _note(explained: ExplainedImage, rows_are_energy: bool) -> str:
    """Return what a reader of the page must know: axes, channels, scales."""
    _, image, maps = explained
    note = ENERGY_AXES + " " if rows_are_energy else ""
    if _has_places(image):
        note += "Images: from their least to their largest value"
        if image.shape[-1] not in (1, COLOURS):
            note += f", mean of {image.shape[-1]} channels"
        note += ". "
        summed = max(values.shape[-1] for _, values in maps)
        if summed > 1:
            note += f"Map panels: sum over the {summed} channels, where opposite signs cancel. "
        note += MAP_SCALE + _blocks(image.shape[:2])
    else:
        note += "Values and maps along their index."
    guided = any("guided" in name for name, _ in maps)
    return note + ("\n" + GUIDED_NOTE if guided else "")


def _blocks(shape: Tuple[int, int]) -> str:
    """Say how many pixels share a dot; nothing where none do."""
    steps = [-(-pixels // dots) for pixels, dots in zip(shape, panel_dots(shape))]
    return BLOCKS.format(*steps) if max(steps) > 1 else ""


def _draw_image(axes: Axes, image: np.ndarray, origin: str) -> None:
    """Draw three channels as colours, anything else as the mean of its channels in grey."""
    low, high = float(np.min(image)), float(np.max(image))
    scaled = (np.asarray(image, float) - low) / (high - low or 1)
    if scaled.shape[-1] == COLOURS:
        draw_pixels(axes, scaled, origin=origin)
    else:
        draw_pixels(axes, scaled.mean(axis=-1), origin=origin, cmap="gray")


def _draw_features(axes: Sequence[Axes], values: np.ndarray, maps: Sequence[np.ndarray]) -> None:
    """Draw inputs without places: values and maps along their index."""
    for panel, series in zip(axes, (values, *maps)):
        panel.plot(np.ravel(series), drawstyle="steps-mid", linewidth=0.8)
        small_ticks(panel)
    axes[-1].set_visible(False)
