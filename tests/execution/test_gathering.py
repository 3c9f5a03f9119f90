"""Where storing is slow, one commit serves all who report at about the same time."""

from __future__ import annotations

import threading
import time

import pytest

from rung.execution import processes
from rung.execution.base import AttemptId, Job, Report
from rung.objectives.function import Objective


@pytest.fixture
def two_at_work(tmp_path):
    """Two workers, each about to report once there is a file `go-` and its trial's number."""

    def waiting(config, trial):
        (tmp_path / f"at-work-{trial.number}").touch()
        while not (tmp_path / f"go-{trial.number}").exists():
            time.sleep(0.01)
        trial.report(epoch=1, y=0.0)

    executor = processes.Processes(Objective.bind(waiting, ("x",), ("y",)), 2)
    for trial in range(2):
        executor.submit(Job(AttemptId(trial, 1), {"x": 0.0}, seed=0))
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2:
        executor.poll(0.05)
        assert time.monotonic() < deadline
    yield executor
    executor.close()


def told(executor) -> list[int]:
    return sorted(m.id.trial for m in executor.poll(None) if isinstance(m, Report))


def test_after_a_slow_commit_the_next_one_takes_all_who_report_within_a_moment(
    tmp_path, monkeypatch, two_at_work
):
    monkeypatch.setattr(processes, "_TOGETHER", 30.0)
    (tmp_path / "go-0").touch()
    threading.Timer(0.2, (tmp_path / "go-1").touch).start()
    time.sleep(0.01)  # so long storing took
    assert told(two_at_work) == [0, 1]


def test_after_a_quick_one_nobody_is_waited_for(tmp_path, monkeypatch, two_at_work):
    monkeypatch.setattr(processes, "_TOGETHER", 30.0)
    monkeypatch.setattr(processes, "_SLOW", 30.0)
    (tmp_path / "go-0").touch()
    assert told(two_at_work) == [0]
    (tmp_path / "go-1").touch()
    assert told(two_at_work) == [1]
