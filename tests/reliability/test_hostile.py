"""Whatever an objective does, it is recorded as what it is, and the study comes to its end."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from reliability.hostile import (
    ALL,
    COMPLETES,
    LOSES,
    NO_RESULT,
    RAISES,
    hostile,
)

import rung
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

FINE = ["fine", "fine, too"]


def run(names, storage, n_workers):
    """A study with a trial for each name, after one for each worker that is fine."""
    space = {"what": rung.Categorical([*FINE, *names]), "x": rung.Float(0, 1)}
    rung.tune(
        hostile, space, n_trials=len(FINE) + len(names), n_workers=n_workers, max_resource=5, max_failures=10**6,
        initial_configs=[{"what": what, "x": 0.5} for what in (*FINE, *names)], name="hostile",
        storage=str(storage), searcher="random", durability="process", progress=False,
    )  # fmt: skip
    state = check_log(list(SqliteStorage(storage).read("hostile")), capacity=n_workers)
    assert state.ended == "done"
    assert [t.status for t in state.trials[: len(FINE)]] == ["completed"] * len(FINE)
    return {trial.config["what"]: trial for trial in state.trials[len(FINE) :]}


def check(trials, names):
    assert set(trials) == set(names)
    wrong = {
        name: (trial.status, trial.reason) for name, trial in trials.items() if not is_as_told(name, trial)
    }
    assert not wrong


def is_as_told(name, trial):
    _, status, reason = ALL[name]
    return trial.status == status and re.search(reason, trial.reason) is not None


@pytest.mark.slow
def test_what_raises_or_gives_no_result_has_failed(tmp_path):
    names = [*RAISES, *NO_RESULT]
    trials = run(names, tmp_path, 2)
    check(trials, names)
    assert all(len(trial.attempts) == 1 for trial in trials.values())
    assert all(trials[name].traceback for name in RAISES if name != "str() raises")


def test_the_same_in_one_process(tmp_path):
    names = [name for name in (*RAISES, *NO_RESULT) if name != "100 MB message"]
    check(run(names, tmp_path, 1), names)


@pytest.mark.slow
def test_what_gives_a_result_has_completed(tmp_path):
    check(run(list(COMPLETES), tmp_path, 2), list(COMPLETES))


@pytest.mark.slow
def test_what_ends_its_worker_is_tried_again_and_has_failed_then(tmp_path):
    trials = run(list(LOSES), tmp_path, 2)
    check(trials, list(LOSES))
    assert all([a.outcome for a in t.attempts] == ["lost", "failed"] for t in trials.values())
    assert all("(2 times)" in t.reason for t in trials.values())


CLOCKS = """
import os, sys, time, rung
clock = eval(sys.argv[1])

def objective(config, trial):
    if trial.number == 2:
        time.monotonic = time.time = os.times = lambda: clock
    trial.report(epoch=1, y=config["x"])
    return config["x"]

rung.tune(objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=6, name="s", storage="studies", progress=False,
          durability="process", searcher="random")
"""


@pytest.mark.parametrize("clock", ["1e15", "float('inf')", "float('nan')", "1j", "-5.0", "'noon'", "None"])
def test_a_patched_clock_neither_stops_a_study_nor_spoils_its_log(tmp_path, clock):
    done = subprocess.run(
        [sys.executable, "-c", CLOCKS, clock],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    state = check_log(list(SqliteStorage(tmp_path / "studies").read("s")), capacity=1)
    assert state.ended == "done"
    assert state.counts["completed"] == 6
    assert 0 <= state.t < 60
