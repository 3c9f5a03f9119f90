"""Small curves: in a line of a terminal, and in tables of a notebook."""

from __future__ import annotations

import io
import math
import re
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

import rung
from rung._sparkline import blocks, svg
from rung.analysis.comparison import Comparison
from rung.study.budget import Budget
from rung.study.metrics import Metric
from rung.views.notebook import render as render_html
from rung.views.summary import Best, Running, Summary, summarise
from rung.views.terminal import render

EVIL = "<script>alert(1)</script>"


def test_a_curve_of_blocks_goes_from_the_least_to_the_greatest() -> None:
    assert blocks([8, 4, 1]) == "█▄▁"
    assert blocks([0.1, math.nan, 0.3]) == "▁█"
    assert blocks([2.0, 2.0]) == "▁▁"
    assert blocks([1.0]) == blocks([]) == ""
    assert len(blocks(list(range(1000)))) == 12
    assert blocks(list(range(1000)))[-1] == "█"
    assert blocks([-1e308, 1e308]) in {"▁▁", "▁█"}


def test_a_drawn_curve_is_one_line_for_each_within_its_frame() -> None:
    drawn = ET.fromstring(svg([[(0, 5), (1, 3), (2, math.inf)], [(0, 1e308), (2, -1e308)]], steps=True))
    lines = drawn.findall("{*}polyline")
    assert len({line.get("stroke") for line in lines}) == len(lines) == 2
    numbers = [float(x) for line in lines for x in re.findall(r"[-\d.]+", line.get("points") or "")]
    assert 0 <= min(numbers) <= max(numbers) <= 240
    assert svg([[(0, 1)]]) == svg([]) == svg([[(0, math.nan), (1, 2)]]) == ""


SUMMARY = Summary(
    "s", "loss", {"completed": 2}, 9, 20.0, None, Best(1, 0.2, {}, {}), (Running(3, 1, 3, 0.5, 9.0, "epoch", (0.9, 0.7, 0.5)),),
    None, "", None, 60.0, ((4.0, 0.3), (5.0, 0.2)),
)  # fmt: skip


def test_a_running_trial_and_the_incumbents_have_a_curve_in_both_views() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(render(SUMMARY, 100, 30))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "trial 3  epoch 3  loss=0.5  9.0 s  █▄▁" in shown
    assert "improved  0.3 after 4.0 s, 0.2 after 5.0 s  █▁" in shown
    assert "about 40.0 s left" in shown
    html = render_html(SUMMARY, "s")
    assert html.count("<svg") == html.count("<polyline") == 2


@pytest.fixture(name="study", scope="module")
def _study() -> rung.Study:
    study = rung.Study({EVIL: rung.Float(0, 1)}, metric=EVIL, report_only=["test"], storage=":memory:")
    for x in (0.5, 0.7, 0.2):
        trial = study.ask({EVIL: x})
        assert trial is not None
        for epoch in range(1, 31):
            study.report(trial, epoch=epoch, **{EVIL: x + 1 / epoch, "test": 77.0})
        study.tell(trial, {EVIL: x, "test": 77.0})
    running = study.ask({EVIL: 0.9})
    assert running is not None
    for epoch in range(1, 31):
        study.report(running, epoch=epoch, **{EVIL: 31.0 - epoch})
    return study


def test_the_summary_has_the_last_incumbents_and_a_few_points_of_a_long_curve(study: rung.Study) -> None:
    summary = summarise("s", study.state, study.state.t, Budget(10))
    assert [value for _, value in summary.improvements] == [0.5, 0.2]
    curve = summary.running[0].curve
    assert (len(curve), curve[0], curve[-1]) == (12, 30.0, 1.0)


def test_tables_of_a_notebook_escape_everything_and_hold_back_what_is_only_reported(
    study: rung.Study,
) -> None:
    trial = study.trials[0]._repr_html_()
    assert "<svg" in trial
    assert "77" not in trial
    whole = study._repr_html_()
    assert "improved" in whole
    assert "<polyline" in whole
    for html in (trial, whole, study.trials[3]._repr_html_(), study.front._repr_html_()):
        assert "<script>" not in html
        ET.fromstring(f"<div>{html}</div>")


def test_a_front_and_a_comparison_are_tables_with_a_curve() -> None:
    study = rung.tune(
        lambda config: {"error": config["x"], "size": 1 - config["x"]}, {"x": rung.Float(0, 1)}, n_trials=4,
        metric={"error": "min", "size": "min"}, searcher="sobol", storage=":memory:", progress=False,
    )  # fmt: skip
    assert "<p>size over error</p><svg" in study.front._repr_html_()
    import numpy as np

    times = np.array([1.0, 2.0, 3.0])
    values = {EVIL: np.array([[3.0, 2.0, 1.0]] * 2), "b": np.array([[3.0, 3.0, 2.0]] * 2)}
    html = Comparison(Metric("loss"), (0, 1), times, values)._repr_html_()
    assert html.count("<polyline") == 2
    assert "<script>" not in html
