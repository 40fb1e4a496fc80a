"""Every pixel reaches the page and the window, upright, and the page says what it shows."""

import json
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.image import imread
from PIL import Image

from legacy_gbp import figures
from legacy_gbp.cli import main, main_all
from legacy_gbp.data.truth import StoredShots
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.figures.explained import explained_page
from legacy_gbp.figures.layout import FRAME_DOTS
from legacy_gbp.figures.pages import draw_page
from legacy_gbp.figures.pixels import largest_magnitudes, means, panel_dots
from tests.files import write_xtcav

XTCAV = (363, 284)


def panels_of(figure, path):
    """Return what is inside of the frame of every panel of a saved page, RGB 0..1."""
    figures.save(figure, str(path))
    page = imread(str(path))
    found = []
    for axes in figure.axes:
        box = axes.get_window_extent()
        left, right = round(float(box.x0)) + FRAME_DOTS, round(float(box.x1)) - FRAME_DOTS
        top, bottom = (len(page) - round(float(y)) for y in (box.y1, box.y0))
        found.append(page[top + FRAME_DOTS : bottom - FRAME_DOTS, left:right, :3])
    return found


def texts_of(path):
    """Return the texts that a PNG carries."""
    picture: Any = Image.open(path)
    return picture.text


def signs(panel):
    """Return 1 where a panel is red, -1 where it is blue, 0 where it is grey."""
    red, blue = panel[..., 0], panel[..., 2]
    return np.where(red > blue + 0.1, 1, 0) - np.where(blue > red + 0.1, 1, 0)


