"""The plots that show all trials, and the filters that all plots have."""

import math
from itertools import pairwise

import numpy as np
import pytest

import rung
from rung.analysis.plots import (
    PLOTS,
    anytime,
    contour,
    drawing,
    edf,
    front,
    learning_curves,
    over_time,
    parallel,
    timeline,
)
from rung.analysis.plots import importance as importance_plot
from rung.analysis.plots import slice as slices
from rung.errors import ArgumentError, NoTrialError

SPACE = {
    "rate": rung.Float(1e-3, 1, log=True),
    "kind": rung.Categorical(["on", "off"]),
    "depth": rung.Int(1, 4).when(rung.param("kind") == "on"),
    "fixed": 1,
}


@pytest.fixture(name="study", scope="module")
def _study(fold, Told):
    """Twenty trials of one second; every fifth failed, one still runs."""
    rng, space = np.random.default_rng(0), rung.Space(SPACE)
    told = []
    for n in range(20):
        config = space.sample(rng)
        y = abs(math.log10(config["rate"]) + 2) + config.get("depth", 2) / 4
        end = {4: "failed", 19: "running"}.get(n if n == 19 else n % 5, "completed")
        told.append(Told(config, {} if end == "running" else {"loss": y}, [y + 1, y], end))
    return fold(space, told)


def shown(figure):
    """The first axes, after everything was drawn once (which may warn, and a warning is an error)."""
    assert figure._repr_png_().startswith(b"\x89PNG")
    return figure.axes[0]


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


# ---- filters

FILTERED = {
    "learning_curves": lambda axes: len([x for x in axes.lines if x.get_label().startswith("_child")]),
    "over_time": lambda axes: len([x for x in axes.lines if x.get_label().startswith("_child")]),
    "anytime": lambda axes: len(axes.collections[0].get_offsets()),
    "slice": lambda axes: len(axes.collections[0].get_offsets()),
    "timeline": lambda axes: len(axes.patches),
    "edf": lambda axes: len(axes.lines[0].get_xdata()),
}


@pytest.mark.parametrize("name", FILTERED)
def test_top_leaves_the_best_trials(study, name):
    options = {"model": False} if name == "slice" else {}
    figure = drawing(PLOTS[name])(study, top=3, **options)
    assert FILTERED[name](figure.axes[0]) == 3


def test_states_leave_the_trials_that_ended_so(study):
    assert FILTERED["learning_curves"](learning_curves.figure(study, states="running").axes[0]) == 1
    assert FILTERED["timeline"](timeline.figure(study, states=["failed", "running"]).axes[0]) == 4
    with pytest.raises(ArgumentError, match=r"states: there is no 'done'"):
        learning_curves.figure(study, states="done")
    with pytest.raises(ArgumentError, match="top=0; give a whole number of at least 1"):
        learning_curves.figure(study, top=0)


def test_each_plot_of_trials_has_the_filters(study):
    of_the_whole = {"hypervolume", "importance"}
    for name in set(PLOTS) - of_the_whole:
        assert {"top", "states"} <= set(drawing(PLOTS[name]).__annotations__), name


# ---- over time


def test_each_trial_is_a_line_over_the_clock(study):
    axes = shown(over_time.figure(study))
    curves = [line for line in axes.lines if line.get_label().startswith("_child")]
    assert len(curves) == 20
    assert [list(line.get_xdata()) for line in curves[:2]] == [[0, 0], [1, 1]]
    assert {"failed", "best so far"} == set(labels(axes))
    assert axes.get_xlabel() == "running time of the study (s)"
    # late trials are dark
    assert sum(curves[19].get_color()[:3]) < sum(curves[0].get_color()[:3])


def test_a_trial_that_only_returned_its_value_is_a_dot(fold, Told):
    axes = shown(over_time.figure(fold({"x": rung.Float(0, 1)}, [Told({"x": 0.1}, {"loss": 0.5})])))
    assert axes.lines[0].get_xydata().tolist() == [[1.0, 0.5]]
    with pytest.raises(NoTrialError, match="no trial reported 'loss', or returned it"):
        over_time.figure(fold({"x": rung.Float(0, 1)}, []))


def test_the_best_over_reports_counts_work_and_no_time(study):
    axes = shown(anytime.figure(study, "reports"))
    assert axes.get_xlabel() == "reports of all trials"
    line = next(line for line in axes.lines if line.get_label() == "best report so far")
    assert list(line.get_xdata())[-1] == 40
    with pytest.raises(ArgumentError, match=r'over=\'epochs\'; give "time" or "reports"'):
        anytime.figure(study, "epochs")


