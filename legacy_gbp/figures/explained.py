"""Inputs of any network, each beside its maps."""

from typing import List, Sequence

from matplotlib.figure import Figure

from legacy_gbp.figures.kind import ExplainedImage
from legacy_gbp.figures.kinds import kind_of
from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import ENERGY_AXES, GUIDED_NOTE
from legacy_gbp.io.console import legible


def explained_page(
    title: str,
    explained: Sequence[ExplainedImage],
    rows_are_energy: bool = False,
    remarks: Sequence[str] = (),
) -> Figure:
    """Draw inputs of any network with their maps, each as its number of axes asks for.

    ==============  =====================================================================
    one input       is drawn as
    ==============  =====================================================================
    (F,)            bars
    (T, C)          lines for up to 8 channels, more as a spectrogram; DNA as four rows
                    of letters, where its values are one-hot
    (H, W, C)       an image: three channels as colours, of any other number the mean
    (D, H, W, C)    slices along the first axis, chosen by the last map
    any other       bars, along the index of the flattened array
    ==============  =====================================================================

    The last panel shows the last map over its input. Of a map of several channels of an image
    the sum over them is drawn. A map of other places than its input, as at a hidden layer, is
    drawn by itself. The page says so. Each value has a dot or more, or the dot of its block
    shows the largest magnitude (:func:`legacy_gbp.figures.pixels.panel_dots`).

    Parameters
    ----------
    title : str
    explained : sequence of (str, array, sequence of (str, array))
        One or more inputs: caption, values with channels last, and maps as pairs of a method's
        name and an array. All have the same methods and the same number of axes.
    rows_are_energy : bool
        True for XTCAV images, which ``gbprop`` draws with row 0, the lowest energy, at the
        bottom. Row 0 of any other image is at the top.
    remarks : sequence of str
        What else a reader must know, such as that pictures were stretched.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        For no input, inputs of several numbers of axes, and arrays without a value.

    Examples
    --------
    >>> page = explained_page("chirp", [("row 0", signal, [("guided", maps[0])])]
    ... )  # doctest: +SKIP
    """
    kind, drawn = kind_of(explained)
    note = (ENERGY_AXES + " " if rows_are_energy else "") + kind.note(drawn)
    if any("guided" in name for name, _ in drawn[0][2]):
        note += "\n" + GUIDED_NOTE.replace("pixels", kind.unit)
    note = "\n".join([note, *(legible(f"{line}.") for line in remarks)])
    arranged = kind.arrange(drawn)
    page = PageGrid(title, note, *arranged)
    kind.draw(page, drawn, "lower" if rows_are_energy else "upper")
    return page.figure


def page_notices(explained: Sequence[ExplainedImage]) -> List[str]:
    """Return what :func:`explained_page` does not show of some inputs and maps.

    Parameters
    ----------
    explained : sequence of (str, array, sequence of (str, array))
        See :func:`explained_page`.

    Returns
    -------
    list of str
        Such as ``"the page shows sums of maps over their 3 channels"``.
    """
    kind, drawn = kind_of(explained)
    return kind.notices(drawn)
