"""`callbacks`: they get what is stored, and whatever they do costs the study nothing."""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import time

import pytest

import rung
from rung.errors import ArgumentError
from rung.space import Space
from rung.testing import check_log
from rung.views import callbacks as told

SPACE = Space({"x": rung.Float(0, 1)})


def objective(config, trial):
    if trial.number == 1:
        raise ValueError("too large")
    for epoch in trial.epochs():
        trial.report(epoch=epoch, value=1 / (1 + trial.number), test=0.5)


def tune(function=objective, **arguments):
    given = {"n_trials": 3, "max_resource": 2, "searcher": "random", "storage": ":memory:", "progress": False,
             "report_only": ["test"], **arguments}  # fmt: skip
    return rung.tune(function, SPACE, **given)


def test_a_callback_gets_each_fact_in_order_as_plain_values():
    seen = []
    study = tune(callbacks=[seen.append])
    facts = [(u.kind, u.trial, u.resource, u.value, u.status) for u in seen]
    assert facts == [
        ("started", 0, 0, None, "running"), ("reported", 0, 1, 1.0, "running"),
        ("reported", 0, 2, 1.0, "running"), ("ended", 0, 2, 1.0, "completed"),
        ("started", 1, 0, None, "running"), ("ended", 1, 0, None, "failed"),
        ("started", 2, 0, None, "running"), ("reported", 2, 1, 1 / 3, "running"),
        ("reported", 2, 2, 1 / 3, "running"), ("ended", 2, 2, 1 / 3, "completed"),
        ("study ended", None, 0, None, ""),
    ]  # fmt: skip
    assert [(u.best_trial, u.best_value) for u in seen if u.kind == "ended"] == [
        (0, 1.0),
        (0, 1.0),
        (2, 1 / 3),
    ]
    assert seen[5].reason == "ValueError: too large"
    assert seen[-1].reason == "done"
    assert all("test" not in update.metrics for update in seen)
    assert seen[3].metrics["train_seconds"] >= 0
    assert seen[0].config == study.trials[0].config
    assert json.loads(json.dumps([dataclasses.asdict(update) for update in seen]))
    seen[0].config["x"] = 7  # a copy
    assert study.trials[0].config["x"] != 7


def test_a_trial_that_pauses_has_not_ended():
    seen = []
    tune(lambda config, trial: [trial.report(value=config["x"], test=1) for _ in trial.epochs()] and None,
         callbacks=[seen.append], scheduler=rung.schedulers.ASHA(min_resource=1, eta=2), max_resource=4,
         n_trials=6)  # fmt: skip
    assert {u.status for u in seen if u.kind == "halted"} == {"paused"}
    assert {u.status for u in seen if u.kind == "ended"} == {"stopped", "completed"}
    assert sorted(u.trial for u in seen if u.kind == "ended") == list(range(6))


def test_only_what_is_stored_is_told(tmp_path):
    wrong = []

    def look(update):
        if update.kind == "ended":
            stored = {event.id for event in rung.StudyView.load("s", storage=str(tmp_path)).events()}
            if f"t{update.trial}/a{update.attempt}/end" not in stored:
                wrong.append(update)

    tune(callbacks=[look], storage=str(tmp_path), name="s")
    assert not wrong


def test_after_a_resume_only_new_facts_are_told(tmp_path):
    seen = []
    tune(storage=str(tmp_path), name="s")
    tune(storage=str(tmp_path), name="s", n_trials=5, callbacks=[seen.append])
    assert {update.trial for update in seen} == {3, 4, None}


def test_callbacks_run_in_a_thread_of_their_own():
    threads = set()
    tune(callbacks=[lambda update: threads.add(threading.current_thread())])
    assert len(threads) == 1
    assert threads != {threading.main_thread()}


def test_one_that_raises_is_warned_about_once_and_the_others_go_on(caplog):
    seen = []

    def broken(update):
        raise SystemExit("no network")

    with caplog.at_level(logging.WARNING, "rung"):
        study = tune(callbacks=[broken, seen.append])
    assert [trial.status for trial in study.trials] == ["completed", "failed", "completed"]
    assert len(seen) == 11
    assert caplog.text.count("broken raised; that is said once") == 1
    assert "no network" in caplog.text


def test_one_that_never_returns_costs_a_few_seconds_at_the_end(caplog, monkeypatch):
    monkeypatch.setattr(told, "_PATIENCE", 0.2)
    for_ever, seen = threading.Event(), []

    def hung(update):
        seen.append(update)
        for_ever.wait()

    with caplog.at_level(logging.WARNING, "rung"):
        study = tune(callbacks=[hung])
    assert len(study.trials) == 3
    assert "hung has not returned within 0.2 s of the study's end" in caplog.text
    assert "all updates of study" in caplog.text
    assert "but 10" in caplog.text
    for_ever.set()  # what is left of the queue is not told any more
    time.sleep(0.05)
    assert len(seen) == 1


def test_one_that_lags_loses_updates_and_never_holds_the_study_up(caplog, monkeypatch):
    monkeypatch.setattr(told, "_QUEUE", 4)
    monkeypatch.setattr(told, "_PATIENCE", 5.0)
    free, seen = threading.Event(), []

    def slow(update):
        free.wait()
        seen.append(update)

    def last(config, trial):
        if trial.number == 19:
            free.set()
        return config["x"]

    with caplog.at_level(logging.WARNING, "rung"):
        study = tune(last, callbacks=[slow], n_trials=20, report_only=())
    assert len(study.trials) == 20
    assert caplog.text.count("slow lags behind") == 1
    assert f"but {41 - len(seen)}" in caplog.text
    assert len(seen) < 41


def test_one_that_looks_at_the_study_and_calls_what_it_must_not_harms_nothing(tmp_path, caplog):
    def meddling(update):
        view = rung.StudyView.load("s", storage=str(tmp_path))
        assert view.refresh() >= 0
        if (update.kind, update.trial) == ("ended", 0):
            try:
                view.final_report()  # which would write
            finally:
                done.set()

    done = threading.Event()

    def waits(config, trial):
        if trial.number == 2:
            done.wait()
        return objective(config, trial)

    with caplog.at_level(logging.WARNING, "rung"):
        study = tune(waits, callbacks=[meddling], storage=str(tmp_path), name="s")
    assert [trial.status for trial in study.trials] == ["completed", "failed", "completed"]
    assert caplog.text.count("meddling raised") == 1
    assert "StudyInUse" in caplog.text
    check_log(list(study.events()))


def test_an_interrupted_study_says_so_to_its_callbacks():
    seen = []

    def interrupted(config, trial):
        raise rung.errors.StorageError("stop")

    with pytest.raises(rung.errors.TrialError):
        tune(interrupted, callbacks=[seen.append], on_error="raise")
    assert [update.kind for update in seen] == ["started", "halted", "study ended"]


@pytest.mark.parametrize(
    ("given", "said"),
    [(print, "give a list"), ([3], "3; give functions"), ([dict], "objects that can be called")],
)
def test_a_wrong_callback_is_an_argument_error(given, said):
    with pytest.raises(ArgumentError, match=said):
        tune(callbacks=given)
