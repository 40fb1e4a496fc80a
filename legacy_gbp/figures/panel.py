"""One image or one signed map, and what every page shares.

Maps are signed. Their colour scale diverges, is symmetric about zero and is
clipped at a fixed percentile of the map's own magnitude, which the page names.
Every pixel reaches the page: it has a dot or more, or the dot of its block shows
the largest magnitude there.
"""

import warnings
from typing import IO, Any, Dict, Mapping, Optional, Tuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from legacy_gbp.figures.layout import DOTS_PER_INCH, FRAME_DOTS
from legacy_gbp.figures.pixels import block_size, largest_magnitudes, means
from legacy_gbp.io.atomic import atomic_file
from legacy_gbp.io.console import legible

CLIP_PERCENTILE = 99.7
IMAGE_CEILING = 0.5  # of the largest pixel: the halo of the beam stays visible
PANELS_A_ROW = 6
CLIPPED = f"clipped at the {CLIP_PERCENTILE} percentile of its magnitude."
MAP_SCALE = f"Maps: red positive, blue negative, each {CLIPPED}"
BAR_SCALE = f"Maps: red positive, blue negative. Overlay: values over the map, {CLIPPED}"
GUIDED_NOTE = (
    "Guided backprop shows which input structure excites the network's active paths; "
    "it is not evidence that these pixels caused the decision."
)
ENERGY_AXES = "columns: time, rows: energy (pixels), high energies at the top."
SLACK = 0.001  # dots: rounding must not add a dot to an image

NamedArray = Tuple[str, np.ndarray]  # what a panel is called, and what it shows
Extent = Tuple[float, float, float, float]  # left, right, bottom and top edge


def draw_panel(
    axes: Axes,
    array: np.ndarray,
    signed: bool,
    extent: Optional[Extent] = None,
    origin: str = "lower",
) -> None:
    """Draw one image, or one signed map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Of its final size. Where it has fewer dots than the array has pixels, a dot
        shows the pixel of largest magnitude of its block.
    array : (H, W) array
        Of any number type.
    signed : bool
        True for a map.
    extent : tuple of float, optional
        Left, right, bottom and top edge; pixels by default.
    origin : str
        The place of row 0: ``"lower"`` for XTCAV images, whose rows are energies, high
        ones at the top; ``"upper"`` for photographs.
    """
    if signed:
        draw_map(axes, array, extent, origin)
        return
    top = float(IMAGE_CEILING * np.max(array)) or 1.0
    style = {"cmap": "inferno", "vmin": min(0.0, float(np.min(array))), "vmax": top}
    draw_pixels(axes, array, extent, origin, **style)


def draw_map(
    axes: Axes,
    signed: np.ndarray,
    extent: Optional[Extent] = None,
    origin: str = "lower",
    translucent: bool = False,
    clip: Optional[float] = None,
) -> None:
    """Draw one signed map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    signed : (H, W) array
    extent : tuple of float, optional
        Left, right, bottom and top edge; pixels by default.
    origin : str
        The place of row 0: ``"lower"`` or ``"upper"``.
    translucent : bool
        The more opaque a pixel, the larger it is.
    clip : float, optional
        The magnitude at which the colours saturate, above 0; :func:`clip_magnitude` of the map
        by default.
    """
    clip = clip_magnitude(signed) if clip is None else clip
    blocks = largest_magnitudes(signed, _block(axes, signed.shape))
    style: Dict[str, Any] = {"cmap": "RdBu_r", "vmin": -clip, "vmax": clip}
    if translucent:
        style["alpha"] = np.minimum(np.abs(blocks) / clip, 1)
    _show(axes, np.clip(blocks, -clip, clip), signed.shape, extent, origin, style)


