"""One image or one signed map, and what every page shares.

Maps are signed. Their colour scale diverges, is symmetric about zero and is
clipped at a fixed percentile of the map's own magnitude, which the page names.
"""

from typing import Any, Dict, Optional, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from legacy_gbp.io.atomic import atomic_write

CLIP_PERCENTILE = 99.7
IMAGE_CEILING = 0.5  # of the largest pixel: the halo of the beam stays visible
PANELS_A_ROW = 6
MAP_SCALE = (
    "Maps: red positive, blue negative, each clipped at the "
    f"{CLIP_PERCENTILE} percentile of its magnitude."
)
GUIDED_NOTE = (
    "Guided backprop shows which input structure excites the network's active paths; "
    "it is not evidence that these pixels caused the decision."
)
PANEL_INCHES = (2.3, 2.7)
HEAD_INCHES, FOOT_INCHES = 0.75, 0.55
DOTS_PER_INCH = 100

NamedArray = Tuple[str, np.ndarray]  # what a panel is called, and what it shows


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that is drawn to files, whatever backend pyplot has.

    Parameters
    ----------
    width, height : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def draw_panel(
    axes: Axes,
    array: np.ndarray,
    signed: bool,
    extent: Optional[Tuple[float, float, float, float]] = None,
    origin: str = "lower",
) -> None:
    """Draw one image, or one signed map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    array : (H, W) array
        Of any number type.
    signed : bool
        True for a map.
    extent : tuple of float, optional
        Left, right, bottom and top edge; pixels by default.
    origin : str
        ``"lower"``, with high energies at the top, or ``"upper"`` for pictures.
    """
    common: Dict[str, Any] = {
        "origin": origin,
        "interpolation": "nearest",
        "aspect": "auto",
        "extent": extent,
    }
    if signed:
        clip = clip_magnitude(array)
        axes.imshow(array, cmap="RdBu_r", vmin=-clip, vmax=clip, **common)
    else:
        top = IMAGE_CEILING * np.max(array)
        axes.imshow(array, cmap="inferno", vmin=min(0, np.min(array)), vmax=top or 1, **common)
    small_ticks(axes)


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


def save(figure: Figure, path: str) -> None:
    """Write a figure as PNG, atomically, 100 dots an inch.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH, format="png")
