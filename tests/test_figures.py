"""Pages, sheets and the window."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from legacy_gbp import figures
from legacy_gbp.data.truth import Calibration, StoredShots, Truth
from legacy_gbp.errors import InputError

# The ends of the colour scales inferno and RdBu, and black, as their authors publish them.
COLOURS = {
    "dark": (0, 0, 4), "bright": (252, 255, 164), "red": (103, 0, 31), "blue": (5, 48, 97),
    "black": (0, 0, 0),
}  # fmt: skip


def panels_of(path):
    """Halves of rows of panels, from the top: the colours of each, from the left.

    Along a line of dots a panel is a run of a hundred or more of one colour. A half has
    twenty such lines or more, which the frame of a panel has not.
    """
    dots = np.round(255 * imread(path)[..., :3])
    codes = np.zeros(dots.shape[:2], int)
    for code, colour in enumerate(COLOURS.values(), 1):
        codes[(np.abs(dots - colour) <= 1).all(axis=-1)] = code  # rounded or cut off
    lines = []
    for line in codes:
        runs = np.split(line, 1 + np.flatnonzero(np.diff(line)))
        lines.append([list(COLOURS)[run[0] - 1] for run in runs if run[0] and len(run) >= 100])
    halves = [(found, len(list(group))) for found, group in itertools.groupby(lines)]
    return [found for found, count in halves if found and count >= 20]


HIGH = np.arange(363)[:, None] >= 182 + np.zeros((363, 284))  # the upper half of a picture


def shot(k, maps=1, sign=1):
    """An image that is bright above and dark below; maps of one sign above, the other below."""
    panels = [("image", np.where(HIGH, 100, 0))]
    for number in range(maps):
        panels.append((f"map{number}", np.where(HIGH, sign, -sign) * (-1) ** number))
    return f"row {k}", panels


def halves_of(signs, maps):
    """What a row of such shots looks like."""
    above: list = []
    for sign in signs:
        above += ["bright", *("red" if sign * (-1) ** k > 0 else "blue" for k in range(maps))]
    other = {"bright": "dark", "red": "blue", "blue": "red"}
    return [above, [other[name] for name in above]]


@pytest.mark.parametrize("maps, in_a_row", [(1, 3), (2, 2)])
def test_pages_fill_in_order_and_stop_at_the_limit(tmp_path, maps, in_a_row):
    """Six panels in a row, two rows on a page; the shots beyond two pages are not drawn."""
    signs = np.random.RandomState(maps).choice([-1, 1], (5, in_a_row))
    with figures.Pages(str(tmp_path / "p"), "title", most=2) as pages:
        for k, sign in enumerate(signs.ravel()):
            pages.add(*shot(k, maps, sign))
    assert [path[-9:] for path in pages.paths] == ["p-001.png", "p-002.png"]
    for path, (first, second) in zip(pages.paths, (signs[:2], signs[2:4])):
        assert panels_of(path) == [*halves_of(first, maps), *halves_of(second, maps)]


def test_a_last_page_may_be_short_and_no_shot_gives_no_page(tmp_path):
    with figures.Pages(str(tmp_path / "p"), "title", most=9) as pages:
        pass
    assert pages.paths == []
    with figures.Pages(str(tmp_path / "p"), "title", most=9) as pages:
        pages.add(*shot(0))
    assert len(pages.paths) == 1
    assert panels_of(pages.paths[0]) == halves_of([1], 1)


def test_a_page_of_any_network_draws_images_maps_and_the_last_map_over_its_image(tmp_path):
    """Row 0 at the top. Of three panels two images fit a row; the third image begins another.

    The image is black above and white below; where the map is largest it hides the image.
    """
    upper = np.arange(6)[:, None, None] < 3 + np.zeros((6, 8, 1))
    explained = [
        (f"image {k}", np.where(upper, 0, 7),
         [("gradient", sign * np.where(upper, 2.0, -2.0))])
        for k, sign in enumerate((1, -1, -1))
    ]  # fmt: skip
    path = str(tmp_path / "p.png")
    figures.save(figures.explained_page("title", explained), path)
    assert panels_of(path) == [
        ["black", "red", "red", "black", "blue", "blue"], ["blue", "blue", "red", "red"],
        ["black", "blue", "blue"], ["red", "red"],
    ]  # fmt: skip


def rectangle(rows, columns):
    mask = np.zeros((363, 284), bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def test_a_contact_sheet_draws_the_truth_in_fs_and_MeV():  # noqa: N802
    """2 fs a column from column 100, 0.5 MeV a row from row 150.

    A contour runs halfway between a pixel inside and its neighbour outside: around the columns
    50 to 79 from 49.5 to 79.5, which is -101 to -41 fs. The image reaches from row -0.5 to
    362.5, -75.25 to 106.25 MeV; 15 % of its height, 27.225 MeV, is the largest power, 20 GW.
    """
    nothing = np.zeros((363, 284), bool)
    loss = [[rectangle((100, 120), (50, 80)), nothing], [nothing, nothing]]
    gain = [[nothing, rectangle((10, 40), (200, 204))], [nothing, nothing]]
    time = np.linspace(-100, 200, 568)
    power = np.zeros((2, 2, 568), np.float32)
    power[0, 0, 7], power[0, 1, 9] = 10, 20
    truth = Truth(np.array(loss), np.array(gain), power, time, np.array([3, 0], np.int8),
                  Calibration(2, 0.5, 100, 150))  # fmt: skip
    labels = {"lasing": np.array([1, 0]), "acq.enPeaksLabel": np.array([3, -1])}
    images = np.zeros((2, 363, 284), np.int16)
    sheet = figures.contact_sheet("title", StoredShots(np.array([4, 9]), images, labels, truth))
    first, second = sheet.axes
    assert first.get_title(loc="left") == "4: lasing 1, label 3, true 3"
    assert second.get_title(loc="left") == "9: lasing 0, label -1, true 0"
    found = {}
    drawn: Any = first.collections
    for contours in drawn:
        (path,) = [path for path in contours.get_paths() if len(path.vertices)]
        colour = tuple(contours.get_edgecolor()[0][:3])
        found[colour] = (path.get_extents().extents.tolist(), contours.get_linestyle()[0][1])
    white, cyan = (1, 1, 1), (0, 1, 1)
    assert set(found) == {white, cyan} and not second.collections
    assert found[white][0] == [-101, -25.25, -41, -15.25] and found[white][1] is None  # solid
    assert found[cyan][0] == [199, -70.25, 207, -55.25] and found[cyan][1] is not None  # dashed
    for axes, heights in ((first, (27.225 / 2, 27.225)), (second, (0, 0))):
        curves = [(line.get_color(), *line.get_data()) for line in axes.get_lines()]
        assert [colour for colour, _, _ in curves] == ["white", "cyan"]
        for (_, x, y), height in zip(curves, heights):
            np.testing.assert_array_equal(x, time)
            drawn = np.where(np.isnan(y), -75.25, y)
            assert drawn.min() == -75.25
            assert drawn.max() == pytest.approx(-75.25 + height, abs=1e-5)
    (image,) = first.get_images()
    assert image.get_extent() == pytest.approx([-201, 367, -75.25, 106.25])


def test_a_failure_takes_its_pages_away(tmp_path):
    with pytest.raises(InputError), figures.Pages(str(tmp_path / "p"), "title", most=9) as pages:
        for k in range(6):
            pages.add(*shot(k))
        assert len(pages.paths) == 1
        raise InputError("a bad image")
    assert list(tmp_path.iterdir()) == []


def test_maps_are_drawn_symmetric_about_zero():
    """Red positive, blue negative, white zero; the clip is a percentile of the magnitude."""
    figure = Figure()
    axes = figure.add_subplot(1, 1, 1)
    array = np.zeros((363, 284))
    array[:10] = -2
    figures.draw_panel(axes, array, signed=True)
    (image,) = axes.get_images()
    assert image.get_clim() == (-2, 2)
    red, green, blue, _ = image.to_rgba(np.array([[0.0, 2.0, -2.0]]))[0].T
    assert red[1] > blue[1] and blue[2] > red[2] and min(red[0], green[0], blue[0]) > 0.95
    assert axes.get_ylim()[1] > axes.get_ylim()[0]  # high energies at the top


def test_sparse_and_empty_maps_have_a_scale():
    axes = Figure().add_subplot(1, 1, 1)
    sparse = np.zeros((363, 284))
    sparse[0, 0] = -3
    figures.draw_panel(axes, sparse, signed=True)
    figures.draw_panel(axes, np.zeros((363, 284)), signed=True)
    assert [image.get_clim() for image in axes.get_images()] == [(-3, 3), (-1, 1)]


def test_no_window_without_a_display():
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    with pytest.raises(InputError, match=r"`show`: .*'agg' opens no window .*leave `show` out"):
        figures.Window()
    assert plt.get_fignums() == []


def test_the_window_steps_until_q(monkeypatch):
    """A stand-in for the screen; Enter goes on, q and the end of input stop."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.setattr("matplotlib.get_backend", lambda: "tkagg")
    monkeypatch.setattr(plt, "pause", lambda seconds: None)
    monkeypatch.setattr(plt, "show", lambda block: None)
    window = figures.Window()
    answers = iter(["", "q"])
    asked = []

    def answer(question):
        asked.append(question)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)
    assert window.show(*shot(0, 2)) is True
    assert window.show(*shot(1, 2)) is False
    assert asked == [f"row {k}: Enter for the next, q to quit " for k in (0, 1)]
    monkeypatch.setattr("builtins.input", lambda question: (_ for _ in ()).throw(EOFError))
    assert window.show(*shot(2)) is False
    window.__exit__()
    assert plt.get_fignums() == []
