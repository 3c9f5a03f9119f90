"""kill -9 at random moments, start again, and count: nothing lost, nothing twice, nobody left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from rung.execution._leftovers import boot_id
from rung.schedulers import Asha
from rung.storage.sqlite import SqliteStorage
from rung.study.events import AttemptEnded, Reported, WorkerStarted
from rung.testing import check_decisions, check_log

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("study_to_kill.py")


def start(folder: Path, n_trials: int, n_workers: int, scheduler: str = "fifo") -> subprocess.Popen[str]:
    acks = folder / "acks"
    acks.touch()
    command = [
        sys.executable,
        str(SCRIPT),
        str(folder / "studies"),
        str(acks),
        str(n_trials),
        str(n_workers),
        scheduler,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def at_work(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a report is acknowledged, or all is done: how long imports take depends on the machine."""
    before = (folder / "acks").stat().st_size
    deadline = time.monotonic() + 60
    while process.poll() is None and (folder / "acks").stat().st_size == before:
        assert time.monotonic() < deadline, "no report within 60 s"
        time.sleep(0.01)


def kill_until_done(
    folder: Path, *, seed: int, kills: int, n_trials: int, n_workers: int, scheduler: str = "fifo"
) -> int:
    """Kill each run at a random moment, `kills` times at most, then let it end; returns how often it was killed.

    Every third is killed soon after its start, the others while they train.
    """
    rng = random.Random(seed)
    done = 0
    while True:
        process = start(folder, n_trials, n_workers, scheduler)
        if done < kills:
            if done % 3:
                at_work(folder, process)
            try:
                process.wait(rng.uniform(0, 0.8))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                done += 1
        _, err = process.communicate()
        if process.returncode == 0:
            return done
        assert process.returncode == -signal.SIGKILL, err


def audit(folder: Path, n_trials: int, n_workers: int) -> None:
    storage = SqliteStorage(folder / "studies")
    events = list(storage.read("killed"))
    state = check_log(events, n_trials=n_trials, capacity=n_workers)
    assert [t.status for t in state.trials] == ["completed"] * n_trials
    completed = Counter(e.trial for e in events if isinstance(e, AttemptEnded) and e.outcome == "completed")
    assert completed == dict.fromkeys(range(n_trials), 1)
    logged = Counter(e.id for e in events if isinstance(e, Reported))
    acknowledged = (folder / "acks").read_text().split()
    assert len(acknowledged) == len(set(acknowledged))
    assert all(logged[ack] == 1 for ack in acknowledged)
    here = [e for e in events if isinstance(e, WorkerStarted) and e.boot == boot_id()]
    for worker in here:
        for process in psutil.process_iter():
            try:
                assert os.getpgid(process.pid) != worker.pid, f"{process} is left over"
            except ProcessLookupError:
                continue
    unbroken = folder / "unbroken"
    unbroken.mkdir()
    process = start(unbroken, n_trials, n_workers)
    assert process.communicate() and process.returncode == 0
    other = check_log(list(SqliteStorage(unbroken / "studies").read("killed")))
    assert [t.config for t in other.trials] == [t.config for t in state.trials]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_killed_four_times(tmp_path, n_workers):
    kill_until_done(tmp_path, seed=n_workers, kills=4, n_trials=20, n_workers=n_workers)
    audit(tmp_path, 20, n_workers)


def test_asha_killed_five_times_decides_like_an_unbroken_run(tmp_path):
    """Pauses and promotions on 2 workers: each decision in the log is what a scheduler that never died says."""
    kill_until_done(tmp_path, seed=9, kills=5, n_trials=40, n_workers=2, scheduler="asha")
    events = list(SqliteStorage(tmp_path / "studies").read("killed"))
    state = check_log(events, n_trials=40, capacity=2)
    assert all(t.is_finished for t in state.trials)
    assert len(state.trials) == 40
    assert len(state.sessions) > 3
    assert check_decisions(events, Asha()) > 100
    acknowledged = (tmp_path / "acks").read_text().split()
    logged = Counter(e.id for e in events if isinstance(e, Reported))
    assert all(logged[ack] == 1 for ack in acknowledged)


def test_killed_fifty_times(tmp_path):
    killed = kill_until_done(tmp_path, seed=50, kills=50, n_trials=1200, n_workers=2)
    assert killed == 50
    audit(tmp_path, 1200, 2)


def test_run_again_after_the_end_does_nothing(tmp_path):
    for _ in range(2):
        process = start(tmp_path, 3, 1)
        assert process.communicate() and process.returncode == 0
        events = list(SqliteStorage(tmp_path / "studies").read("killed"))
    assert sum(e.kind == "SessionStarted" for e in events) == 1


def interrupt(process: subprocess.Popen[str], times: int = 1, pause: float = 0.3) -> tuple[str, str]:
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
    return process.communicate(timeout=30)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path, n_workers):
    process = start(tmp_path, 100, n_workers)
    at_work(tmp_path, process)
    _, err = interrupt(process)
    assert process.returncode != 0
    assert "rung.errors.Interrupted: study 'killed' stopped after" in err
    assert f"continue with: python {SCRIPT}" in err
    state = check_log(list(SqliteStorage(tmp_path / "studies").read("killed")))
    assert state.ended == "interrupted"
    assert not state.open
    process = start(tmp_path, len(state.trials) + 2, n_workers)
    process.communicate()
    audit(tmp_path, len(state.trials) + 2, n_workers)


def test_a_second_coordinator_is_refused(tmp_path):
    first = start(tmp_path, 100, 2)
    at_work(tmp_path, first)
    second = start(tmp_path, 100, 2)
    _, err = second.communicate()
    assert second.returncode == 1
    assert f"StudyInUse: study 'killed' is run by process {first.pid} on " in err
    interrupt(first)
