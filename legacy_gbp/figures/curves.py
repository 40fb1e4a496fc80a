"""Values along an axis: features (F,) as bars, series (T, C) as lines or as a spectrogram."""

from typing import Iterator, List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes

from legacy_gbp.figures.kind import (
    OVERLAY,
    TICK_LABELS,
    Arrangement,
    ExplainedImage,
    Kind,
    axes_side_by_side,
    axes_stacked,
    draw_foreign,
    has_places_of,
    set_titles,
    shared_dots,
    side_by_side,
    stacked,
    summed,
)
from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import (
    BAR_SCALE,
    MAP_SCALE,
    draw_map,
    draw_pixels,
    limit_columns,
    small_ticks,
)
from legacy_gbp.figures.pixels import block_size, largest_magnitudes, side_dots

MOST_LINES = 8  # channels; beyond them a spectrogram is drawn
FEW = 100  # features; their panels lie beside each other
FEATURES_HEIGHT = 200  # dots, as the next ones
WIDE, WIDEST = 600, 1000
SERIES_HEIGHT, SPECTROGRAM_HEIGHT = 120, 160
POSITIVE, NEGATIVE, VALUES = "#b2182b", "#2166ac", "0.25"  # the colours of maps; grey
DOTTED = 60  # values: each has a dot on the line
MARGIN = 0.05  # of the range of values, above and below them


def wide_dots(count: int) -> int:
    """Return the width of a panel for values along an axis.

    Parameters
    ----------
    count : int
        Of values.

    Returns
    -------
    int
        Dots: the same number for each value, 1 or more, or for each block of values.
    """
    return side_dots(count, WIDE, WIDEST)


def draw_bars(axes: Axes, values: np.ndarray, block: int, signed: bool) -> None:
    """Draw a bar for each value, or for the largest magnitude of each block of values.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    values : (T,) array
    block : int
        Values that share a bar.
    signed : bool
        True for a map: red above zero, blue below.
    """
    heights = largest_magnitudes(values[None], (1, block))[0]
    edges = np.arange(len(heights) + 1) * block - 0.5
    if signed:
        axes.stairs(np.maximum(heights, 0), edges, fill=True, color=POSITIVE)
        axes.stairs(np.minimum(heights, 0), edges, fill=True, color=NEGATIVE)
    else:
        axes.stairs(heights, edges, fill=True, color=VALUES)
    axes.axhline(0, color="0.6", linewidth=0.5)
    limit_columns(axes, edges[0], edges[-1])
    small_ticks(axes)


def draw_over_map(axes: Axes, values: np.ndarray, signed: np.ndarray) -> None:
    """Draw lines of values over the colours of a map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    values : (T, C) array
    signed : (T,) array
        Drawn from the top of the panel to its bottom.
    """
    low, high = float(np.min(values)), float(np.max(values))
    margin = MARGIN * (high - low) or 0.5
    edges = (-0.5, len(values) - 0.5, low - margin, high + margin)
    draw_map(axes, signed[None], extent=edges, translucent=True)
    _draw_lines(axes, values, "black" if values.shape[1] == 1 else "")


def _draw_lines(axes: Axes, values: np.ndarray, colour: str = "") -> None:
    """Draw a line for each channel: from the least to the largest value where values share dots."""
    count = len(values)
    block = _block(count)
    for channel, series in enumerate(np.asarray(values, float).T):
        places = np.arange(count)
        if block > 1:
            starts = np.arange(0, count, block)
            both = (np.minimum.reduceat(series, starts), np.maximum.reduceat(series, starts))
            series = np.stack(both, axis=1).ravel()
            places = np.repeat(starts + (block - 1) / 2, 2)
        axes.plot(
            places,
            series,
            color=colour or f"C{channel}",
            linewidth=0.9,
            marker="." if count <= DOTTED else "",
            markersize=3,
            label=str(channel) if channel else "channel 0",
        )
    small_ticks(axes)


