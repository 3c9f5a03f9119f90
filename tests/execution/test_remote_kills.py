"""Four `rung worker` processes, of which one is killed, one stopped past its lease; and the coordinator is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from execution.workers import SOURCE, TOKEN, start_worker

import rung
from rung import schedulers
from rung.study.events import AttemptEnded, Reported
from rung.testing import check_decisions, check_log

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("remote_study.py")


def until(holds, seconds=120):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_and_a_coordinator_are_killed_and_the_same_line_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_TEST_ACKS", str(tmp_path / "acks"))
    (tmp_path / "acks").touch()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def acknowledged():
        return (tmp_path / "acks").read_text().split()

    def coordinate(output):
        env = {**os.environ, "PYTHONPATH": str(SOURCE), "RUNG_TOKEN": TOKEN}
        command = [sys.executable, str(SCRIPT), str(tmp_path / "studies"), str(port)]
        return subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)

    with contextlib.ExitStack() as stack:
        said = stack.enter_context((tmp_path / "coordinator").open("wb"))
        outputs = [stack.enter_context((tmp_path / f"worker{n}").open("wb")) for n in range(4)]
        coordinator = stack.enter_context(coordinate(said))
        stack.callback(coordinator.kill)
        workers = [start_worker(port, output=output) for output in outputs]
        for worker in workers:
            stack.enter_context(worker)
            stack.callback(worker.kill)
        until(lambda: len(acknowledged()) >= 5)

        workers[0].kill()
        workers[1].send_signal(signal.SIGSTOP)
        time.sleep(6)  # its lease is 4 s
        workers[1].send_signal(signal.SIGCONT)
        until(lambda: b"comes back after its lease" in (tmp_path / "coordinator").read_bytes())

        before = len(acknowledged())
        until(lambda: len(acknowledged()) >= before + 5)
        coordinator.kill()
        coordinator.wait()
        again = stack.enter_context(coordinate(said))
        stack.callback(again.kill)
        assert again.wait(300) == 0, (tmp_path / "coordinator").read_text()
        assert [worker.wait(30) for worker in workers] == [-signal.SIGKILL, 0, 0, 0]

    events = list(rung.StudyView.load("far", storage=str(tmp_path / "studies"))._storage.read("far"))
    state = check_log(events, n_trials=60)
    assert state.ended == "done" and len(state.sessions) == 2
    assert check_decisions(events, schedulers.ASHA()) > 0
    reports = [event.id for event in events if isinstance(event, Reported)]
    assert set(acknowledged()) <= set(reports) and len(set(reports)) == len(reports)
    outcomes = [event.outcome for event in events if isinstance(event, AttemptEnded)]
    assert {"failed", "lost"}.isdisjoint(outcomes) and "interrupted" in outcomes
    gone_on = [t for t in state.trials if len(t.attempts) > 1 and t.reports[-1].metrics["resumed"] > 0]
    assert gone_on, "no trial went on from a checkpoint"
    left = [p for p in psutil.process_iter(["cmdline"]) if str(port) in " ".join(p.info["cmdline"] or ())]
    assert left == []
