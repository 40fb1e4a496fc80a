"""One image or one signed map, and what every page shares.

Maps are signed and drawn in a diverging scale that is symmetric about zero and
clipped at one stated percentile of the map's own magnitude.
"""

import numpy as np

from legacy_gbp.io.atomic import written_aside

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


def draw_panel(axes, array, signed, extent=None, origin="lower"):
    """One image, or one signed map, with high energies at the top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    array : (H, W) array
    signed : bool
        True for a map.
    extent : tuple of float, optional
        Left, right, bottom and top edge; pixels by default.
    origin : str
        ``"lower"``, or ``"upper"`` for pictures.
    """
    common = {"origin": origin, "interpolation": "nearest", "aspect": "auto", "extent": extent}
    if signed:
        clip = clip_of(array)
        axes.imshow(array, cmap="RdBu_r", vmin=-clip, vmax=clip, **common)
    else:
        top = IMAGE_CEILING * np.max(array)
        axes.imshow(array, cmap="inferno", vmin=min(0, np.min(array)), vmax=top or 1, **common)
    axes.tick_params(labelsize=6, length=2)


def clip_of(signed):
    """The stated percentile of the magnitude; sparse maps may have 0 there and still not be 0."""
    return np.percentile(np.abs(signed), CLIP_PERCENTILE) or np.abs(signed).max() or 1


def save(figure, path):
    """Write a figure as PNG, aside and renamed."""
    with written_aside(path) as partial:
        figure.savefig(partial, dpi=100, format="png")
