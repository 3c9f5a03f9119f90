"""Metrics, budgets, streams, state."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import ArgumentError, StudyCorrupt, StudyNewer
from rung.space import Float, Space
from rung.study.budget import Budget, seconds
from rung.study.events import SCHEMA_VERSION, SessionEnded, StudyCreated
from rung.study.metrics import Constraint, Goals, Metric
from rung.study.state import StudyState
from rung.study.streams import derived_seed, stream


@pytest.mark.parametrize(
    ("text", "value"),
    [("2h", 7200), ("30s", 30), ("1h 30m", 5400), ("1h30min", 5400), ("1.5d", 129600), (90, 90), (0.5, 0.5),
     (timedelta(minutes=2), 120)],
)  # fmt: skip
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2 weeks", "-2h", 0, -1, float("nan"), float("inf"), True, None, []]
)
def test_what_is_no_duration(text):
    with pytest.raises(ArgumentError, match="timeout="):
        seconds(text)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "5"])
def test_what_is_no_number_of_trials(n):
    with pytest.raises(ArgumentError, match="n_trials="):
        Budget.of(n, None)


def test_metrics_know_what_is_better():
    assert Metric("e").better(1, 2)
    assert Metric("acc", "max").better(2, 1)
    assert not Metric("acc", "max").better(1, 1)
    with pytest.raises(ArgumentError, match='use "min" or "max"'):
        Metric("acc", "maximize")  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "value", "holds"), [("<= 20", 20, True), ("< 20", 20, False), (">=1e-3", 1, True),
                                                      (" > -1 ", -1, False), ("<= 20", float("nan"), False)])  # fmt: skip
def test_constraints(text, value, holds):
    assert Constraint.parse("size", text).holds(value) is holds


@pytest.mark.parametrize("text", ["20", "== 20", "<= x", "<=", 20, "<= nan"])
def test_what_is_no_constraint(text):
    with pytest.raises(ArgumentError, match="constraints: size="):
        Constraint.parse("size", text)


def test_goals_round_trip():
    goals = Goals.of({"e": "min", "acc": "max"}, constraints={"mb": "<= 20"}, report_only=["test"])
    assert goals.missing({"e": 1.0, "acc": 0.5}).endswith("or leave it out of constraints=")
    assert goals.missing({"e": 1.0}).endswith("or name another metric=")
    assert Goals.from_json(goals.to_json()) == goals
    assert goals.required == ("e", "acc", "mb")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": {}}, "name at least one metric"),
        ({"metric": ""}, "non-empty string"),
        ({"metric": "e", "report_only": "test"}, r"give a list: report_only=\['?\"?test"),
        ({"metric": "e", "report_only": ["e"]}, "what chooses is not what is reported"),
        ({"metric": "e", "mode": "up"}, 'use "min" or "max"'),
    ],
)
def test_goals_that_make_no_sense(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Goals.of(**arguments)


@given(seed=st.integers(0, 2**64), index=st.integers(0, 10**9))
def test_streams_are_addressed(seed, index):
    draws = stream(seed, "suggest", index).random(3)
    assert (stream(seed, "suggest", index).random(3) == draws).all()
    assert (stream(seed, "suggest", index + 1).random(3) != draws).all()
    assert (stream(seed, "judge", index).random(3) != draws).all()
    assert 0 <= derived_seed(seed, "trial", index) < 2**31


def test_a_log_begins_with_its_study():
    with pytest.raises(StudyCorrupt, match="begins with"):
        StudyState.replay([SessionEnded(id="s", t=0.0, reason="")])
    with pytest.raises(StudyCorrupt, match="begins with None"):
        StudyState.replay([])


def created(schema: int = 1) -> StudyCreated:
    space = Space({"x": Float(0, 1)}).to_json()
    return StudyCreated(id="study", t=0.0, space=space, goals=Goals.of("y").to_json(), seed=0, schema=schema)


def test_a_newer_format_is_refused():
    with pytest.raises(
        StudyNewer, match=f"written in format 99; this rung reads up to {SCHEMA_VERSION}: upgrade"
    ):
        StudyState(created(99))


def test_a_study_is_created_once():
    with pytest.raises(StudyCorrupt, match="a second StudyCreated"):
        StudyState(created()).apply(created())