def draw_pixels(
    axes: Axes,
    image: np.ndarray,
    extent: Optional[Extent] = None,
    origin: str = "lower",
    **style: Any,
) -> None:
    """Draw an image, each pixel on as many dots.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image : (H, W) or (H, W, 3) array
        Colours are 0..1. Where pixels share a dot, it shows the largest magnitude, of
        colours the mean.
    extent : tuple of float, optional
        Left, right, bottom and top edge; pixels by default.
    origin : str
        The place of row 0: ``"lower"`` or ``"upper"``.
    **style
        Of ``imshow``.
    """
    block = _block(axes, image.shape)
    blocks = means(image, block) if np.ndim(image) == 3 else largest_magnitudes(image, block)
    _show(axes, blocks, image.shape, extent, origin, style)


def _block(axes: Axes, shape: Tuple[int, ...]) -> Tuple[int, int]:
    """Return the rows and columns of pixels that share a dot of the axes."""
    box = axes.get_window_extent()
    rows, columns = (round(float(dots)) - 2 * FRAME_DOTS for dots in (box.height, box.width))
    return block_size(shape, (rows, columns))


def _show(
    axes: Axes,
    blocks: np.ndarray,
    shape: Tuple[int, ...],
    extent: Optional[Extent],
    origin: str,
    style: Mapping[str, Any],
) -> None:
    """Show blocks of an image of `shape` without interpolation, inside of the frame."""
    (rows, columns), (height, width) = blocks.shape[:2], shape[:2]
    if extent is None:
        rows_from_bottom = (-0.5, height - 0.5) if origin == "lower" else (height - 0.5, -0.5)
        extent = (-0.5, width - 0.5, *rows_from_bottom)
    left, right, bottom, top = extent
    # Blocks at the last rows and columns of the array may reach beyond it.
    right += (right - left) * (-(-width // columns) * columns / width - 1)
    beyond = (top - bottom) * (-(-height // rows) * rows / height - 1)
    bottom, top = (bottom, top + beyond) if origin == "lower" else (bottom - beyond, top)
    common: Dict[str, Any] = {"origin": origin, "interpolation": "nearest", "aspect": "auto"}
    axes.imshow(blocks, extent=(left, right, bottom, top), **common, **style)
    box = axes.get_window_extent()
    axes.set_xlim(*_within_frame(left, right, box.width))
    axes.set_ylim(*_within_frame(bottom, top, box.height))
    small_ticks(axes)


def limit_columns(axes: Axes, left: float, right: float) -> None:
    """Set the first and last place along x, inside of the frame, as in a panel of an image.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Of its final size.
    left, right : float
        Edges of the first and of the last place.
    """
    axes.set_xlim(*_within_frame(left, right, axes.get_window_extent().width))
    axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))


def _within_frame(start: float, end: float, dots: float) -> Tuple[float, float]:
    """Return the limits of an axis whose values from `start` to `end` lie inside of the frame."""
    margin = (end - start) * (FRAME_DOTS + SLACK) / max(dots - 2 * (FRAME_DOTS + SLACK), 1)
    return start - margin, end + margin


def small_ticks(axes: Axes) -> None:
    """Set the ticks of a panel: short, with small labels.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    """
    axes.tick_params(labelsize=6, length=2)


def clip_magnitude(signed: np.ndarray) -> float:
    """Return the magnitude at which the colours of a map saturate.

    Parameters
    ----------
    signed : array
        A map.

    Returns
    -------
    float
        The 99.7 percentile of its magnitude. Its largest magnitude where that is
        0, as in a sparse map; 1 for a map of zeros.
    """
    return float(np.percentile(np.abs(signed), CLIP_PERCENTILE) or np.abs(signed).max() or 1)


def save(figure: Figure, path: str, metadata: Optional[Mapping[str, str]] = None) -> None:
    """Write a figure as PNG, atomically, 100 dots an inch.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str
    metadata : dict of str to str, optional
        Keywords and texts that the file carries (tEXt chunks), such as ``Title``; made legible.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    with atomic_file(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # on the axes; texts have none
        texts = {word: legible(text) for word, text in (metadata or {}).items()}
        figure.savefig(cast(IO[bytes], file), dpi=DOTS_PER_INCH, format="png", metadata=texts)