# ---- the timeline


def test_attempts_that_overlap_have_places_of_their_own():
    study = rung.simulate(
        {"x": rung.Float(0, 1)}, lambda config, epoch: ({"loss": config["x"] / epoch}, 1.0), metric="loss",
        n_trials=12, n_workers=3, max_resource=9,
    )  # fmt: skip
    axes = shown(study.plot.timeline())
    attempts = sum(len(trial.attempts) for trial in study.trials)
    assert len(axes.patches) == attempts
    rows = {}
    for bar in axes.patches:
        rows.setdefault(round(bar.get_y() + 0.4), []).append((bar.get_x(), bar.get_x() + bar.get_width()))
    assert set(rows) == {0, 1, 2}
    for spans in rows.values():
        spans.sort()
        assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(spans))
    assert axes.get_title().startswith(f"{attempts} attempts; 3 at once at most")


# ---- coordinates


def test_a_line_has_a_gap_where_a_hyperparameter_is_inactive(study):
    figure = parallel.figure(study)
    axes = shown(figure)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["rate", "kind", "depth"]
    lines = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 3]
    done = [trial for trial in study.trials if trial.status == "completed"]
    assert len(lines) == len(done) + 1  # the best is drawn again
    assert sum(math.isnan(y[2]) for y in lines[:-1]) == sum("depth" not in t.config for t in done)
    assert next(t.get_text() for t in figure.legends[0].get_texts()).startswith("best: trial ")


def test_a_contour_shows_the_model_of_two_hyperparameters(study):
    figure = contour.figure(study, "rate", "kind")
    axes = shown(figure)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rate", "kind")
    assert {text.get_text() for text in axes.get_yticklabels()} == {"on", "off"}
    assert contour.figure(study, y="rate").axes[0].get_ylabel() == "rate"
    with pytest.raises(ArgumentError, match=r"x: no hyperparameter 'rates' varies; did you mean 'rate'\?"):
        contour.figure(study, "rates")
    with pytest.raises(ArgumentError, match="give two different hyperparameters"):
        contour.figure(study, "rate", "rate")


def test_a_slice_shows_what_the_model_expects(study):
    axes = shown(slices.figure(study))
    expected = axes.lines[0].get_ydata()
    x = axes.lines[0].get_xdata()
    assert abs(math.log10(x[np.argmin(expected)]) + 2) < 0.5
    assert not slices.figure(study, model=False).axes[0].lines[0].get_xdata().size > 1


def test_importance_has_two_bars_for_each(study):
    axes = shown(importance_plot.figure(study, method="ped-anova", best=0.4))
    assert len(axes.get_yticklabels()) == 3
    assert labels(axes) == ["overall", "among the best 40 %"]


def test_distributions_of_several_studies(study, fold, Told):
    state = fold({"x": rung.Float(0, 1)}, [Told({"x": 0.1}, {"loss": y}) for y in (0.3, 0.1)])

    class Other:
        name, goals = "other", state.goals

    Other.state = state
    axes = shown(edf.figure(study, [Other]))
    assert labels(axes)[1] == "other (2 trials)"
    assert axes.lines[1].get_xydata().tolist() == [[0.1, 0.5], [0.3, 1.0]]
    Other.goals = fold({"x": rung.Float(0, 1)}, [], "accuracy", mode="max").goals
    with pytest.raises(ArgumentError, match=r"others: own tunes .*accuracy.*; give studies of one metric"):
        edf.figure(study, {"own": Other})


def test_text_stays_text_in_vector_files(study, tmp_path):
    figure = learning_curves.figure(study)
    figure.savefig(tmp_path / "a.svg")
    assert ">epoch</text>" in (tmp_path / "a.svg").read_text()
    figure.savefig(tmp_path / "a.pdf")
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()


def test_a_front_with_top_keeps_its_line(fold, Told):
    told = [Told({"x": i / 9}, {"a": i, "b": 9.0 - i + (3 if i == 5 else 0)}) for i in range(9)]
    axes = shown(front.figure(fold({"x": rung.Float(0, 1)}, told, {"a": "min", "b": "min"}), top=2))
    assert sum(len(found.get_offsets()) for found in axes.collections) >= 8
