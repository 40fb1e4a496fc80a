"""Images (H, W, C): three channels as colours, any other number as their mean."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes

from legacy_gbp.figures.kind import (
    OVERLAY,
    Arrangement,
    ExplainedImage,
    Kind,
    axes_side_by_side,
    draw_foreign,
    has_places_of,
    set_titles,
    shared_dots,
    side_by_side,
    summed,
)
from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import MAP_SCALE, draw_map, draw_pixels
from legacy_gbp.figures.pixels import block_size, panel_dots

COLOURS = 3  # channels


def draw_image(
    axes: Axes, image: np.ndarray, origin: str, limits: Optional[Tuple[float, float]] = None
) -> None:
    """Draw three channels as colours, anything else as the mean of its channels in grey.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image : (H, W, C) array
    origin : str
        The place of row 0: ``"lower"`` or ``"upper"``.
    limits : tuple of float, optional
        The values that are drawn darkest and brightest; by default the least and the largest of
        the image.
    """
    low, high = limits or (float(np.min(image)), float(np.max(image)))
    scaled = (np.asarray(image, float) - low) / (high - low or 1)
    if scaled.shape[-1] == COLOURS:
        draw_pixels(axes, scaled, origin=origin)
        return
    style: Dict[str, Any] = {"vmin": 0, "vmax": 1} if limits else {}
    draw_pixels(axes, scaled.mean(axis=-1), origin=origin, cmap="gray", **style)


def channels_note(explained: ExplainedImage) -> str:
    """Say what the panels of images and maps do with channels, and how they scale values.

    Parameters
    ----------
    explained : (str, (..., C) array, sequence of (str, array))

    Returns
    -------
    str
    """
    _, image, _ = explained
    note = "Images: from their least to their largest value"
    if image.shape[-1] not in (1, COLOURS):
        note += f", mean of {image.shape[-1]} channels"
    note += ". "
    channels = _most_channels(explained)
    if channels > 1:
        note += f"Map panels: sum over the {channels} channels, where opposite signs cancel. "
    return note + MAP_SCALE


def channels_notices(explained: Sequence[ExplainedImage]) -> List[str]:
    """Say where channels are not shown one by one.

    Parameters
    ----------
    explained : sequence of (str, (..., C) array, sequence of (str, array))

    Returns
    -------
    list of str
    """
    channels, maps = explained[0][1].shape[-1], _most_channels(explained[0])
    notices = []
    if channels not in (1, COLOURS):
        notices.append(f"the page shows the mean of the {channels} channels of an image")
    if maps > 1:
        notices.append(f"the page shows sums of maps over their {maps} channels")
    return notices


def _most_channels(explained: ExplainedImage) -> int:
    """Return the number of channels that are summed; 1 for maps such as that of a kernel."""
    _, image, maps = explained
    drawn = [m for _, m in maps if has_places_of(m, image) or m.ndim == 3]
    return max([int(values.shape[-1]) for values in drawn] or [1])


def _arrange(explained: Sequence[ExplainedImage]) -> Arrangement:
    return side_by_side(explained, panel_dots(explained[0][1].shape[:2]))


def _draw(page: PageGrid, explained: Sequence[ExplainedImage], origin: str) -> None:
    for axes, image, first in axes_side_by_side(page, explained):
        _draw_one(axes, image, origin, label_rows=first)


def _draw_one(
    axes: Sequence[Axes], explained: ExplainedImage, origin: str, label_rows: bool
) -> None:
    """Draw one image, its maps and the overlay; number the image's rows or do not."""
    caption, image, maps = explained
    titles = [summed(name, values.shape[-1]) for name, values in maps]
    set_titles(axes, (caption, *titles, OVERLAY))
    draw_image(axes[0], image, origin)
    draw_image(axes[-1], image.mean(axis=-1, keepdims=True), origin)
    for panel, (name, values) in zip(axes[1:], maps):
        if has_places_of(values, image):
            draw_map(panel, values.sum(axis=-1), origin=origin)
        else:
            draw_foreign(panel, name, values)
    if has_places_of(maps[-1][1], image):
        draw_map(axes[-1], maps[-1][1].sum(axis=-1), origin=origin, translucent=True)
    else:
        axes[-1].set_visible(False)
    for panel in axes[1 if label_rows else 0 :]:
        panel.set_yticklabels([])


def _note(explained: Sequence[ExplainedImage]) -> str:
    shape = explained[0][1].shape[:2]
    blocks = block_size(shape, panel_dots(shape))
    return channels_note(explained[0]) + shared_dots(blocks, "pixels", ", of colours the mean")


IMAGES = Kind(_arrange, _draw, _note, channels_notices, "pixels")
