"""What `Study` takes as `tune` does: rules that stop it, and earlier results."""

from __future__ import annotations

import pytest

import rung
from rung.errors import ArgumentError
from rung.study.events import SessionStarted

SPACE = {"x": rung.Float(0, 1)}


def study_of(**options):
    return rung.Study(SPACE, searcher="random", seed=0, **{"storage": ":memory:", **options})


def run(study, values):
    """Tell a value for each trial that `ask` gives; returns how many it gave."""
    for number, value in enumerate(values):
        trial = study.ask()
        if trial is None:
            return number
        study.tell(trial, value)
    return len(values)


@pytest.mark.parametrize(
    "rule", ["<= 0.2", lambda study: study.best_value <= 0.2, rung.NoImprovement(trials=2)]
)
def test_ask_gives_no_trial_once_a_rule_holds(tmp_path, rule):
    values = [0.5, 0.2, 0.3, 0.4, 0.1, 0.1]
    expected = 4 if isinstance(rule, rung.NoImprovement) else 2
    with study_of(storage=tmp_path, name="s", stop_when=rule) as study:
        assert run(study, values) == expected
        assert study.state.ended.startswith("stop_when: ")
        assert study.ask() is None
    with study_of(storage=tmp_path, name="s", stop_when=rule) as study:
        assert study.ask() is None
        assert sum(isinstance(event, SessionStarted) for event in study.events()) == 1
    with study_of(storage=tmp_path, name="s") as study:
        assert study.ask() is not None


def test_what_runs_when_a_rule_holds_is_given_again_by_a_study_without_it():
    study = study_of(stop_when="<= 0.2")
    first, second = study.ask(), study.ask()
    study.tell(first, 0.1)
    study.tell(second, 0.5)
    assert study.ask() is None
    assert [trial.value for trial in study.trials] == [0.1, 0.5]


def test_a_study_begins_with_earlier_results(tmp_path):
    narrow = study_of(storage=tmp_path, name="narrow")
    run(narrow, [0.5, 0.4])
    narrow.close()
    options = {"storage": tmp_path, "name": "wide", "add": [({"x": 0.5}, 0.3)], "continue_from": "narrow"}
    for _ in range(2):  # the same lines again add nothing
        wide = study_of(**options)
        assert [(trial.origin, trial.value) for trial in wide.trials] == [
            ("imported", 0.5), ("imported", 0.4), ("imported", 0.3),
        ]  # fmt: skip
    assert rung.StudyView.load("wide", storage=tmp_path).state.ended  # free for others
    assert wide.ask().number == 3


def test_a_wrong_result_is_an_error_before_the_study_exists(tmp_path):
    with pytest.raises(ArgumentError, match=r"add\[0\]: metric 'value' is None"):
        study_of(storage=tmp_path, add=[({"x": 0.5}, None)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (rung.simulate, "add"),
        (rung.simulate, "continue_from"),
        (rung.dry_run, "stop_when"),
        (rung.Study, "callbacks"),
    ],
)
def test_what_belongs_to_tune_alone_is_said(function, word):
    with pytest.raises(TypeError, match=rf"keyword argument '{word}'; it is an argument of rung.tune"):
        function(SPACE, SPACE, **{word: 1}) if function is not rung.Study else function(SPACE, **{word: 1})
