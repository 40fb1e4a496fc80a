"""Pages and the window."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from legacy_gbp import figures
from legacy_gbp.errors import InputError


def shot(k, maps=1):
    rng = np.random.RandomState(k)
    panels = [("image", rng.randint(0, 255, (363, 284)))]
    return f"row {k}", panels + [(f"map{m}", rng.normal(size=(363, 284))) for m in range(maps)]


@pytest.mark.parametrize("maps, a_page", [(1, 6), (2, 4)])
def test_pages_fill_and_stop_at_the_limit(tmp_path, maps, a_page):
    with figures.Pages(str(tmp_path / "p"), "title", most=2) as pages:
        for k in range(2 * a_page + 3):
            pages.add(*shot(k, maps))
    assert [path[-9:] for path in pages.paths] == ["p-001.png", "p-002.png"]
    assert imread(pages.paths[0]).shape[0] > 400


def test_a_last_page_may_be_short_and_no_shot_gives_no_page(tmp_path):
    with figures.Pages(str(tmp_path / "p"), "title", most=9) as pages:
        pass
    assert pages.paths == []
    with figures.Pages(str(tmp_path / "p"), "title", most=9) as pages:
        pages.add(*shot(0))
    assert len(pages.paths) == 1


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
