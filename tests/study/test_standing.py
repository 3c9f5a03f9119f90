"""What trials are worth so far: the best report before one has completed, the front, and why a trial ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rung
from rung.analysis import pareto_front
from rung.errors import NoTrialError
from rung.study.standing import remark

SPACE = {"x": rung.Float(0, 1)}


def study_of(**options):
    return rung.Study(SPACE, **{"metric": "loss", "storage": ":memory:", "searcher": "random", **options})


def cut_off(*curves, **options):
    """A study whose trials reported and never ended."""
    study = study_of(**options)
    for curve in curves:
        trial = study.ask()
        for metrics in curve:
            study.report(trial, **metrics)
    return study


def losses(*values):
    return [{"loss": value} for value in values]


def test_before_a_trial_has_completed_the_best_is_that_of_the_best_report():
    study = cut_off(losses(0.5, 0.4), losses(0.6, 0.2, 0.3), losses(float("nan")))
    assert (study.best_trial.number, study.best_value) == (1, 0.2)
    assert study.best_trial.status == "running"
    assert study.best_config == study.trials[1].config
    assert "the best report so far, of epoch 2" in study.recommended.reason
    trial = study.ask()
    study.tell(trial, {"loss": 0.9})
    assert (study.best_trial.number, study.best_value) == (3, 0.9)


def test_larger_is_better_and_bounds_hold_for_reports():
    curves = [[{"loss": 1.0, "mb": 9.0}], [{"loss": 0.5, "mb": 1.0}], [{"loss": 0.9}]]
    study = cut_off(*curves, mode="max", constraints={"mb": "<= 5"})
    assert (study.best_trial.number, study.best_value) == (1, 0.5)


def test_a_trial_that_failed_after_its_report_is_not_the_best():
    study = study_of()
    first, second = study.ask(), study.ask()
    study.report(first, loss=0.1)
    study.report(second, loss=0.3)
    assert study.best_value == 0.1
    study.fail(first, "no memory")
    assert (study.best_trial.number, study.best_value) == (1, 0.3)


def test_without_a_report_there_is_no_best():
    with pytest.raises(NoTrialError, match="no trial has completed yet"):
        cut_off([]).best_trial  # noqa: B018


def test_the_final_report_of_an_unfinished_trial_says_so():
    study = cut_off([{"loss": 0.5, "test": 0.6}, {"loss": 0.7, "test": 0.8}], report_only=["test"])
    report = study.final_report()
    assert (report.chosen_by, report.reported, report.at) == ({"loss": 0.5}, {"test": 0.6}, "epoch 1")
    assert "which has not completed; of its report of epoch 1" in str(report)


def test_a_timeout_before_the_first_trial_is_over_leaves_a_best():
    study = rung.simulate(
        SPACE, lambda config, epoch: ({"loss": config["x"] + 1 / epoch}, 60.0), metric="loss",
        max_resource=99, scheduler="fifo", n_workers=2, timeout="5m", seed=0,
    )  # fmt: skip
    assert {t.status for t in study.trials} == {"interrupted"}
    assert study.best_value == min(r.metrics["loss"] for t in study.trials for r in t.reports)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=12))
def test_the_front_that_is_read_forward_is_the_front(points):
    study = study_of(metric={"a": "min", "b": "max"}, constraints={"c": "<= 0"})
    for a, b, fits in points:
        trial = study.ask()
        study.tell(trial, {"a": float(a), "b": float(b), "c": float(not fits)})
        found = study.state.standing.front
        assert {t.number for t in found} == {t.number for t in pareto_front(study.state)}
    assert study.state.standing.best is None


def test_notes_say_where_a_trial_ended():
    def curve(config, epoch):
        return {"loss": config["x"]}, 1.0

    promoted = rung.simulate(SPACE, curve, metric="loss", n_trials=9, max_resource=9, seed=0)
    notes = {remark(t, promoted.state) for t in promoted.trials if t.status == "stopped"}
    assert notes == {"paused at epoch 1, not continued", "paused at epoch 3, not continued"}
    stopped = rung.simulate(SPACE, curve, metric="loss", n_trials=9, max_resource=9, seed=0,
                            scheduler=rung.schedulers.ASHA("stopping"))  # fmt: skip
    assert {remark(t, stopped.state) for t in stopped.trials if t.status == "stopped"} <= {
        "at epoch 1",
        "at epoch 3",
    }


def test_a_study_and_a_trial_show_themselves():
    study = rung.Study(
        {"<b>": rung.Float(0, 1)}, metric="<i>", storage=":memory:", name="a<script>", searcher="random"
    )
    trial = study.ask()
    study.tell(trial, {"<i>": 0.25})
    html = study._repr_html_()
    assert "<script>" not in html
    assert "<i>" not in html
    assert "1 completed" in html
    assert "&lt;i&gt;=0.25" in html
    assert repr(study.best_trial).startswith("<Trial 0: completed, value=0.25, <b>=0.")
    study.close()
