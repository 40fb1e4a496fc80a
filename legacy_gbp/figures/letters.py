"""DNA: sequences of letters, of which each is 1 in one of four channels and 0 in the others."""

from typing import List, Optional, Sequence

import numpy as np
from matplotlib.axes import Axes

from legacy_gbp.figures.curves import WIDEST, draw_bars, wide_dots
from legacy_gbp.figures.kind import (
    Arrangement,
    ExplainedImage,
    Kind,
    axes_stacked,
    draw_foreign,
    set_titles,
    shared_dots,
    stacked,
)
from legacy_gbp.figures.layout import PageGrid
from legacy_gbp.figures.panel import MAP_SCALE, draw_map, draw_pixels
from legacy_gbp.figures.pixels import block_size

LETTERS = "ACGT"
LEAST_LETTERS = 4  # of a sequence; a shorter one may be anything
HEIGHT = 100  # dots
LETTER_DOTS = 8  # that a letter needs
NO_LETTER = "-"
GREY = 2.5  # times the value of a letter is black


def sequences(explained: Sequence[ExplainedImage]) -> Optional[List[ExplainedImage]]:
    """Return DNA as sequences (T, 4) with their maps, from any order of axes.

    It is recognised by its values: all images have four channels, of which each letter has a 1
    in one and 0 in the others, or 0 in all where it is unknown.

    Parameters
    ----------
    explained : sequence of (str, array, sequence of (str, array))
        Images of shape (T, 4), or with more axes of size 1 and in any order: (1, T, 4),
        (4, T, 1).

    Returns
    -------
    list of (str, (T, 4) array, list of (str, array)), or None
        Maps of the shape of the images are brought to (T, 4), those of one channel to (T, 1).
        None where the images are something else.
    """
    shapes = {image.shape for _, image, _ in explained}
    squeezed = [np.squeeze(image) for _, image, _ in explained]
    shape = squeezed[0].shape
    if len(shapes) > 1 or len(shape) != 2 or len(LETTERS) not in shape:
        return None
    for axis in (1, 0):  # of the letters' channels
        if shape[axis] == len(LETTERS) and all(_are_letters(one, axis) for one in squeezed):
            break
    else:
        return None
    (full_shape,) = shapes
    found: List[ExplainedImage] = []
    for (caption, _, maps), image in zip(explained, squeezed):
        brought = [(name, _like(np.asarray(values), full_shape, axis)) for name, values in maps]
        found.append((caption, np.moveaxis(image, axis, 1), brought))
    return found


def _are_letters(image: np.ndarray, axis: int) -> bool:
    ones = image.sum(axis=axis)
    return (
        bool(np.isin(image, (0, 1)).all() and np.isin(ones, (0, 1)).all() and ones.any())
        and len(ones) >= LEAST_LETTERS
    )


def _like(values: np.ndarray, shape: Sequence[int], axis: int) -> np.ndarray:
    """Return a map as (T, 4) or (T, 1) where it has the image's shape or its places."""
    if values.shape == tuple(shape):
        return np.moveaxis(np.squeeze(values), axis, 1)
    count = int(np.prod(shape)) // len(LETTERS)
    return values.reshape(count, 1) if values.size == count else values


def _arrange(explained: Sequence[ExplainedImage]) -> Arrangement:
    return stacked(explained, (HEIGHT, _width(len(explained[0][1]))))


def _width(count: int) -> int:
    """Return the dots of a panel, with room for the letters where they fit."""
    return max(wide_dots(count), count * LETTER_DOTS if _fit(count) else 0)


def _fit(count: int) -> bool:
    return count * LETTER_DOTS <= WIDEST


def _draw(page: PageGrid, explained: Sequence[ExplainedImage], origin: str) -> None:
    for axes, (caption, image, maps) in axes_stacked(page, explained):
        set_titles(
            axes, (caption, *(name for name, _ in maps), "map of the letters that are there")
        )
        draw_pixels(axes[0], image.T / GREY, origin="upper", cmap="Greys", vmin=0, vmax=1)
        _name_rows(axes[0])
        _write_letters(axes[0], image)
        for panel, (name, values) in zip(axes[1:], maps):
            if values.shape == image.shape:
                draw_map(panel, values.T, origin="upper")
                _name_rows(panel)
            elif values.shape == (len(image), 1):
                draw_map(panel, values.T, origin="upper")
                panel.set_yticks([])
            else:
                draw_foreign(panel, name, values)
        if maps[-1][1].shape[0] == len(image) and maps[-1][1].ndim == 2:
            _draw_present(axes[-1], image, maps[-1][1])
        else:
            axes[-1].set_visible(False)


def _name_rows(axes: Axes) -> None:
    axes.set_yticks(range(len(LETTERS)))
    axes.set_yticklabels(list(LETTERS))


def text_of(image: np.ndarray) -> str:
    """Return the letters of a sequence.

    Parameters
    ----------
    image : (T, 4) array

    Returns
    -------
    str
        With a dash for each unknown letter.
    """
    return "".join(
        LETTERS[int(row.argmax())] if row.any() else NO_LETTER for row in np.asarray(image)
    )


def _write_letters(axes: Axes, image: np.ndarray) -> None:
    """Write each letter in its cell, where it fits."""
    if not _fit(len(image)):
        return
    for place, letter in enumerate(text_of(image)):
        if letter != NO_LETTER:
            row = LETTERS.index(letter)
            axes.text(place, row, letter, fontsize=7, ha="center", va="center_baseline")


def _draw_present(axes: Axes, image: np.ndarray, values: np.ndarray) -> None:
    """Draw the map of the letters that are there as bars, and write them below."""
    present = (values * image).sum(axis=1)
    _, block = block_size((1, len(image)), (1, _width(len(image))))
    draw_bars(axes, present, block, signed=True)
    if _fit(len(image)):
        axes.set_xticks(range(len(image)))
        axes.set_xticklabels(list(text_of(image)))


def _note(explained: Sequence[ExplainedImage]) -> str:
    count = len(explained[0][1])
    _, block = block_size((1, count), (1, _width(count)))
    note = (
        "Columns: position. Rows: the four channels in their order, taken as A, C, G and T. Last "
        "panel: the map where the sequence is 1. "
    )
    return note + MAP_SCALE + shared_dots([block], "letters")


def _notices(explained: Sequence[ExplainedImage]) -> List[str]:
    return ["one of four channels is 1: the page names them A, C, G and T in their order"]


DNA = Kind(_arrange, _draw, _note, _notices, "letters")
