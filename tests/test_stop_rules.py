"""`stop_when`: what stops a study before its budget is used up."""

from __future__ import annotations

import itertools
import logging

import pytest
from cli.commands import rung_here

import rung
from rung.errors import ArgumentError
from rung.settings import Settings
from rung.space import Space

SPACE = Space({"x": rung.Float(0, 1)})


def falling(*values):
    """An objective that gives these values, trial by trial, and then 1."""

    def objective(_config, trial):
        return dict(enumerate(values)).get(trial.number, 1.0)

    return objective


def tune(objective, **arguments):
    given = {"n_trials": 50, "searcher": "random", "storage": ":memory:", "progress": False, **arguments}
    return rung.tune(objective, SPACE, **given)


# ---- targets


@pytest.mark.parametrize("rule", [rung.Target(0.2), "<= 0.2", " <=0.2", ["<= 0.2"], ("< 0.1", "< 0.25")])
def test_a_target_that_is_reached_stops_the_study(rule):
    study = tune(falling(0.9, 0.5, 0.2, 0.1), stop_when=rule)
    assert [trial.value for trial in study.trials] == [0.9, 0.5, 0.2]
    assert study.state.ended.startswith("stop_when: target ")
    assert "value = 0.2" in study.state.ended


def test_a_target_counts_in_the_direction_of_the_metric():
    study = tune(falling(0.9, 0.95, 0.97), stop_when=rung.Target(0.94), mode="max")
    assert len(study.trials) == 2
    assert len(tune(falling(0.9, 0.95, 0.97), stop_when=">= 0.96", mode="max").trials) == 3


def test_a_target_is_reached_by_trials_that_keep_the_constraints():
    def objective(_config, trial):
        return {"error": 0.1, "model_mb": 30 - 10 * trial.number}

    study = tune(objective, metric="error", constraints={"model_mb": "<= 10"}, stop_when="<= 0.1")
    assert len(study.trials) == 3


# ---- no improvement


def test_no_improvement_in_some_trials():
    study = tune(falling(0.9, 0.5), stop_when=rung.NoImprovement(trials=4))
    assert len(study.trials) == 6
    assert study.state.ended == "stop_when: no improvement in 4 trials"
    assert len(tune(falling(0.9, 0.5), stop_when="no improvement in 4 trials").trials) == 6


def test_trials_that_fail_or_are_stopped_count_too():
    def objective(_config, trial):
        if trial.number:
            raise ValueError("too large")
        return 0.5

    assert len(tune(objective, stop_when=rung.NoImprovement(trials=4)).trials) == 5


def test_nothing_has_improved_before_a_trial_has_completed():
    def objective(_config, trial):
        if trial.number < 6:
            raise ValueError("too large")
        return 0.5

    assert len(tune(objective, stop_when=rung.NoImprovement(trials=3), n_trials=8).trials) == 8


def simulate(**arguments):
    return rung.simulate(
        SPACE, lambda config, epoch: ({"value": config["x"]}, 600.0), max_resource=3, scheduler="fifo", seed=1,
        **arguments,
    )  # fmt: skip


def test_hours_are_those_of_the_executors_clock():
    study = simulate(stop_when=rung.NoImprovement(hours=2), n_workers=4)
    best = study.best_trial
    assert study.state.ended == "stop_when: no improvement in 2h"
    assert study.state.t == pytest.approx(best.ended + 7200 + 5.0, abs=6.0)  # running trials have 5 s
    assert simulate(stop_when="no improvement in 2h", n_workers=4).state.digest() == study.state.digest()


def test_time_is_up_while_one_long_trial_runs():
    def curve(config, epoch):
        return {"value": config["x"]}, 60.0 if config["x"] > 0.5 else 1e6

    study = rung.simulate(SPACE, curve, max_resource=1, n_trials=40, scheduler="fifo", seed=1,
                          stop_when="no improvement in 30min")  # fmt: skip
    assert study.state.t < 1e5
    assert study.trials[-1].status == "interrupted"


# ---- functions of the study


def test_a_function_sees_a_trial_that_ended_before_another_starts():
    seen = []

    def enough(study):
        seen.append(([trial.status for trial in study.trials], len(list(study.events()))))
        return len(study.trials) == 3

    study = tune(falling(0.9), stop_when=enough)
    assert [statuses for statuses, _ in seen] == [["completed"] * n for n in (1, 2, 3)]
    assert all(a < b for (_, a), (_, b) in itertools.pairwise(seen))  # stored by then
    assert len(study.trials) == 3
    assert "enough said so" in study.state.ended


def test_a_function_may_ask_for_the_best_value_before_there_is_one():
    def objective(_config, trial):
        if trial.number < 2:
            raise ValueError("too large")
        return 0.5

    assert len(tune(objective, stop_when=lambda study: study.best_value < 1).trials) == 3


