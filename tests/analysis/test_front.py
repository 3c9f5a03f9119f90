"""The front of several objectives, its hypervolume over time, and the choice from it."""

from __future__ import annotations

import pytest

import rung
from rung.analysis.front import Front, Hypervolume, chosen
from rung.analysis.plots import front as front_plot
from rung.analysis.plots import hypervolume as hypervolume_plot
from rung.errors import ArgumentError, NoTrialError

X = {"x": rung.Float(0, 1)}
TWO = {"error": "min", "speed": "max"}
VALUES = [(0.1, 1.0), (0.2, 6.0), (0.4, 9.0), (0.5, 2.0), (0.05, 20.0)]
"""The last one breaks the constraint, the one before it is dominated."""


@pytest.fixture(name="state")
def _state(fold, Told):
    told = [
        Told({"x": 0.1}, {"error": error, "speed": speed, "mb": 30.0 if speed == 20 else 1.0})
        for error, speed in VALUES
    ]
    return fold(X, told, TWO, constraints={"mb": "<= 20"})


@pytest.fixture(name="nothing")
def _nothing(fold):
    return fold(X, [], TWO)


def test_the_front_is_a_sequence_of_trials_that_prints_as_a_table(state, nothing):
    front = Front.of(state)
    assert [trial.number for trial in front] == [0, 1, 2]
    assert front[0].number == 0 and len(front[1:]) == 2 and state.trials[1] in front
    lines = repr(front).splitlines()
    assert lines[0].split() == ["trial", "error", "speed", "mb", "x"]
    assert lines[2].split() == ["1", "0.2", "6", "1", "0.1"]
    assert len({len(line) for line in lines}) == 1
    assert repr(Front.of(nothing)) == "no feasible trial has completed yet"
    assert "no feasible trial" in Front.of(nothing)._repr_html_()


def test_a_notebook_shows_a_table_in_which_nothing_is_markup(fold, Told):
    html = Front.of(
        fold(X, [Told({"x": 0.1}, {"<b>": 1.0, "c": 2.0})], {"<b>": "min", "c": "min"})
    )._repr_html_()
    assert html.startswith("<table>") and "&lt;b&gt;" in html and "<b>" not in html


def test_the_hypervolume_over_time_against_a_stated_point(state):
    found = Hypervolume.of(state, {"error": 0.5, "speed": 0.0})
    assert found.reference == {"error": 0.5, "speed": 0.0}
    assert found.trials == (0, 1, 2, 3)
    assert found.values == pytest.approx((0.4, 0.4 + 0.3 * 5, 0.4 + 1.5 + 0.1 * 3, 2.2))
    assert list(found.times) == sorted(found.times)
    assert float(found) == found.value == pytest.approx(2.2)
    assert str(found) == "hypervolume 2.2 up to error = 0.5, speed = 0"


def test_without_a_point_it_lies_a_tenth_beyond_the_front(state, nothing):
    assert Hypervolume.of(state).reference == pytest.approx({"error": 0.43, "speed": 0.2})
    assert Hypervolume.of(nothing).value == 0


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"error": 1.0}, "reference: speed is missing"),
        ({"error": 1.0, "sped": 1.0}, "reference: 'sped' is no objective; did you mean 'speed'"),
        ({"error": float("nan"), "speed": 1.0}, "reference: error=nan; give a finite number"),
        (1.0, "reference=1.0; give a dict"),
    ],
)
def test_a_wrong_point(state, reference, message):
    with pytest.raises(ArgumentError, match=message):
        Hypervolume.of(state, reference)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ({"weights": {"error": 1}}, 0),
        ({"weights": {"speed": 2.0}}, 2),
        ({"weights": {"error": 1, "speed": 1}}, 1),
        ({"weights": {"error": 9, "speed": 1}}, 0),
        ({"limits": {"speed": ">= 5"}}, 1),
        ({"limits": {"error": "<= .3"}}, 1),
        ({"limits": {"error": "< .2"}}, 0),
        ({"limits": {"speed": ">= 2", "error": "<= .45"}}, 1),
        ({"limits": {"mb": "<= 1"}, "weights": {"speed": 1}}, 2),
    ],
)
def test_the_choice(state, arguments, number):
    assert chosen(state, **arguments).number == number


