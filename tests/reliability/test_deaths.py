"""However a worker dies, it is noticed with the right reason, leaves no process, and costs one attempt."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from reliability.deaths import DEATHS, STUBBORN, dies, leaves_daemons, never_ends, stops_its_guard

import rung
from rung.engine.recovery import take
from rung.execution.base import AttemptId, End, Job
from rung.execution.processes import Processes
from rung.objectives.function import Objective
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_state

pytestmark = pytest.mark.slow
SPACE = {"x": rung.Float(0, 1)}


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path, monkeypatch):
    """Every descendant inherits a mark, wherever it went."""
    monkeypatch.setenv("RUNG_TEST_NOTES", str(tmp_path))
    yield
    deadline = time.monotonic() + 20
    while left := [p for p in psutil.process_iter() if is_marked(p, str(tmp_path))]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def is_marked(process, mark):
    with suppress(psutil.Error):
        return process.environ().get("RUNG_TEST_NOTES") == mark and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_every_death_has_its_reason_and_costs_one_attempt():
    study = rung.tune(
        dies, SPACE, n_trials=len(DEATHS), n_workers=2, storage=":memory:", searcher="random", progress=False
    )
    check_state(study.state)
    told = {name: trial.attempts[0].reason for name, trial in zip(DEATHS, study.trials, strict=True)}
    assert told == {name: f"worker died: {reason}" for name, (_, reason) in DEATHS.items()}
    outcomes = [[a.outcome for a in t.attempts] for t in study.trials]
    assert outcomes == [["lost", "completed"]] * len(DEATHS)


def test_daemons_that_outlive_their_attempt_end_with_the_study():
    study = rung.tune(leaves_daemons, SPACE, n_trials=4, n_workers=2, storage=":memory:", progress=False)
    assert study.state.counts["completed"] == 4


def test_what_will_not_end_is_ended(tmp_path):
    """Stopped, deaf to SIGTERM or to all signals, holding the GIL, forking: each with daemons around it."""
    n = len(STUBBORN)
    executor = Processes(Objective.bind(never_ends, ("x",), ("y",)), n)
    attempts = [AttemptId(number, 1) for number in range(n)]
    for attempt in attempts:
        executor.submit(Job(attempt, {"x": 0.0}, seed=0))
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < n:
        assert time.monotonic() < deadline
        executor.poll(0.1)
    for attempt in attempts:
        executor.stop(attempt, grace=0.1)
    ends = []
    while len(ends) < n:
        assert time.monotonic() < deadline
        ends += [message for message in executor.poll(1.0) if isinstance(message, End)]
    executor.close()
    assert {(end.id, end.outcome) for end in ends} == {(attempt, "interrupted") for attempt in attempts}


def test_a_stopped_guard_lets_no_trial_run_on(tmp_path):
    """The time limit holds: the guard is ended by force, its worker with it, and what that started then."""
    study = rung.tune(
        stops_its_guard, SPACE, n_trials=3, n_workers=2, trial_timeout=2, storage=":memory:", progress=False
    )
    assert [t.status for t in study.trials] == ["completed", "failed", "failed"]
    assert {t.reason for t in study.trials[1:]} == {"it ran longer than the 2 s that trial_timeout left it"}
    assert all(t.attempts[-1].ended - t.attempts[-1].started < 30 for t in study.trials)


def has_stopped_guards(tmp_path, n):
    executor = Processes(Objective.bind(stops_its_guard, ("x",), ("y",)), n)
    for number in range(1, n + 1):
        executor.submit(Job(AttemptId(number, 1), {"x": 0.0}, seed=0))
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < n:
        assert time.monotonic() < deadline
        executor.poll(0.1)
    return executor


def test_stopped_guards_are_no_reason_to_leave_their_workers(tmp_path):
    executor = has_stopped_guards(tmp_path, 3)
    began = time.monotonic()
    executor.close()
    assert time.monotonic() - began < 20


def test_a_session_that_goes_on_ends_stopped_guards_too(tmp_path):
    """The coordinator is killed while the guards of both its workers are stopped."""
    code = (
        "import rung, sys; from reliability.deaths import stops_its_guard; "
        "rung.tune(stops_its_guard, {'x': rung.Float(0, 1)}, n_trials=3, n_workers=2, name='s',"
        " storage=sys.argv[1], progress=False)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    coordinator = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "studies")], env=environment)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("stopped-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    coordinator.kill()
    coordinator.wait()
    storage = SqliteStorage(tmp_path / "studies")
    lease, _, _ = take(storage, "s", {})
    storage.release(lease)


SLOW_TO_STORE = """
import sys, time, pathlib, rung
from reliability.deaths import LeavesDaemonsWhenItIsLoaded
from rung.storage.sqlite import SqliteStorage
from rung.study.events import WorkerStarted

class Slow(SqliteStorage):
    def append(self, lease, events):
        if any(isinstance(event, WorkerStarted) for event in events):
            pathlib.Path(sys.argv[1], "storing").touch()
            time.sleep(600)
        return super().append(lease, events)

rung.tune(LeavesDaemonsWhenItIsLoaded(), {"x": rung.Float(0, 1)}, n_trials=2, n_workers=2, name="s",
          storage=Slow(sys.argv[1] + "/studies"), progress=False)
"""


def test_nothing_runs_that_the_log_would_not_find_again(tmp_path):
    """Coordinator and guards are killed while the start of the workers is still being stored."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    coordinator = subprocess.Popen([sys.executable, "-c", SLOW_TO_STORE, str(tmp_path)], env=environment)
    deadline = time.monotonic() + 30
    while not (tmp_path / "storing").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1.0)  # time enough for a worker to load an objective, and to run it
    guards = psutil.Process(coordinator.pid).children()
    for process in [psutil.Process(coordinator.pid), *guards]:
        process.kill()
    coordinator.wait()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("loaded", "run"))]
    storage = SqliteStorage(tmp_path / "studies")
    lease, _, _ = take(storage, "s", {})
    storage.release(lease)
