"""Inputs of every rank: features, series, DNA, volumes, flat images, channels first.

Most networks here are linear with one weight that is not 0: the map is lit at one place alone,
and the page must show it there.
"""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from legacy_gbp import figures
from legacy_gbp.cli import main_all
from legacy_gbp.data.images import image_set
from legacy_gbp.errors import InputError
from legacy_gbp.figures.letters import text_of
from legacy_gbp.figures.slices import chosen_slices
from legacy_gbp.graph.layout import layout_of_input, unflattened
from tests.test_every_pixel import panels_of, signs

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_model(shape, function, dtype=tf.float32):
    """A frozen graph: `function` of a placeholder, flattened, times weights."""
    with tf.Graph().as_default() as graph:
        function(v1.placeholder(dtype, shape, "x"))
        with open("m.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())


def lit_logits(h_t, size, place):
    """Logits whose gradient is 1 at one of `size` values, for class 1."""
    weights = np.zeros((size, 2), np.float32)
    weights[place, 1] = 1
    return tf.matmul(tf.reshape(h_t, (-1, size)), weights, name="y")


def same(rank, channels):
    """A convolution that copies its input: an identity kernel of one place."""
    kernel = np.eye(channels, dtype=np.float32).reshape((1,) * rank + (channels, channels))
    if rank == 1:
        return lambda x_t: tf.nn.conv1d(x_t, kernel, 1, "SAME")
    convolution = {2: tf.nn.conv2d, 3: tf.nn.conv3d}[rank]
    return lambda x_t: convolution(x_t, kernel, [1] * (rank + 2), "SAME")


def explained(images, monkeypatch, capsys, code=0):
    """Run explain on the model; return its page and what it printed."""
    pages = []
    if isinstance(images, np.ndarray):
        np.save("x.npy", images)
        images = ["x.npy"]
    argv = ["explain", "m.pb", "--images", *images, "--figure", "m.png", "--target", "1"]
    with monkeypatch.context() as patched:
        patched.setattr("legacy_gbp.figures.save", lambda page, *_: pages.append(page))
        assert main_all([*argv, "--method", "gradient"]) == code
    captured = capsys.readouterr()
    if code:
        assert captured.err.count("\n") == 1
        return None, captured.err
    return pages[0], captured.out


def note_of(page):
    return page.texts[1].get_text().replace("\n", " ")


def lit_share(panel):
    """Rows and columns of the lit dots, first and last of each, as shares of the panel."""
    rows, columns = np.nonzero(signs(panel))
    height, width = panel.shape[:2]
    edges = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    return np.array(edges) / [height, height, width, width]


def test_one_lit_value_of_a_signal_is_seen_as_a_bar_and_below_the_line(
    tmp_path, monkeypatch, capsys
):
    """Value 310 of 400, on panels of 800 dots: the dots 620 and 621."""
    write_model((None, 400, 1), lambda x_t: lit_logits(same(1, 1)(x_t), 400, 310))
    signal = np.sin(np.arange(400) / 20.0).reshape(1, 400, 1).astype("f4")
    page, _ = explained(signal, monkeypatch, capsys)
    assert [axes.get_title(loc="left") for axes in page.axes] == [
        "x.npy row 0: class 0" if signal[0, 310] < 0 else "x.npy row 0: class 1",
        "gradient",
        "overlay",
    ]
    assert "Columns: position along the series" in note_of(page)
    np.testing.assert_allclose(page.axes[0].get_lines()[0].get_ydata(), signal[0, :, 0])
    _, bars, overlay = panels_of(page, tmp_path / "p.png")
    assert bars.shape[1] == overlay.shape[1] == 800
    for panel in (bars, overlay):
        _, _, left, right = lit_share(panel)
        np.testing.assert_allclose([left, right], [310 / 400, 311 / 400], atol=1.01 / 800)
    assert not (signs(bars) < 0).any() and not (signs(overlay) < 0).any()
    assert (signs(overlay)[:, 620:622] == 1).mean() > 0.9  # the line hides a few dots


@pytest.mark.parametrize("place", [0, 7, 12345, 15999])
def test_one_lit_value_among_16000_is_seen(place, tmp_path):
    """16 values share a dot, of 1000."""
    lit = np.zeros((16000, 1))
    lit[place] = -2
    noise = np.random.RandomState(0).normal(size=(16000, 1))
    page = figures.explained_page("t", [("a", noise, [("gradient", lit)])])
    assert "Each dot shows the largest magnitude of 16 values" in note_of(page)
    _, bars, overlay = panels_of(page, tmp_path / "p.png")
    for panel in (bars, overlay):
        blue = np.flatnonzero((signs(panel) < 0).any(axis=0))
        assert abs(blue - place // 16).max() <= 1 and (signs(panel) <= 0).all()
    drawn: Any = page.axes[0].get_lines()[0].get_ydata()
    low, high = (drawn[k::2] for k in (0, 1))
    np.testing.assert_array_equal(low, noise.reshape(-1, 16).min(axis=1))
    np.testing.assert_array_equal(high, noise.reshape(-1, 16).max(axis=1))


@pytest.mark.parametrize("channels", [3, 20])
def test_several_channels_are_lines_or_a_spectrogram(channels, tmp_path, monkeypatch, capsys):
    """Channel 2 at position 40 of 100: its row from the bottom, its column."""
    where = 40 * channels + 2
    write_model(
        (None, 100, channels),
        lambda x_t: lit_logits(same(1, channels)(x_t), 100 * channels, where),
    )
    series = np.random.RandomState(0).normal(size=(1, 100, channels)).astype("f4")
    page, out = explained(series, monkeypatch, capsys)
    _, found, overlay = panels_of(page, tmp_path / "p.png")
    top, bottom = 1 - 3 / channels, 1 - 2 / channels
    np.testing.assert_allclose(lit_share(found), [top, bottom, 0.4, 0.41])
    if channels == 3:
        lines = page.axes[0].get_lines()
        for line, expected in zip(lines, series[0].T):
            np.testing.assert_array_equal(line.get_ydata(), expected)
        names = [text.get_text() for text in page.axes[0].get_legend().get_texts()]
        assert names == ["channel 0", "1", "2"]
        assert page.axes[2].get_title(loc="left") == "overlay, sum of 3 channels"
        assert "-- the overlay of the page shows sums of maps over their 3 channels" in out
    else:
        (shown,) = page.axes[0].get_images()
        grey = np.asarray(shown.get_array())
        assert np.corrcoef(grey.ravel(), series[0].T.ravel())[0, 1] > 0.9999
        np.testing.assert_allclose(lit_share(overlay), [top, bottom, 0.4, 0.41])
        assert "channel 0 at the bottom" in note_of(page)


DNA = "GATTACATTTGCCA"


def one_hot(text):
    return np.array([[letter == one for one in "ACGT"] for letter in text], np.float32)


@pytest.mark.parametrize("order", ["NTC", "N1TC", "NCT1"])
def test_dna_is_letters_in_four_rows(order, tmp_path, monkeypatch, capsys):
    """Lit at the C in place 5: the second row from the top."""
    count = len(DNA)
    shape = {"NTC": (count, 4), "N1TC": (1, count, 4), "NCT1": (4, count, 1)}[order]
    where = 5 + count if order == "NCT1" else 5 * 4 + 1
    convolution = same(1, 4) if order == "NTC" else same(2, shape[-1])
    write_model((None, *shape), lambda x_t: lit_logits(convolution(x_t), 4 * count, where))
    batch = one_hot(DNA).T if order == "NCT1" else one_hot(DNA)
    page, out = explained(batch.reshape(1, *shape), monkeypatch, capsys)
    assert "-- one of four channels is 1: the page names them A, C, G and T" in out
    letters, found, present = page.axes
    for axes in (letters, found):
        assert [text.get_text() for text in axes.get_yticklabels()] == list("ACGT")
    written = sorted((*text.get_position(), text.get_text()) for text in letters.texts)
    assert written == [(k, "ACGT".index(one), one) for k, one in enumerate(DNA)]
    assert [text.get_text() for text in present.get_xticklabels()] == list(DNA)
    panels = panels_of(page, tmp_path / "p.png")
    edges = [1 / 4, 2 / 4, 5 / count, 6 / count]
    np.testing.assert_allclose(lit_share(panels[1]), edges, atol=1e-9)
    np.testing.assert_allclose(lit_share(panels[2])[2:], edges[2:], atol=0.003)


def test_what_is_not_one_hot_is_no_dna(tmp_path):
    """Unknown letters, which are 0 in all channels, are; two letters at one place are not."""
    padded = one_hot(DNA)
    padded[10:] = 0
    assert text_of(padded) == DNA[:10] + "----"

    def titles(image):
        page = figures.explained_page("t", [("a", image, [("gradient", image)])])
        return [axes.get_title(loc="left") for axes in page.axes]

    assert titles(padded)[-1] == "map of the letters that are there"
    assert titles(one_hot(DNA) * 2)[-1] == "overlay, sum of 4 channels"
    double = one_hot(DNA)
    double[3] = 1
    assert titles(double)[-1] == "overlay, sum of 4 channels"
    assert titles(one_hot(DNA * 100))[-1] == "map of the letters that are there"  # no room


@pytest.mark.parametrize("first", [False, True])
def test_slices_of_a_volume_are_chosen_and_numbered(first, tmp_path, monkeypatch, capsys):
    """20 slices in six stretches, which begin at 0, 3, 6, 10, 13 and 16; slice 14 is lit."""
    shape = (20, 5, 4)
    where = (14 * 5 + 1) * 4 + 3
    to_last = (lambda x_t: tf.transpose(x_t, (0, 2, 3, 4, 1))) if first else (lambda x_t: x_t)
    one = (1, *shape) if first else (*shape, 1)
    write_model((None, *one), lambda x_t: lit_logits(same(3, 1)(to_last(x_t)), 400, where))
    volume = np.random.RandomState(0).rand(*shape).astype("f4")
    page, out = explained(volume.reshape(1, *one), monkeypatch, capsys)
    said = "he page shows slices 0, 3, 6, 10, 14, 16 of 20 along the depth, counted from 0"
    assert f"-- t{said}\n" in out and f"T{said}." in note_of(page)
    numbers = [axes.get_title(loc="left") for axes in page.axes]
    assert numbers == 3 * [f"slice {k}" for k in (0, 3, 6, 10, 14, 16)]
    assert [axes.get_ylabel() for axes in page.axes[::6]][1:] == ["gradient", "overlay"]
    for axes, place in zip(page.axes, (0, 3, 6, 10, 14, 16)):
        grey = np.asarray(axes.get_images()[0].get_array())
        expected = (volume[place] - volume.min()) / np.ptp(volume)
        np.testing.assert_allclose(grey, expected, atol=1e-6)
    panels = panels_of(page, tmp_path / "p.png")
    for row in (panels[6:12], panels[12:]):
        np.testing.assert_allclose(lit_share(row[4]), [1 / 5, 2 / 5, 3 / 4, 1])
        assert not any(signs(row[k]).any() for k in (0, 1, 2, 3, 5))


def test_the_largest_magnitude_of_a_volume_is_always_shown():
    rng = np.random.RandomState(0)
    for depth in (1, 2, 5, 6, 7, 50):
        values = rng.normal(size=(depth, 3, 3, 2))
        slices = chosen_slices(values)
        assert sorted(set(slices)) == slices and len(slices) == min(depth, 6)
        assert np.abs(values).max(axis=(1, 2, 3)).argmax() in slices


def test_slices_of_a_volume_have_one_scale():
    """Ten times as large in slice 1: the others are paler."""
    volume = np.random.RandomState(0).normal(size=(4, 9, 9, 1))
    volume[1] *= 10
    page = figures.explained_page("t", [("a", volume, [("gradient", volume)])])
    clip = np.percentile(np.abs(volume), 99.7)
    for axes in page.axes[4:8]:
        np.testing.assert_allclose(axes.get_images()[0].get_clim(), (-clip, clip))


def test_images_without_channels_and_flat_ones_are_drawn_as_images(tmp_path, monkeypatch, capsys):
    """Row 3, column 6 of 8 x 10."""
    images = np.random.RandomState(0).rand(1, 8, 10).astype("f4")
    edges = [3 / 8, 4 / 8, 6 / 10, 7 / 10]

    def network(x_t):
        return lit_logits(same(2, 1)(tf.reshape(x_t, (-1, 8, 10, 1))), 80, 36)

    for shape in ((None, 8, 10), (None, 80), (None, None, 10)):
        write_model(shape, network)
        batch = images.reshape(1, 80) if len(shape) == 2 else images
        page, out = explained(batch, monkeypatch, capsys)
        line = "-- the page shows 80 values as 8 x 10 x 1, as the network reshapes them\n"
        assert (line in out) == (len(shape) == 2)
        _, found, overlay = panels_of(page, tmp_path / "p.png")
        np.testing.assert_allclose(lit_share(found), edges)
        np.testing.assert_allclose(lit_share(overlay), edges)


@pytest.mark.parametrize("count", [12, 300])
def test_features_are_bars(count, tmp_path, monkeypatch, capsys):
    """Beside each other, or below where they are many."""
    write_model((None, count), lambda x_t: lit_logits(x_t, count, 7))
    features = np.random.RandomState(0).normal(size=(2, count)).astype("f4")
    page, _ = explained(features, monkeypatch, capsys)
    assert len(page.axes) == 6
    panels = panels_of(page, tmp_path / "p.png")
    for panel in (panels[1], panels[2], panels[4], panels[5]):
        edges = [7 / count, 8 / count]
        np.testing.assert_allclose(lit_share(panel)[2:], edges, atol=1.01 / panel.shape[1])


def test_an_input_of_unknown_rank_is_drawn_by_its_array(tmp_path, monkeypatch, capsys):
    write_model(None, lambda x_t: lit_logits(same(2, 1)(x_t), 80, 36))
    images = np.random.RandomState(0).rand(1, 8, 10, 1).astype("f4")
    page, _ = explained(images, monkeypatch, capsys)
    found = panels_of(page, tmp_path / "p.png")[1]
    np.testing.assert_allclose(lit_share(found), [3 / 8, 4 / 8, 6 / 10, 7 / 10])


@pytest.mark.parametrize(
    "shape", [(2, 3, 2, 3, 2), (1,), (1, 1), (1, 1, 1), (1, 1, 1, 1), (2, 1, 1), (1, 9), (9, 1)]
)
def test_strange_shapes_are_drawn(shape, monkeypatch, capsys):
    """Also where all values are the same, and the map of one image is 0 everywhere."""
    size = int(np.prod(shape))
    write_model((None, *shape), lambda x_t: lit_logits(tf.nn.relu(x_t), size, 0))
    images = np.ones((3, *shape), np.float32)
    images[1] = -1
    page, out = explained(images, monkeypatch, capsys)
    assert "-- 1 maps are all zero, such as that of x.npy row 1" in out
    figures.save(page, "p.png")


def test_an_axis_of_size_0_is_refused_in_one_line(monkeypatch, capsys):
    write_model((None, None, 3), lambda x_t: tf.reduce_sum(same(1, 3)(x_t), 1, name="y"))
    _, error = explained(np.ones((2, 0, 3), "f4"), monkeypatch, capsys, code=2)
    assert "x.npy: images of shape (0, 3) hold no value" in error
    empty = np.ones((0, 3))
    with pytest.raises(InputError, match=r"an array of shape \(0, 3\), without a value"):
        figures.explained_page("t", [("a", empty, [("gradient", empty)])])
    with pytest.raises(InputError, match="holds no image"):
        figures.explained_page("t", [])


def test_tokens_have_one_bar_each(tmp_path):
    """A map at an embedding's output: of (T, E) the sum over E."""
    tokens = np.array([5, 1, 9, 2, 2, 0])
    values = np.zeros((6, 8))
    values[4, 2], values[4, 3], values[1, 0], values[1, 1] = 3, -1, -2, 2
    shown = [("text", tokens, [("gradient", values)])]
    page = figures.explained_page("t", shown)
    assert page.axes[1].get_title(loc="left") == "gradient, sum of 8 channels"
    assert figures.page_notices(shown) == ["the page shows sums of maps over their 8 channels"]
    _, bars, overlay = panels_of(page, tmp_path / "p.png")
    for panel in (bars, overlay):
        np.testing.assert_allclose(lit_share(panel)[2:], [4 / 6, 5 / 6], atol=1.01 / 200)


@pytest.mark.parametrize("shape", [(6,), (30, 2), (8, 8, 3), (9, 4, 4, 1), (2, 2, 2, 2, 2)])
@pytest.mark.parametrize("other", [(5,), (7, 3), (4, 4, 6), (3, 3, 3, 2), (2, 3, 1, 2, 2)])
def test_a_map_of_a_hidden_layer_is_drawn_by_itself(shape, other):
    rng = np.random.RandomState(0)
    page = figures.explained_page("t", [("a", rng.rand(*shape), [("guided", rng.rand(*other))])])
    title = f"guided, of shape {'x'.join(str(size) for size in other)}"
    assert title in [axes.get_title(loc="left") for axes in page.axes]
    assert not page.axes[-1].get_visible()
    figures.save(page, "p.png")


def test_twelve_series_are_in_two_columns():
    values = np.random.RandomState(0).rand(12, 50, 1)
    page = figures.explained_page("t", [("a", one, [("gradient", one)]) for one in values])
    lefts = {round(float(axes.get_window_extent().x0)) for axes in page.axes}
    assert len(page.axes) == 36 and len(lefts) == 2


# Pictures and arrays for channels first


def test_pictures_for_channels_first_are_transposed(tmp_path, monkeypatch, capsys):
    pixels = np.random.RandomState(0).randint(0, 255, (6, 9, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("a.png")
    write_model(
        (None, 3, 6, 9),
        lambda x_t: lit_logits(same(2, 3)(tf.transpose(x_t, (0, 2, 3, 1))), 162, 0),
    )
    page, out = explained(["a.png"], monkeypatch, capsys)
    assert "-- 1 picture was transposed: the network takes channels first\n" in out
    shown = np.asarray(page.axes[0].get_images()[0].get_array())
    low, high = float(pixels.min()), float(pixels.max())
    np.testing.assert_allclose(shown, (pixels - low) / (high - low), atol=1e-6)
    found = panels_of(page, tmp_path / "p.png")[1]
    np.testing.assert_allclose(lit_share(found), [0, 1 / 6, 0, 1 / 9])
    _, error = explained(pixels[None], monkeypatch, capsys, code=2)
    assert "the network takes (3, 6, 9), channels first; move the last axis by" in error


@pytest.mark.parametrize(
    "shape, expected",
    [((4, 6), (4, 6)), ((1, 4, 6), (1, 4, 6)), ((4, 6, 1), (4, 6, 1)), ((4, 6, 3), (4, 6, 3))],
)
def test_pictures_have_the_axes_that_the_network_takes(shape, expected):
    pixels = np.random.RandomState(0).randint(0, 255, (4, 6, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("a.png")
    read = image_set(["a.png"], shape).read(0, 1)
    assert read.shape == (1, *expected)
    wanted = pixels if expected[-1] == 3 else pixels.mean(axis=-1)
    np.testing.assert_allclose(read[0].reshape(wanted.shape), wanted)


@pytest.mark.parametrize(
    "shape, why",
    [
        ((4, 6, 5), r"the network takes \(4, 6, 5\); give an array"),
        ((9, 4, 6, 1), r"the network takes \(9, 4, 6, 1\); give an array"),
        ((12,), r"the network takes \(12,\); give an array"),
        ((None, None, 3), "does not say which size it takes"),
        (None, "does not say which size it takes"),
    ],
)
def test_networks_that_take_no_pictures_say_so(shape, why):
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save("a.png")
    with pytest.raises(InputError, match=why):
        image_set(["a.png"], shape)


def test_arrays_without_channels_get_one_where_the_network_has_it():
    images = np.random.RandomState(0).rand(2, 4, 6)
    np.save("x.npy", images)
    first = image_set(["x.npy"], (1, 4, 6)).read(0, 2)
    last = image_set(["x.npy"], (4, 6, 1)).read(0, 2)
    np.testing.assert_array_equal(first, images[:, None])
    np.testing.assert_array_equal(last, images[..., None])
    volumes = images.reshape(2, 2, 2, 6)
    np.save("v.npy", volumes)
    np.testing.assert_array_equal(image_set(["v.npy"], (2, 2, 6, 1)).read(0, 2), volumes[..., None])


# Layouts


@pytest.mark.parametrize(
    "function",
    [
        lambda x_t: tf.transpose(x_t, (1, 0, 2)),
        lambda x_t: tf.unstack(x_t, axis=1),
        lambda x_t: tf.transpose(tf.identity(x_t), tf.concat([[1, 0], tf.range(2, 3)], 0)),
    ],
)
def test_a_recurrent_network_reads_channels_step_by_step(function):
    with tf.Graph().as_default():
        x_t = v1.placeholder(tf.float32, (None, 9, 5))
        function(x_t)
        assert layout_of_input(x_t, 3) == (2, (1,))


def test_flat_inputs_have_the_shape_that_the_network_makes():
    with tf.Graph().as_default():
        x_t = v1.placeholder(tf.float32, (None, 12))
        assert unflattened(x_t) is None
        tf.reshape(x_t, (-1, 6))
        assert unflattened(x_t) is None
        tf.reshape(x_t / 255.0, (-1, 2, 6, 1))
        shaped_t: Any = unflattened(x_t)
        assert shaped_t.shape.as_list()[1:] == [2, 6, 1]
        open_t = v1.placeholder(tf.float32, (None, None))
        tf.reshape(open_t, (-1, 2, 6, 1))
        assert unflattened(open_t) is None
