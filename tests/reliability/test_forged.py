"""An objective that forges rung's protocol, or patches what its worker calls, costs its own attempt and nothing else."""

from __future__ import annotations

import pytest
from reliability.forging import (
    FORGED,
    ends_its_own_way,
    forge,
    forge_an_end_and_go_on,
    forge_many_reports,
    patch_os,
)
from reliability.hostile import report_more_and_more

import rung
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log


def forged(names, storage):
    """A study of which each trial but the first one and the last one forges a frame, and what became of it."""
    space = {"what": rung.Categorical(["fine", *names, "fine, too"]), "x": rung.Float(0, 1)}
    rung.tune(
        forge, space, n_trials=len(names) + 2, n_workers=2, retries=0, max_failures=10**6, trial_timeout=60,
        initial_configs=[{"what": what, "x": 0.5} for what in ("fine", *names, "fine, too")], name="forged",
        storage=str(storage), searcher="random", durability="process", progress=False,
    )  # fmt: skip
    state = check_log(list(SqliteStorage(storage).read("forged")), capacity=2)
    assert state.ended == "done"
    return state.trials


def check_forged(trials):
    assert [t.status for t in trials] == ["completed", *["failed"] * (len(trials) - 2), "completed"]
    wrong = {t.config["what"]: t.reason for t in trials[1:-1] if "worker died: killed by SIG" not in t.reason}
    assert not wrong
    assert not any(t.reports for t in trials)


def test_what_only_the_worker_may_say_ends_it(tmp_path):
    check_forged(
        forged(["an unknown key", "a reason in a list", "broken after all", "hello again"], tmp_path)
    )


@pytest.mark.slow
def test_whatever_else_is_forged_ends_the_worker_too(tmp_path):
    check_forged(forged(list(FORGED), tmp_path))


def tuned(objective, tmp_path, **arguments):
    rung.tune(objective, {"x": rung.Float(0, 1)}, n_trials=4, name="s", storage=str(tmp_path), searcher="random",
              seed=0, durability="process", progress=False, **arguments)  # fmt: skip
    state = check_log(list(SqliteStorage(tmp_path).read("s")), capacity=arguments["n_workers"])
    assert state.ended == "done"
    return state.trials


def test_a_trial_that_forges_its_end_is_not_taken_for_the_next_one(tmp_path):
    trials = tuned(forge_an_end_and_go_on, tmp_path, n_workers=1, trial_timeout=60)
    assert [t.status for t in trials] == ["completed"] * 4
    assert [t.value for t in trials] == [t.config["x"] if t.number != 1 else 0.25 for t in trials]
    assert [len(t.attempts) for t in trials] == [1, 1, 2, 1]  # the third one's worker ended: it ran again


def test_reports_that_are_not_waited_for_are_forged(tmp_path):
    trials = tuned(forge_many_reports, tmp_path, n_workers=1, trial_timeout=60, retries=0)
    assert [t.status for t in trials] == ["completed", "failed", "completed", "completed"]
    assert len(trials[1].reports) <= 1


def test_functions_of_os_that_a_trial_patched_are_not_those_of_its_worker(tmp_path):
    trials = tuned(patch_os, tmp_path, n_workers=1, trial_timeout=10)
    assert [len(t.attempts) for t in trials] == [1] * 4
    assert [t.status for t in trials] == ["completed"] * 4


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_ending_of_its_own_kind_is_a_failure(tmp_path, n_workers):
    trials = tuned(ends_its_own_way, tmp_path, n_workers=n_workers)
    assert [t.status for t in trials] == ["completed", "failed", "completed", "completed"]
    assert (trials[1].reason, trials[1].traceback) == ("x" * 500, "b'bytes'")


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_trial_that_reports_too_much_fails_and_the_study_goes_on(tmp_path, n_workers):
    """It may catch the error, and report less; what is within the bound is stored."""
    trials = tuned(report_more_and_more, tmp_path, n_workers=n_workers)
    assert [t.status for t in trials] == ["completed", "completed", "failed", "completed"]
    assert "6001 metrics" in trials[2].reason
    assert "MetricError" in trials[2].traceback
    assert [len(t.reports) for t in trials] == [1, 1, 0, 1]
    assert len(trials[3].metrics) > 4000
