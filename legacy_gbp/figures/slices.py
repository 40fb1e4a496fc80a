"""Volumes (D, H, W, C): slices of their first axis."""

import textwrap
from typing import List, Sequence

import numpy as np
from matplotlib.axes import Axes

from legacy_gbp.figures.images import channels_note, channels_notices, draw_image
from legacy_gbp.figures.kind import (
    OVERLAY,
    Arrangement,
    ExplainedImage,
    Kind,
    draw_foreign,
    has_places_of,
    set_titles,
    shared_dots,
    summed,
)
from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import clip_magnitude, draw_map
from legacy_gbp.figures.pixels import block_size, panel_dots
from legacy_gbp.figures.plain_text import NO_TEX, drawable, literal

MOST_SLICES = 6
SLICE_DOTS = 140  # of the longer side
SLOT = 100  # dots that the number of a slice needs
LABEL = 24  # characters of a row's name


def chosen_slices(signed: np.ndarray) -> List[int]:
    """Return which slices of a volume are shown: of equal stretches the one of largest magnitude.

    Parameters
    ----------
    signed : (D, ...) array
        A map.

    Returns
    -------
    list of int
        Rising; all where they are few. The slice of the largest magnitude is one of them.

    Examples
    --------
    >>> chosen_slices(np.eye(12)[3])
    [0, 3, 4, 6, 8, 10]
    """
    depth = len(signed)
    peaks = np.abs(np.asarray(signed, float)).reshape(depth, -1).max(axis=1)
    edges = np.linspace(0, depth, min(MOST_SLICES, depth) + 1).astype(int)
    return [int(start + peaks[start:stop].argmax()) for start, stop in zip(edges[:-1], edges[1:])]


def _slices_of(explained: ExplainedImage) -> List[int]:
    """Return the slices of a volume that its last map chooses, or the volume itself."""
    _, image, maps = explained
    return chosen_slices(maps[-1][1] if has_places_of(maps[-1][1], image) else image * 0)


def _arrange(explained: Sequence[ExplainedImage]) -> Arrangement:
    image, maps = explained[0][1:]
    panels = min(MOST_SLICES, len(image))
    dots = panel_dots(image.shape[1:3], SLICE_DOTS)
    return Arrangement(dots, len(explained) * (len(maps) + 2), 1, panels, SLOT)


def _draw(page: PageGrid, explained: Sequence[ExplainedImage], origin: str) -> None:
    rows = len(explained[0][2]) + 2
    for number, one in enumerate(explained):
        slices = _slices_of(one)
        axes = [
            [page.axes(number * rows + row, 0, panel) for panel in range(len(slices))]
            for row in range(rows)
        ]
        _draw_one(axes, one, slices)


def _draw_one(
    axes: Sequence[Sequence[Axes]], explained: ExplainedImage, slices: Sequence[int]
) -> None:
    """Draw a row of slices for the volume, for each map, and for the overlay."""
    caption, image, maps = explained
    limits = float(np.min(image)), float(np.max(image))
    for panel, place in zip(axes[0], slices):
        draw_image(panel, image[place], "upper", limits)
    grey = np.asarray(image, float).mean(axis=-1, keepdims=True)
    for panel, place in zip(axes[-1], slices):
        draw_image(panel, grey[place], "upper", limits)
    for row, (name, values) in zip(axes[1:], maps):
        if has_places_of(values, image):
            _draw_slices(row, values, slices, translucent=False)
        else:
            draw_foreign(row[0], name, values)
            _hide(row[1:])
    if has_places_of(maps[-1][1], image):
        _draw_slices(axes[-1], maps[-1][1], slices, translucent=True)
    else:
        _hide(axes[-1])
    titles = [caption, *(summed(name, values.shape[-1]) for name, values in maps), OVERLAY]
    for row, title in zip(axes, titles):
        lines = textwrap.wrap(drawable(title), LABEL)
        row[0].set_ylabel(literal("\n".join(lines)), fontsize=7, **NO_TEX)
        for panel in row[1:]:
            panel.set_yticklabels([])
    for row in axes:
        for panel, place in zip(row, slices):
            if not panel.get_title(loc="left"):  # of a map of other places
                set_titles([panel], [f"slice {place}"])


def _draw_slices(
    axes: Sequence[Axes], values: np.ndarray, slices: Sequence[int], translucent: bool
) -> None:
    """Draw slices of a map with the scale of the entire map."""
    total = values.sum(axis=-1)
    clip = clip_magnitude(total)
    for panel, place in zip(axes, slices):
        draw_map(panel, total[place], origin="upper", translucent=translucent, clip=clip)


def _hide(axes: Sequence[Axes]) -> None:
    for panel in axes:
        panel.set_visible(False)


def _note(explained: Sequence[ExplainedImage]) -> str:
    _, image, _ = explained[0]
    note = " ".join(f"{text[0].upper()}{text[1:]}." for text in _shown(explained))
    blocks = block_size(image.shape[1:3], panel_dots(image.shape[1:3], SLICE_DOTS))
    how = " of a slice, of colours the mean"
    return f"{note} {channels_note(explained[0])}{shared_dots(blocks, 'pixels', how)}"


def _shown(explained: Sequence[ExplainedImage]) -> List[str]:
    """Say which slices of the first volume are shown; titles number those of all."""
    depth = len(explained[0][1])
    if depth <= MOST_SLICES:
        return [f"the page shows all {depth} slices along the depth"]
    numbers = ", ".join(str(place) for place in _slices_of(explained[0]))
    of_first = f" of {explained[0][0].split(': ')[0]}" if len(explained) > 1 else ""
    return [
        f"the page shows slices {numbers} of {depth}{of_first} along the depth, counted from 0",
        f"of each of {MOST_SLICES} stretches it is the slice of the map's largest magnitude",
    ]


def _notices(explained: Sequence[ExplainedImage]) -> List[str]:
    return [*_shown(explained), *channels_notices(explained)]


VOLUMES = Kind(_arrange, _draw, _note, _notices, "voxels")
