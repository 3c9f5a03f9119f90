"""The ProgressBoard: headless, in a notebook, and without leaving figures behind."""

import sys
from types import SimpleNamespace

import pytest

from rung.compat import d2l

pytest.importorskip("matplotlib")


def test_points_are_averaged_by_every_n():
    board = d2l.ProgressBoard("x")
    for x in range(5):
        board.draw(x, 10 * x, "line", every_n=2)
    assert board.data == {"line": [(0.5, 5.0), (2.5, 25.0)]}


def test_headless_nothing_is_drawn_until_asked_and_no_pyplot_figure_is_made():
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    board = d2l.ProgressBoard(xlabel="time", ylabel="error", yscale="log", xlim=(0, 3))
    for x in (1, 2):
        board.draw(x, 1 / x, "random search", every_n=1)
    assert board.fig is None
    axes = board.figure().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("time", "error", "log")
    assert axes.get_xlim() == (0, 3)
    assert list(axes.lines[0].get_ydata()) == [1, 0.5]
    assert plt.get_fignums() == before


def test_the_figure_grows_and_stays_the_same_one(tmp_path):
    board = d2l.ProgressBoard()
    empty = board.figure()
    for label in "abcde":
        board.draw(0, 1, label)
    assert board.figure() is empty
    assert len(empty.axes[0].lines) == 5
    board.figure().savefig(tmp_path / "curves.png")


def test_given_axes_are_drawn_on():
    from matplotlib.figure import Figure

    figure = Figure()
    board = d2l.ProgressBoard(axes=figure.subplots())
    board.draw(0, 1, "a")
    assert board.figure() is figure
    assert d2l.ProgressBoard(fig=figure).figure() is figure


@pytest.mark.parametrize("display", [True, False])
def test_in_a_notebook_one_picture_is_shown_and_updated(monkeypatch, display):
    ipython_display = pytest.importorskip("IPython.display")
    shown = []
    handle = SimpleNamespace(update=shown.append)
    monkeypatch.setattr(
        ipython_display, "display", lambda picture, display_id: shown.append(picture) or handle
    )
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=1))
    board = d2l.ProgressBoard(display=display)
    for x in range(3):
        board.draw(x, x, "line")
    assert len(shown) == (3 if display else 0)
    assert all(picture.data.startswith(b"\x89PNG") for picture in shown)
