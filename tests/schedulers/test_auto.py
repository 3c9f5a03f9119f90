"""auto: fifo, asha promotion or asha stopping, by what the objective does."""

from __future__ import annotations

import pytest

import rung
from rung.errors import Error
from rung.schedulers.auto import Auto
from rung.storage import MemoryStorage

SPACE = {"x": rung.Float(0, 1)}


def tune(objective, **options):
    options = {
        "n_trials": 12,
        "storage": ":memory:",
        "progress": False,
        "seed": 0,
        "scheduler": "auto",
        "searcher": "random",
        **options,
    }
    return rung.tune(objective, SPACE, **options)


def silent(config):
    return config["x"]


def reporting(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, value=config["x"])


def saving(config, trial):
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "state").write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"])


@pytest.mark.parametrize(
    ("objective", "max_resource", "statuses", "why"),
    [
        (silent, None, {"completed"}, "fifo, since no max_resource was given"),
        (silent, 9, {"completed"}, "fifo, since no trial has reported yet"),
        (
            reporting,
            9,
            {"completed", "stopped"},
            r"asha (stopping), since trials report but save no checkpoint",
        ),
        (saving, 9, {"completed", "stopped"}, r"asha (promotion), since trials save checkpoints"),
    ],
)
@pytest.mark.parametrize("n_workers", [1, 2])
def test_chooses_by_what_the_objective_does(objective, max_resource, statuses, why, n_workers):
    study = tune(objective, max_resource=max_resource, n_workers=n_workers)
    assert {t.status for t in study.trials} == statuses
    assert why in study.explain()
    if objective is saving:
        assert max(len(t.attempts) for t in study.trials) > 1


def test_a_loaded_study_explains_itself():
    storage = MemoryStorage()
    tune(saving, max_resource=9, storage=storage, name="s")
    told = rung.Study.load("s", storage=storage).explain()
    assert told.splitlines() == [
        "searcher: random",
        "scheduler: asha (promotion), since trials save checkpoints: a paused one can go on where it stopped",
    ]
    tune(silent, scheduler="fifo", storage=storage, name="t", searcher="sobol")
    assert rung.Study.load("t", storage=storage).explain() == "searcher: sobol\nscheduler: fifo"


def test_arguments_are_checked():
    with pytest.raises(Error, match="eta=1"):
        tune(silent, scheduler=Auto(eta=1), max_resource=9)
    assert tune(silent, scheduler=Auto(eta=1)).trials  # no rungs, no harm


def again_and_again(config, trial):
    for epoch in range(1, 10):
        trial.report(epoch=epoch, value=config["x"])


@pytest.mark.parametrize("n_workers", [1])
def test_a_trial_that_begins_again_is_told_once_in_a_study(caplog, n_workers):
    storage = MemoryStorage()
    options = {
        "scheduler": "asha",
        "max_resource": 9,
        "storage": storage,
        "name": "s",
        "n_workers": n_workers,
    }
    for n_trials in (9, 18):
        tune(again_and_again, n_trials=n_trials, **options)
    (said,) = [m for m in caplog.messages if "starts again" in m]
    assert "starts again from epoch 1: it saved no checkpoint; to go on where it stopped, save one" in said
    assert 'use scheduler="auto"' in said


@pytest.mark.parametrize(
    ("objective", "scheduler"), [(saving, "asha"), (reporting, "auto"), (reporting, "fifo")]
)
def test_who_goes_on_or_never_pauses_is_told_nothing(caplog, objective, scheduler):
    tune(objective, scheduler=scheduler, max_resource=9)
    assert not caplog.messages


def test_auto_chooses_the_stopping_form_again_when_it_goes_on():
    """The choice is a function of the log: a resumed study decides as an unbroken one."""
    whole = tune(reporting, max_resource=9, n_trials=18, name="whole")
    storage = MemoryStorage()
    for n_trials in (7, 18):
        broken = tune(reporting, max_resource=9, n_trials=n_trials, storage=storage, name="broken")
    assert broken.state.digest() == whole.state.digest()
    assert max(len(t.attempts) for t in broken.trials) == 1