def test_a_function_that_raises_stops_the_study_which_goes_on_once_it_is_fixed(tmp_path):
    arguments = {"storage": str(tmp_path), "name": "s", "n_trials": 5}

    def misspelt(study):
        return study.best_valeu < 0.5

    with pytest.raises(ArgumentError, match=r"stop_when: .*misspelt raised AttributeError: .*best_valeu"):
        tune(falling(0.9), stop_when=misspelt, **arguments)
    study = tune(falling(0.9), stop_when=lambda study: False, **arguments)
    assert [trial.status for trial in study.trials] == ["completed"] * 5


def test_the_first_of_several_rules_that_holds_stops_the_study():
    rules = ["<= 0.01", rung.NoImprovement(trials=30), lambda study: len(study.trials) >= 4]
    assert len(tune(falling(0.9), stop_when=rules).trials) == 4


def test_running_trials_end_as_at_a_timeout_and_go_on_later(tmp_path):
    def objective(config, trial):
        if trial.number == 0 or (tmp_path / "quick").exists():
            return 0.1
        for epoch in trial.epochs():
            trial.report(epoch=epoch, value=0.5)
        return None

    arguments = {"storage": str(tmp_path), "name": "s", "max_resource": 10**6, "n_trials": 2, "n_workers": 2}
    study = tune(objective, stop_when="<= 0.1", **arguments)
    assert [trial.status for trial in study.trials] == ["completed", "interrupted"]
    (tmp_path / "quick").touch()
    study = tune(objective, **arguments)
    assert [trial.status for trial in study.trials] == ["completed"] * 2


# ---- going on


def test_the_same_call_again_says_why_and_runs_nothing(tmp_path, caplog):
    arguments = {"storage": str(tmp_path), "name": "s"}
    tune(falling(0.9, 0.1), stop_when="<= 0.2", **arguments)
    for rule in ("<= 0.2", "<= 0.3", lambda study: True):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "rung"):
            study = tune(falling(0.9, 0.1), stop_when=rule, **arguments)
        assert len(study.trials) == 2
        assert len(study.state.sessions) == 1
        assert "nothing was run; to go on, give another one, or none" in caplog.text
    assert len(tune(falling(0.9, 0.1), n_trials=4, **arguments).trials) == 4
    assert len(tune(falling(0.9, 0.1), n_trials=9, stop_when="<= 0.05", **arguments).trials) == 9


def test_on_the_command_line(tmp_path, caplog):
    (tmp_path / "job.py").write_text(
        "import rung\nspace = {'x': rung.Float(0, 1)}\nmode = 'max'\nsearcher = 'random'\n"
        "def objective(config, trial):\n    return trial.number\n"
    )
    run = ("run", "job.py", "--quiet", "--n-trials", "20", "--stop-when")
    assert "write '>= 3'" in rung_here(*run, "<= 3", cwd=tmp_path).stderr
    assert "no improvement in 20 trials" in rung_here(*run, "soon", cwd=tmp_path).stderr
    done = rung_here(*run, ">= 3", "--stop-when", "no improvement in 9 trials", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "target >= 3 reached" in rung_here("status", "job", cwd=tmp_path).stdout
    assert rung_here("resume", "job", cwd=tmp_path).returncode == 0
    assert "nothing was run" in caplog.text
    done = rung_here("resume", "job", "--stop-when", "never", "--n-trials", "6", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(rung.StudyView.load("job", storage=str(tmp_path / "rung_studies")).trials) == 6


# ---- arguments


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("soon", 'write "<= 0.05"'), (7, "rung.Target"), ([None], "rung.NoImprovement"),
        (rung.NoImprovement, "call it"), ("no improvement in 0 trials", "no improvement in 20 trials"),
        ("no improvement in -2h", "no improvement in 2"), ("<= nan", "<= 0.05"), (">= 0.9", "write '<= 0.9'"),
        (itertools.repeat("<= 1"), "more than 100"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_an_argument_error(rule, said):
    with pytest.raises(ArgumentError) as error:
        Settings.of(stop_when=rule)
    assert "stop_when" in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rung.Target("x"), lambda: rung.Target(float("nan")), rung.NoImprovement,
        lambda: rung.NoImprovement(trials=0), lambda: rung.NoImprovement(hours=-1),
        lambda: rung.NoImprovement(hours="2h"),
    ],
)  # fmt: skip
def test_a_rule_checks_its_arguments(make):
    with pytest.raises(ArgumentError):
        make()


def test_several_metrics_have_no_target():
    with pytest.raises(ArgumentError, match="several metrics"):
        Settings.of(metric={"a": "min", "b": "max"}, stop_when=rung.Target(0.1))
    Settings.of(metric={"a": "min", "b": "max"}, stop_when=lambda study: len(study.front) > 3)


def test_a_rule_is_a_budget():
    Settings.of(stop_when=rung.NoImprovement(trials=20)).check_budget(SPACE)
    with pytest.raises(ArgumentError, match="no budget"):
        Settings.of(stop_when="never").check_budget(SPACE)


def test_the_log_keeps_the_rules_as_text():
    rules = [rung.Target(0.5), "< 0.25", rung.NoImprovement(trials=3, hours=1.5), len]
    assert Settings.of(stop_when=rules).to_json()["stop_when"] == [
        "target 0.5", "< 0.25", "no improvement in 3 trials or 1.5h", "len",
    ]  # fmt: skip
