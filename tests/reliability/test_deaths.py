"""However a worker dies, it is noticed with the right reason, leaves no process, and costs one attempt."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil
import pytest
from reliability.deaths import DEATHS, STUBBORN, dies, leaves_daemons, never_ends

import rung
from rung.execution.base import AttemptId, End, Job
from rung.execution.objective import Objective
from rung.execution.processes import Processes
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
