"""dry_run: real pilots, then virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from check import objectives

import rung
from rung._dry_run import DryRun, dry_run

SPACE = {"x": rung.Float(0, 1)}


@pytest.fixture(scope="module")
def found() -> DryRun:
    return dry_run(objectives.slow, SPACE, n_trials=50, n_workers=4, scheduler="asha", max_resource=9,
                   seed=1, pilots=2)  # fmt: skip


def test_counts_agree_with_each_other(found: DryRun) -> None:
    assert (found.pilots, found.failed_pilots, found.started) == (2, 0, 50)
    assert found.completed + found.stopped == 50
    assert sum(found.trials_per_level.values()) == 50
    assert set(found.trials_per_level) == {1, 3, 9}
    assert found.trials_per_level[9] == found.completed
    assert found.epochs == sum(level * n for level, n in found.trials_per_level.items())
    assert found.epochs < found.full_epochs == 450
    assert found.ended in {"done", "exhausted"}


def test_seconds_are_those_of_the_pilots(found: DryRun) -> None:
    assert 0.02 <= found.epoch_seconds < 0.5
    assert 0.04 <= found.first_epoch_seconds < 1.0
    assert 0.5 < found.busy <= 1.0
    worked = found.seconds * 4 * found.busy
    assert 0.3 * found.epochs * found.epoch_seconds < worked
    assert worked < 1.7 * found.epochs * max(found.epoch_seconds, found.first_epoch_seconds)


def test_checkpoints_of_paused_trials_are_counted(found: DryRun) -> None:
    assert found.checkpoint_bytes == pytest.approx(5000, abs=200)
    assert 30 * 5000 < found.peak_bytes < 60 * 5000


def test_its_text_is_for_people(found: DryRun) -> None:
    text = str(found)
    assert "50: " in text
    assert "of the 450 of all trials in full" in text
    assert "checkpoints of 5 kB, at most " in text
    assert all(len(line) < 110 for line in text.splitlines())


def test_time_ends_it_and_cuts_off_what_runs() -> None:
    found = dry_run(objectives.slow, SPACE, timeout="2s", n_workers=5, max_resource=4, seed=1, pilots=2)
    assert (found.ended, found.seconds) == ("timeout", pytest.approx(2.0, abs=0.6))
    assert found.cut_off == found.started - found.completed > 0
    assert found.peak_bytes <= (5 + 1 + 5) * found.checkpoint_bytes


def test_keep_all_keeps_all() -> None:
    kept = dry_run(objectives.slow, SPACE, n_trials=20, max_resource=2, pilots=1, keep_checkpoints="all")
    assert kept.peak_bytes == 21 * kept.checkpoint_bytes


def test_without_reports_nothing_is_stopped_early() -> None:
    found = dry_run(objectives.returns, SPACE, n_trials=10, scheduler="asha", max_resource=9)
    assert (found.reporting, found.completed, found.epochs) == (False, 10, 10)
    assert "so fifo was simulated" in str(found)


def test_a_pilot_that_fails_is_told_and_left_out() -> None:
    found = dry_run(objectives.fails_at_times, SPACE, n_trials=5, constraints={"size": "<= 4"})
    assert (found.pilots, found.failed_pilots, found.completed) == (2, 1, 5)
    assert "2 completed, 1 failed, in " in str(found)


def test_if_all_pilots_fail_the_error_is_theirs() -> None:
    with pytest.raises(rung.errors.TooManyFailures, match="no luck at all"):
        dry_run(objectives.raises, SPACE, n_trials=5, max_resource=4, pilots=2)
    with pytest.raises(rung.errors.MetricError, match="no 'value'"):
        dry_run(objectives.no_metric, SPACE, n_trials=5, pilots=1)
    with pytest.raises(rung.errors.MetricError, match="no 'size'"):
        dry_run(objectives.returns, SPACE, n_trials=5, pilots=1, constraints={"size": "<= 4"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "no budget"),
        ({"n_trials": 5, "scheduler": "asha"}, "needs max_resource"),
        ({"n_trials": 5, "scheduler": "luck"}, "luck"),
        ({"n_trials": 5, "pilots": 0}, "pilots=0"),
        ({"n_trials": 5, "n_workers": 0}, "n_workers=0"),
        ({"n_trials": 5, "failures": 2.0}, "failures=2.0"),
        ({"n_trials": 5, "stragglers": -1.0}, "stragglers=-1.0"),
        ({"n_trials": 5, "keep_checkpoints": "some"}, "keep_checkpoints='some'"),
    ],
)
def test_wrong_arguments_raise_before_any_pilot(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(rung.Error, match=said):
        dry_run(objectives.hangs, SPACE, **wrong)


def test_more_than_can_be_simulated_is_refused() -> None:
    with pytest.raises(rung.Error, match=r"more than 1,000,000 epochs to simulate; give n_trials="):
        dry_run(objectives.returns, SPACE, timeout="30d", pilots=1)


@pytest.mark.slow
def test_the_forecast_comes_true() -> None:
    options: dict[str, Any] = {
        "n_trials": 30,
        "n_workers": 2,
        "max_resource": 9,
        "scheduler": "asha",
        "seed": 3,
    }
    found = dry_run(objectives.slow, SPACE, **options)
    study = rung.tune(objectives.slow, SPACE, **options, storage=":memory:", progress=False)
    epochs = sum(trial.resource for trial in study.trials)
    assert found.started == len(study.trials)
    assert found.epochs == pytest.approx(epochs, rel=0.35)
    assert found.seconds == pytest.approx(study.state.t, rel=0.5)
