"""What a newcomer does in the first hour: edit, run again, mistype, look."""

from __future__ import annotations

import logging
import time
from unittest import mock

import pytest

import rung
import rung.searchers
from rung._tune import _how_to_go_on
from rung.errors import ArgumentError, MetricError, ObjectiveError, SpaceError, StudyMismatch, StudyNotFound
from rung.storage import MemoryStorage

SPACE = {"x": rung.Float(0, 1)}


def tune(objective, **options):
    options = {"n_trials": 4, "storage": ":memory:", "progress": False, "seed": 0} | options
    return rung.tune(objective, SPACE, **options)


def test_the_last_study_stays_the_last_after_a_look(tmp_path):
    for name in ("first", "second", "third"):
        tune(lambda c: c["x"], storage=str(tmp_path), name=name)
        time.sleep(0.02)
    for _ in range(3):
        assert rung.Study.load(storage=str(tmp_path)).name == "third"
        rung.Study.load("first", storage=str(tmp_path))
        time.sleep(0.02)


def test_running_a_complete_study_says_that_nothing_was_run(caplog):
    storage = MemoryStorage()
    tune(lambda c: c["x"], storage=storage, name="s")
    with caplog.at_level(logging.INFO, "rung"):
        tune(lambda c: c["x"], storage=storage, name="s", progress=None)
    assert "study 's' is complete with 4 trials, nothing was run" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING  # seen without any setting


def test_another_objective_is_noticed(caplog):
    storage = MemoryStorage()
    tune(lambda c: c["x"], storage=storage, name="s")
    tune(lambda c: c["x"], storage=storage, name="s", n_trials=5)
    assert not caplog.text
    tune(lambda c: c["x"] + 1, storage=storage, name="s", n_trials=6)
    assert "the objective's code has changed since trials of study 's' were run" in caplog.text
    caplog.clear()
    tune(lambda c: c["x"] + 1, storage=storage, name="s", n_trials=7, searcher="sobol")
    assert "its searcher was {'name': 'auto'} and is now {'name': 'sobol', 'share': 1.0}" in caplog.text


def test_other_epochs_are_refused():
    storage = MemoryStorage()
    tune(lambda c: c["x"], storage=storage, name="s", max_resource=8)
    with pytest.raises(StudyMismatch, match="its max_resource is 8, not 80"):
        tune(lambda c: c["x"], storage=storage, name="s", max_resource=80)


def test_mismatch_names_the_folder_and_hides_no_cause(tmp_path):
    tune(lambda c: c["x"], storage=str(tmp_path), name="s")
    message = r"its goals are value \(min\), not value \(max\).*delete it by `rung delete s`; it is in /"
    with pytest.raises(StudyMismatch, match=message) as caught:
        tune(lambda c: c["x"], storage=str(tmp_path), name="s", mode="max")
    assert caught.value.__context__ is None


def test_a_typo_in_report_only_is_told_at_the_first_trial():
    def objective(config):
        return {"value": config["x"], "test_error": 0.5}

    message = "report_only names 'test_eror', which the objective did not give; it gave: test_error"
    with pytest.raises(MetricError, match=message):
        tune(objective, report_only=["test_eror"])
    assert len(tune(objective, report_only=["test_error"]).trials) == 4


def test_what_is_only_reported_may_come_with_a_report():
    def objective(config, trial):
        trial.report(value=config["x"], test_error=0.5)

    assert tune(objective, report_only=["test_error"]).final_report().reported == {"test_error": 0.5}


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_mistake_in_the_code_stops_at_the_first_trial_and_burns_no_budget(n_workers):
    storage = MemoryStorage()

    def mistaken(config):
        import numppy  # noqa: F401

    message = r"code seems to be wrong.*ModuleNotFoundError: No module named 'numppy'(.|\n)*line"
    with pytest.raises(ObjectiveError, match=message):
        tune(mistaken, storage=storage, name="s", n_workers=n_workers)
    study = tune(lambda c: c["x"], storage=storage, name="s")
    assert [t.status for t in study.trials] == ["completed"] * 4


def test_the_same_later_is_a_failure_like_others():
    def objective(config, trial):
        return config["x"] if trial.number != 2 else config.y

    study = tune(objective)
    assert [t.status for t in study.trials].count("failed") == 1
    assert "config.y" in study.trials[2].traceback


def test_no_success_at_all_is_told(caplog):
    def objective(config):
        raise ValueError("out of paper")

    tune(objective)
    assert "no trial has succeeded; the first, trial 0: ValueError: out of paper\nTraceback" in caplog.text


def test_epochs_from_zero_say_so():
    def objective(config, trial):
        for epoch in range(3):
            trial.report(epoch=epoch, value=1.0)

    with pytest.raises(MetricError, match="trial 0: epoch=0; epochs are whole numbers that count from 1"):
        tune(objective)


def test_how_to_continue_without_a_name():
    study = rung.Study(SPACE, storage=(storage := MemoryStorage()))
    study.ask()
    study.close()
    assert study.state.plan["command"] == ""
    storage.folder = lambda name: "somewhere"
    assert _how_to_go_on(study).endswith(f"continue with: name={study.name!r}")


def test_small_mistakes_have_good_messages(tmp_path):
    message = f"there is no study yet in {tmp_path}; name another storage=, or set RUNG_STORAGE"
    with pytest.raises(StudyNotFound, match=message):
        rung.Study.load(storage=str(tmp_path))
    with pytest.raises(ArgumentError, match=r"metric=\['a', 'b'\]; give a name, or a dict"):
        tune(lambda c: 1.0, metric=["a", "b"])
    with pytest.raises(ArgumentError, match="mode='maximize' for metric 'value'"):
        tune(lambda c: 1.0, mode="maximize")
    with pytest.raises(SpaceError, match="put parentheses"):
        rung.param("a") == 1 & rung.param("b") == 1  # noqa: B015
    with pytest.raises(SpaceError, match="put parentheses"):
        rung.param("a") == 1 | rung.param("b") == 1  # noqa: B015


def test_a_trial_shows_what_it_is():
    trial = rung.Study(SPACE, storage=":memory:").ask({"x": 0.5})
    assert repr(trial) == "<rung.RunningTrial 0, attempt 1: {'x': 0.5}>"


def test_an_argument_that_is_new_in_this_version_is_no_change(caplog):
    """Sobol had no `share` when this session was logged."""
    storage = MemoryStorage()
    with mock.patch.object(rung.searchers.Sobol, "to_json", return_value={"name": "sobol"}):
        tune(abs_x, storage=storage, name="s", searcher="sobol")
    tune(abs_x, storage=storage, name="s", searcher="sobol", n_trials=5)
    assert not caplog.text


def abs_x(config):
    return abs(config["x"])
