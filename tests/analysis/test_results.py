import pytest
from hypothesis import given
from hypothesis import strategies as st

import rung
from rung.analysis import FinalReport, best_trial, pareto_front
from rung.errors import NoTrialError

X = {"x": rung.Float(0, 1)}
VALUES = st.integers(0, 4).map(float)  # few values, so that there are ties


def test_the_best_keeps_the_constraints(fold, Told):
    told = [
        Told({"x": 0.1}, {"loss": loss, "mb": mb}) for loss, mb in [(0.3, 1), (0.1, 9), (0.2, 2), (0.2, 1)]
    ]
    assert best_trial(fold(X, told, constraints={"mb": "<= 2"})).number == 2
    assert best_trial(fold(X, told)).number == 1
    assert best_trial(fold(X, told, mode="max")).number == 0


def test_a_failed_or_stopped_trial_is_never_the_best(fold, Told):
    told = [
        Told({"x": 0.1}, {"loss": 0.0}, outcome=o) for o in ("failed", "stopped", "paused", "interrupted")
    ]
    assert best_trial(fold(X, [*told, Told({"x": 0.1}, {"loss": 1.0})])).number == 4


def test_why_there_is_no_best(fold, Told):
    with pytest.raises(NoTrialError, match=r"^no trial has completed yet$"):
        best_trial(fold(X, []))
    failed = [Told({"x": 0.1}, outcome="failed", reason=reason) for reason in ("first reason", "second")]
    with pytest.raises(
        NoTrialError, match=r"no trial has succeeded; the first failure, trial 0: first reason"
    ):
        best_trial(fold(X, failed))
    heavy = Told({"x": 0.1}, {"loss": 1.0, "mb": 30.0})
    with pytest.raises(NoTrialError, match=r"none of 1 completed trials keeps mb <= 20, loss < 1"):
        best_trial(fold(X, [heavy], constraints={"mb": "<= 20", "loss": "< 1"}))
    with pytest.raises(NoTrialError, match=r"several objectives \(a, b\).*study\.front"):
        best_trial(fold(X, [], {"a": "min", "b": "max"}))


@given(points=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=25))
def test_the_front_is_what_nothing_dominates(fold, Told, points):
    state = fold(
        X,
        [Told({"x": 0.5}, dict(zip("abc", p, strict=True))) for p in points],
        {"a": "min", "b": "max"},
        constraints={"c": "<= 3"},
    )
    feasible = [(n, (a, -b)) for n, (a, b, c) in enumerate(points) if c <= 3]
    expected = {
        n for n, p in feasible
        if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for _, q in feasible)
    }  # fmt: skip
    front = pareto_front(state)
    assert {trial.number for trial in front} == expected
    assert [t.metrics["a"] for t in front] == sorted(t.metrics["a"] for t in front)


@given(values=st.lists(VALUES, min_size=1, max_size=10))
def test_with_one_objective_the_front_is_all_the_best(fold, Told, values):
    state = fold(X, [Told({"x": 0.5}, {"a": v}) for v in values], "a")
    assert {t.metrics["a"] for t in pareto_front(state)} == {min(values)}
    assert best_trial(state) in pareto_front(state)


def test_the_final_report_tells_choosing_from_reporting():
    study = rung.Study(X, metric="loss", report_only=["test_loss"], storage=":memory:")
    for _ in range(2):
        trial = study.ask()
        study.tell(trial, {"loss": trial.config["x"], "test_loss": 0.123456789})
    first, report = study.final_report(), study.final_report()
    assert isinstance(report, FinalReport)
    assert (first.looks, report.looks, report.trials) == (1, 2, 2)
    assert report.chosen_by == {"loss": study.best_value}
    assert report.reported == {"test_loss": 0.123456789}
    assert "reported (looked at once):" in str(first)
    assert "reported (looked at 2 times):\n  test_loss = 0.123457" in str(report)
    assert f"winner: trial {study.best_trial.number} of 2" in str(report)