def _draw_values(axes: Axes, values: np.ndarray) -> None:
    """Draw the lines of a series, and say which is which."""
    _draw_lines(axes, values, VALUES if values.shape[1] == 1 else "")
    end = -(-len(values) // _block(len(values))) * _block(len(values))
    limit_columns(axes, -0.5, end - 0.5)
    if values.shape[1] > 1:
        axes.legend(
            fontsize=6, ncol=values.shape[1], loc="lower right", bbox_to_anchor=(1, 1),
            frameon=False, borderaxespad=0.1, handlelength=1,
        )  # fmt: skip


def _block(count: int) -> int:
    return block_size((1, count), (1, wide_dots(count)))[1]


# Features


def _positions(values: np.ndarray, image: np.ndarray) -> Tuple[np.ndarray, int]:
    """Return a map with one number for each value, and the number of channels it sums.

    Integers that a network embeds have a map of several channels each.
    """
    channels = values.size // image.size
    return values.reshape(image.size, channels).sum(axis=1), channels


def _belongs_to(values: np.ndarray, image: np.ndarray) -> bool:
    return values.shape == image.shape or values.shape[:-1] == image.shape


def _arrange_features(explained: Sequence[ExplainedImage]) -> Arrangement:
    count = explained[0][1].size
    if count > FEW:
        return stacked(explained, (SERIES_HEIGHT, wide_dots(count)))
    width = side_dots(count, FEATURES_HEIGHT)
    return side_by_side(explained, (FEATURES_HEIGHT, width), width + TICK_LABELS)


def _features_panels(
    page: PageGrid, explained: Sequence[ExplainedImage]
) -> Iterator[Tuple[List[Axes], ExplainedImage]]:
    """Yield each input with its panels: beside each other for few features."""
    if explained[0][1].size > FEW:
        yield from axes_stacked(page, explained)
    else:
        for axes, image, _ in axes_side_by_side(page, explained):
            yield axes, image


def _draw_features(page: PageGrid, explained: Sequence[ExplainedImage], origin: str) -> None:
    for axes, (caption, image, maps) in _features_panels(page, explained):
        block = _block(image.size)
        set_titles(axes, (caption, *(name for name, _ in maps), OVERLAY))
        draw_bars(axes[0], np.asarray(image, float), block, signed=False)
        for panel, (name, values) in zip(axes[1:], maps):
            if _belongs_to(values, image):
                series, channels = _positions(values, image)
                draw_bars(panel, series, block, signed=True)
                set_titles([panel], [summed(name, channels)])
            else:
                draw_foreign(panel, name, values)
        if _belongs_to(maps[-1][1], image):
            _draw_bars_over_map(axes[-1], image, _positions(maps[-1][1], image)[0], block)
        else:
            axes[-1].set_visible(False)


def _draw_bars_over_map(axes: Axes, image: np.ndarray, signed: np.ndarray, block: int) -> None:
    """Draw the outline of bars over the colours of a map."""
    heights = largest_magnitudes(np.asarray(image, float)[None], (1, block))[0]
    low, high = min(float(heights.min()), 0.0), max(float(heights.max()), 0.0)
    margin = MARGIN * (high - low) or 0.5
    draw_map(axes, signed[None], extent=(-0.5, len(signed) - 0.5, low - margin, high + margin))
    edges = np.arange(len(heights) + 1) * block - 0.5
    axes.stairs(heights, edges, color="black", linewidth=0.8 if len(signed) <= FEW else 0.3)


def _features_note(explained: Sequence[ExplainedImage]) -> str:
    _, image, maps = explained[0]
    note = "Columns: index. Heights: values, and maps. "
    if any(values.shape[:-1] == image.shape for _, values in maps):
        note += "Maps: sum over the channels of the embedding, where opposite signs cancel. "
    return note + BAR_SCALE + shared_dots([_block(image.size)], "values")


def _features_notices(explained: Sequence[ExplainedImage]) -> List[str]:
    _, image, maps = explained[0]
    channels = max(values.size // image.size for _, values in maps)
    if channels < 2 or not any(values.shape[:-1] == image.shape for _, values in maps):
        return []
    return [f"the page shows sums of maps over their {channels} channels"]


FEATURES = Kind(_arrange_features, _draw_features, _features_note, _features_notices, "values")


# Series


def _draw_series(page: PageGrid, explained: Sequence[ExplainedImage], origin: str) -> None:
    for axes, (caption, image, maps) in axes_stacked(page, explained):
        channels = image.shape[1]
        set_titles(axes, (caption, *(name for name, _ in maps)))
        if channels > MOST_LINES:
            _draw_spectrogram(axes[0], image)
        else:
            _draw_values(axes[0], image)
        for panel, (name, values) in zip(axes[1:], maps):
            if not has_places_of(values, image):
                draw_foreign(panel, name, values)
            elif values.shape[1] == 1:
                draw_bars(panel, values[:, 0], _block(len(values)), signed=True)
            else:
                draw_map(panel, values.T)
                _number_channels(panel, values.shape[1])
        _draw_overlay(axes[-1], image, maps[-1][1])


def _draw_overlay(axes: Axes, image: np.ndarray, values: np.ndarray) -> None:
    """Draw values over the colours of their map: of all channels, or of their sum."""
    if not has_places_of(values, image):
        axes.set_visible(False)
    elif image.shape[1] > MOST_LINES:
        set_titles([axes], [OVERLAY])
        _draw_spectrogram(axes, image)
        every = np.broadcast_to(values.T, image.T.shape)  # Grad-CAM: one for all channels
        draw_map(axes, every, translucent=True)
    else:
        set_titles([axes], [summed(OVERLAY, values.shape[1])])
        draw_over_map(axes, image, values.sum(axis=1))


def _draw_spectrogram(axes: Axes, image: np.ndarray) -> None:
    """Draw channels as rows, channel 0 at the bottom."""
    low, high = float(np.min(image)), float(np.max(image))
    scaled = (np.asarray(image.T, float) - low) / (high - low or 1)
    draw_pixels(axes, scaled, cmap="gray")


def _number_channels(axes: Axes, channels: int) -> None:
    if channels <= MOST_LINES:
        axes.set_yticks(range(channels))


def _arrange_series(explained: Sequence[ExplainedImage]) -> Arrangement:
    count, channels = explained[0][1].shape
    least = SERIES_HEIGHT if channels <= MOST_LINES else SPECTROGRAM_HEIGHT
    return stacked(explained, (side_dots(channels, least), wide_dots(count)))


def _series_note(explained: Sequence[ExplainedImage]) -> str:
    count, channels = explained[0][1].shape
    blocks = [_block(count)]
    note = "Columns: position along the series. "
    if channels > MOST_LINES:
        height = side_dots(channels, SPECTROGRAM_HEIGHT)
        blocks = [*block_size((channels, 1), (height, 1))[:1], *blocks]
        note += (
            "Rows: channels, channel 0 at the bottom; values from their least to their largest. "
        )
    elif channels > 1:
        note += (
            "Rows of maps: channels, channel 0 at the bottom. Overlay: values over the sum of the "
            f"map over the {channels} channels, where opposite signs cancel. "
        )
    scale = BAR_SCALE if channels == 1 else MAP_SCALE
    return note + scale + shared_dots(blocks, "values")


def _series_notices(explained: Sequence[ExplainedImage]) -> List[str]:
    channels = explained[0][1].shape[1]
    if 1 < channels <= MOST_LINES:
        return [f"the overlay of the page shows sums of maps over their {channels} channels"]
    return []


SERIES = Kind(_arrange_series, _draw_series, _series_note, _series_notices, "values")