def test_a_single_objective_needs_no_weights(fold, Told):
    state = fold(X, [Told({"x": 0.1}, {"a": a, "mb": 1 / a}) for a in (3.0, 1.0, 2.0)], "a")
    assert chosen(state).number == 1
    assert chosen(state, limits={"mb": "<= 0.9"}).number == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ArgumentError, "best: error, speed are all to be good; say how much each counts"),
        ({"weights": {"eror": 1}}, ArgumentError, "weights: 'eror' is no objective; did you mean 'error'"),
        ({"weights": {"error": -1}}, ArgumentError, "give numbers that are not negative"),
        ({"weights": {"error": "high"}}, ArgumentError, "weights: error='high'; give a finite number"),
        ({"limits": {"speed": "5"}}, ArgumentError, "limits: speed='5'; write a relation"),
        ({"limits": "speed >= 5"}, ArgumentError, "limits='speed >= 5'; give a dict"),
        ({"limits": {"speed": ">= 10"}}, NoTrialError, "none of 4 completed trials keeps speed >= 10; .* 9"),
        ({"limits": {"sped": ">= 1"}}, NoTrialError, "no trial has 'sped'; did you mean 'speed'"),
        (
            {"limits": {"speed": ">= 9", "error": "<= .1"}},
            NoTrialError,
            "keeps speed >= 9, error <= 0.1 together",
        ),
    ],
)
def test_no_choice(state, arguments, error, message):
    with pytest.raises(error, match=message):
        chosen(state, **arguments)


def test_nothing_to_choose_from(nothing):
    with pytest.raises(NoTrialError, match="no feasible trial has completed yet"):
        chosen(nothing, {"error": 1})


def test_the_front_is_drawn_over_two_objectives_and_over_every_pair_of_more(state, fold, Told):
    (axes,) = front_plot.figure(state).axes
    assert axes.get_xlabel() == "error (lower is better)"
    assert axes.get_ylabel() == "speed (higher is better)"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["trial", "infeasible trial", "front"]
    assert axes.collections[2].get_offsets().tolist() == [list(pair) for pair in VALUES[:3]]
    told = [Told({"x": 0.1}, {"a": i, "b": -i, "c": i % 2}) for i in range(4)]
    panels = front_plot.figure(fold(X, told, {"a": "min", "b": "min", "c": "min"})).axes
    assert [(p.get_xlabel()[0], p.get_ylabel()[0]) for p in panels] == [("a", "b"), ("a", "c"), ("b", "c")]
    with pytest.raises(NoTrialError, match="a is the only objective"):
        front_plot.figure(fold(X, told, "a"))


def test_the_hypervolume_is_drawn_with_its_point(state):
    (axes,) = hypervolume_plot.figure(state, {"error": 0.5, "speed": 0.0}).axes
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(2.2)
    assert "up to error = 0.5, speed = 0" in axes.get_title()


def test_a_study_shows_all_of_it():
    study = rung.Study(X, metric=TWO, searcher="random", storage=":memory:", seed=0)
    for _ in range(5):
        trial = study.ask()
        study.tell(trial, {"error": trial.config["x"], "speed": trial.config["x"]})
    assert len(study.front) == 5
    assert study.best(weights={"error": 1}) == study.front[0]
    assert study.best(limits={"error": "<= 1"}) == study.front[-1]
    assert (
        study.hypervolume({"error": 1.0, "speed": 0.0}).value
        == study.hypervolume({"error": 1, "speed": 0}).value
    )
    assert study.plot.hypervolume(reference={"error": 1.0, "speed": 0.0}).axes
    assert study.plot("front").axes
