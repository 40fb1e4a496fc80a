"""Images of any network, each beside its maps."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from legacy_gbp.figures.panel import (
    FOOT_INCHES,
    GUIDED_NOTE,
    HEAD_INCHES,
    MAP_SCALE,
    PANEL_INCHES,
    PANELS_A_ROW,
    clip_of,
    draw_panel,
)


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
    strength = np.minimum(np.abs(signed) / clip_of(signed), 1)
    axes.imshow(
        signed, cmap="RdBu_r", vmin=-clip_of(signed), vmax=clip_of(signed), alpha=strength,
        aspect="auto",
    )  # fmt: skip
    axes.tick_params(labelsize=6, length=2)


def _draw_features(axes, values, maps):
    """Inputs without places: values and maps along their number."""
    for one, series in zip(axes, (values, *maps)):
        one.plot(np.ravel(series), drawstyle="steps-mid", linewidth=0.8)
        one.tick_params(labelsize=6, length=2)
    axes[-1].axis("off")