@pytest.mark.parametrize(
    "shape, dots",
    [
        (XTCAV, XTCAV),
        ((224, 224), (224, 224)),
        ((8, 8), (200, 200)),
        ((150, 100), (300, 200)),
        ((512, 400), (512, 400)),
        ((726, 568), XTCAV),
        ((1025, 900), (342, 300)),
        ((1, 1000), (200, 500)),
        ((30, 700), (210, 350)),
        ((1, 1), (200, 200)),
    ],
)
def test_every_pixel_reaches_the_page(shape, dots, tmp_path):
    """All pixels have signs that no neighbour predicts; each must be where it belongs."""
    assert panel_dots(shape) == dots
    rng = np.random.RandomState(0)
    lit = rng.choice([-1, 0, 0, 1], size=shape)
    lit[[0, 0, -1, -1], [0, -1, 0, -1]] = 1
    block = [-(-pixels // side) for pixels, side in zip(shape, dots)]
    expected = largest_magnitudes(lit, (block[0], block[1]))
    each = [side // blocks for side, blocks in zip(dots, expected.shape)]
    expected = expected.repeat(each[0], axis=0).repeat(each[1], axis=1)
    shots = [(f"row {k}", [("image", abs(lit)), ("map", lit)]) for k in range(4)]
    for panel in panels_of(draw_page("title", shots), tmp_path / "p.png")[1::2]:
        np.testing.assert_array_equal(signs(panel), expected[::-1])
    shown = ("cat", abs(lit)[..., None], [("map", lit[..., None])])
    _, found, overlay = panels_of(explained_page("title", [shown]), tmp_path / "e.png")
    np.testing.assert_array_equal(signs(found), expected)
    np.testing.assert_array_equal(signs(overlay), expected)


@pytest.mark.parametrize("shape", [XTCAV, (224, 224), (1452, 1136)])
def test_one_lit_pixel_anywhere_is_seen(shape, tmp_path):
    rng = np.random.RandomState(1)
    rows = np.concatenate([[0, 0, -1, -1, 0, -1, 5, 7], rng.randint(shape[0], size=12)])
    columns = np.concatenate([[0, -1, 0, -1, 5, 7, 0, -1], rng.randint(shape[1], size=12)])
    shots = []
    for k, (row, column) in enumerate(zip(rows, columns)):
        lit = np.zeros(shape)
        lit[row, column] = -3 if k % 2 else 3
        shots.append(("", [("image", np.abs(lit)), ("map", lit)]))
    found = panels_of(draw_page("title", shots), tmp_path / "p.png")
    for k, (image, panel) in enumerate(zip(found[::2], found[1::2])):
        assert signs(panel).sum() == (-1 if k % 2 else 1)
        assert (image.max(axis=-1) > 0.9).sum() == 1


def test_every_pixel_of_a_contact_sheet(tmp_path):
    lit = np.random.RandomState(0).randint(0, 2, (9, *XTCAV)) * 100
    sheet = figures.contact_sheet("title", StoredShots(np.arange(9), lit, {}, None))
    for panel, image in zip(panels_of(sheet, tmp_path / "s.png"), lit):
        np.testing.assert_array_equal(panel.max(axis=-1) > 0.9, image[::-1] > 0)


def test_blocks_keep_the_largest_magnitude_and_its_sign():
    array = np.array([[1, -32768, 0], [2, 3, -1], [0, 0, 4]], np.int16)
    assert largest_magnitudes(array, (2, 2)).tolist() == [[-32768, -1], [0, 4]]
    assert largest_magnitudes(array, (1, 1)).tolist() == array.tolist()
    colours = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(means(colours, (2, 2)), [[colours.mean(axis=(0, 1))]])


def test_row_0_of_a_photograph_is_on_top(tmp_path):
    photo = np.zeros((20, 30, 3))
    photo[:5, :, 0] = 1  # a red sky
    shown = ("cat", photo, [("gradient", photo)])
    image, found, overlay = panels_of(explained_page("t", [shown]), tmp_path / "p.png")
    assert image.shape[:2] == (140, 210)  # not stretched
    for panel in (image, found, overlay):
        assert (signs(panel)[:35] == 1).all() and not (signs(panel)[35:] == 1).any()


def test_the_page_says_what_a_panel_sums(tmp_path):
    values = np.ones((8, 8, 3))
    page = explained_page("t", [("cat", values, [("guided", values)])])
    texts = " ".join(text.get_text().replace("\n", " ") for text in page.texts)
    assert page.axes[1].get_title(loc="left") == "guided, sum of 3 channels"
    assert "sum over the 3 channels, where opposite signs cancel" in texts
    assert "mean of" not in texts and "pixels, of colours" not in texts
    values = np.ones((600, 500, 2))
    page = explained_page("t", [("", values, [("gradient", values)])], rows_are_energy=True)
    texts = " ".join(text.get_text().replace("\n", " ") for text in page.texts)
    assert "mean of 2 channels" in texts and "high energies at the top" in texts
    assert "largest magnitude of 2 x 2 pixels" in texts


def test_a_shot_has_one_orientation_on_every_page(historical_checkpoint, tmp_path, monkeypatch):
    """A streak of high energy (a high row) and late time is at the top right of all pages."""
    monkeypatch.chdir(tmp_path)
    counts = np.full((1, *XTCAV), 6, np.int16)
    counts[0, 300:340, 200:260] = 200
    write_xtcav("shots.h5", 1, images=counts)
    np.save("shots.npy", counts[..., None])
    pages, save = [], figures.save

    def keep(figure, path, *facts):
        pages.append(figure)
        save(figure, path, *facts)

    with monkeypatch.context() as patched:
        for name in ("legacy_gbp.figures.pages.save", "legacy_gbp.figures.save"):
            patched.setattr(name, keep)
        assert main(EX07, ["gbprop", "shots.h5", "--checkpoint", historical_checkpoint]) == 0
        argv = ["explain", historical_checkpoint, "--images", "shots.npy", "--figure", "e.png"]
        assert main_all([*argv, "--net", "ex07"]) == 0
        ends = ["--output-tensor", "xw_plus_b", "--feed", "trainflag=false"]
        assert main_all([*argv, *ends, "--overwrite"]) == 0
    found = [panels_of(page, "page.png") for page in pages]
    for image, guided, *_ in found:
        bright = np.argwhere(image.max(axis=-1) > 0.9)
        np.testing.assert_allclose(bright.mean(axis=0), [362 - 319.5, 229.5])
        assert np.abs(guided - found[0][1]).mean() < 1e-3


def test_a_partial_map_says_so_everywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default() as graph:
        x_t = tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")
        tf.matmul(tf.sigmoid(tf.nn.relu(x_t), name="gate"), tf.ones((4, 2)), name="y")
        with open("g.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
    np.save("x.npy", np.ones((3, 4), "f4"))
    argv = ["explain", "g.pb", "--images", "x.npy", "--output", "m.h5", "--figure", "m.png"]
    assert main_all([*argv, "--allow-partial"]) == 0
    assert "-- 3 maps by guided (partial) of predicted" in capsys.readouterr().out
    with h5py.File("m.h5", "r") as file:
        assert file.attrs["method"] == "guided (partial)"
        partial = json.loads(file.attrs["partial"])
    assert partial == {"missed": 1, "of": 2, "operations": ["gate"]}
    texts = texts_of("m.png")
    assert texts["Title"] == "g.pb: guided (PARTIAL: 1 of 2 nonlinearities missed) of predicted"
    assert texts["Method"] == "guided (partial)"
    assert texts["Partial"] == "1 of 2 nonlinearities missed: gate"
    assert main_all([*argv, "--allow-partial", "--method", "gradient", "--overwrite"]) == 0
    with h5py.File("m.h5", "r") as file:
        assert file.attrs["method"] == "gradient" and "partial" not in file.attrs
    texts = texts_of("m.png")
    assert "Partial" not in texts and "PARTIAL" not in texts["Title"]


def test_explain_says_what_it_did_to_pictures(tmp_path, monkeypatch, capsys):
    """And it draws channels-first images as pictures."""
    monkeypatch.chdir(tmp_path)
    for name, shape in (("last", (8, 8, 3)), ("first", (3, 8, 8))):
        with tf.Graph().as_default() as graph:
            x_t = tf.compat.v1.placeholder(tf.float32, (None, *shape), name="x")
            last_t = x_t if name == "last" else tf.transpose(x_t, (0, 2, 3, 1))
            y_t = tf.nn.conv2d(last_t, tf.ones((1, 1, 3, 2)), [1, 1, 1, 1], "SAME")
            tf.reduce_sum(y_t, (1, 2), name="y")
            with open(f"{name}.pb", "wb") as file:
                file.write(graph.as_graph_def().SerializeToString())
    Image.fromarray(np.zeros((10, 20), np.uint8)).save("a.png")
    argv = ["--method", "gradient", "--figure", "m.png"]
    pages = []
    monkeypatch.setattr("legacy_gbp.figures.save", lambda figure, *_: pages.append(figure))
    assert main_all(["explain", "last.pb", "--images", "a.png", *argv]) == 0
    out = capsys.readouterr().out
    assert "-- 1 picture was stretched from 20x10 to 8x8\n" in out
    assert "-- 1 picture is grey: repeated in three channels\n" in out
    note = pages[0].texts[1].get_text()
    assert "\n1 picture was stretched from 20x10 to 8x8.\n" in note
    assert "-- the page shows sums of maps over their 3 channels\n" in out
    photo = np.zeros((1, 3, 8, 8), np.float32)
    photo[:, 0, :2, :5] = 1  # red, top left
    np.save("x.npy", photo)
    assert main_all(["explain", "first.pb", "--images", "x.npy", *argv]) == 0
    image = pages[1].axes[0].get_images()[0].get_array()
    np.testing.assert_array_equal(image, np.moveaxis(photo[0], 0, -1))
    assert pages[1].axes[1].get_title(loc="left") == "gradient, sum of 3 channels"


@pytest.mark.parametrize("inches", [None, (4, 3)])
def test_every_pixel_reaches_the_window(inches, monkeypatch):
    """As it opens, and where the reader makes it smaller than the map."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.setattr("matplotlib.get_backend", lambda: "tkagg")
    monkeypatch.setattr(plt, "pause", lambda seconds: None)
    monkeypatch.setattr(plt, "show", lambda block: None)
    monkeypatch.setattr("builtins.input", lambda question: "")
    rng = np.random.RandomState(0)
    with figures.Window() as window:
        for _ in range(4):
            lit = np.zeros(XTCAV)
            lit[rng.randint(XTCAV[0]), rng.randint(XTCAV[1])] = 1
            window.show("", [("image", lit), *[("map", lit)] * 3])
            figure = window._figure
            if inches:
                figure.set_size_inches(*inches)
                window._draw()
            figure.canvas.draw()
            canvas: Any = figure.canvas
            page = np.asarray(canvas.buffer_rgba())[..., :3] / 255.0
            lit_dots = (signs(page) == 1) & (page[..., 0] < 0.8)  # dark red; not the image
            for axes in figure.axes[1:]:
                box = axes.get_window_extent()
                assert lit_dots[:, int(box.x0) : int(box.x1) + 1].any()
