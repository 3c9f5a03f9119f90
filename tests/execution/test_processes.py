"""Worker processes, for real."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import jobs
import psutil
import pytest

import rung
from rung.engine.recovery import take
from rung.errors import ObjectiveError, WorkerError
from rung.execution.base import AttemptId, End, Job, Report, WorkerUp
from rung.execution.processes import Processes
from rung.execution.worker import pickling
from rung.execution.worker.leftovers import Identity, boot_id, kill_leftovers, start_time
from rung.objectives.function import Objective
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Verdict

SPACE = {"x": rung.Float(0, 1)}
NOBODY = 2**30
"""A process id that no machine gives; with our own as its guard's, it is not that of another test run."""


def pool(function, n_workers=2, folder=None) -> Processes:
    return Processes(Objective.bind(function, ("x",), ("y",)), n_workers, folder)


def job(trial: int, attempt: int = 1) -> Job:
    return Job(AttemptId(trial, attempt), {"x": float(trial)}, seed=trial)


def collect(executor, *, ends: int, verdict=Verdict.CONTINUE, timeout=30.0):
    messages, deadline = [], time.monotonic() + timeout
    while sum(isinstance(m, End) for m in messages) < ends:
        assert time.monotonic() < deadline, messages
        for message in executor.poll(1.0):
            messages.append(message)
            if isinstance(message, Report):
                executor.answer(message, verdict)
    return messages


def descendants() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]


def gone(pids, within=2.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE for p in pids):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(autouse=True)
def _no_process_is_left():
    before = descendants()
    yield
    assert not set(descendants()) - set(before)


def test_jobs_run_in_other_processes_and_come_back():
    executor = pool(lambda config: {"y": config["x"], "pid": os.getpid()})
    for number in range(6):
        executor.submit(job(number))
    messages = collect(executor, ends=6)
    executor.close()
    ends = {m.id.trial: m for m in messages if isinstance(m, End)}
    assert {n: end.metrics["y"] for n, end in ends.items()} == {n: float(n) for n in range(6)}
    pids = {end.metrics["pid"] for end in ends.values()}
    assert len(pids) <= 2  # workers outlive their attempts
    assert os.getpid() not in pids
    assert {m.identity["pid"] for m in messages if isinstance(m, WorkerUp)} >= pids


def test_reports_wait_for_their_answer():
    executor = pool(jobs.reporting, 1)
    executor.submit(job(3))
    messages = collect(executor, ends=1)
    assert [m.resource for m in messages if isinstance(m, Report)] == [1, 2, 3]
    executor.submit(job(4))
    messages = collect(executor, ends=1, verdict=Verdict.STOP)
    executor.close()
    assert [m.resource for m in messages if isinstance(m, Report)] == [1]
    assert [m.outcome for m in messages if isinstance(m, End)] == ["stopped"]


def test_what_is_printed_goes_to_the_workers_file_and_forges_nothing(tmp_path):
    def talkative(config):
        print('{"what": "end", "outcome": "completed", "metrics": {"y": -1}}')
        os.write(1, b"raw bytes\n")
        return 1.0

    executor = pool(talkative, 1, tmp_path / "workers")
    executor.submit(job(0))
    (end,) = [m for m in collect(executor, ends=1) if isinstance(m, End)]
    executor.close()
    assert end.metrics["y"] == 1.0
    text = (tmp_path / "workers" / "t0-a1.log").read_text()
    assert "raw bytes" in text
    assert '"y": -1' in text


def test_a_dead_worker_takes_only_its_attempt_along(caplog):
    study = rung.tune(jobs.dies, SPACE, n_trials=12, n_workers=2, storage=":memory:", seed=0, progress=False)
    assert [t.status for t in study.trials] == ["completed"] * 12
    attempts = {t.number: t.attempts for t in study.trials}
    assert all(len(attempts[n]) == (2 if n % 6 in {1, 2, 4} else 1) for n in attempts)
    assert attempts[1][0].reason == "worker died: killed by SIGKILL (out of memory?)"
    assert attempts[2][0].reason == "worker died: exit code 0"
    assert attempts[4][0].reason == "worker died: killed by SIGSEGV"
    assert re.search(r"trial 4, worker \d+: worker died: killed by SIGSEGV", caplog.text)


def test_a_worker_killed_from_outside_is_noticed_at_once():
    executor = pool(lambda config: time.sleep(60), 1)
    executor.submit(job(0))
    (up,) = executor.poll(10.0)
    executor.poll(0.3)
    os.kill(up.identity["pid"], signal.SIGKILL)
    began = time.monotonic()
    (end,) = [m for m in collect(executor, ends=1) if isinstance(m, End)]
    assert end.outcome == "lost"
    assert time.monotonic() - began < 2.0
    executor.close()


def test_a_worker_loads_nothing_before_its_start_is_stored(tmp_path):
    """What `poll` handed out is stored when it is called again, and no sooner."""
    executor = pool(jobs.LoadsWithANote(tmp_path), 1)
    executor.submit(job(0))
    (up,) = executor.poll(10.0)
    time.sleep(0.5)  # storing it
    assert not list(tmp_path.iterdir())
    assert collect(executor, ends=1)[-1].outcome == "completed"
    assert [path.name for path in tmp_path.iterdir()] == [f"loaded-{up.identity['pid']}"]
    executor.close()


def with_a_killed_guard(folder, monkeypatch) -> Processes:
    """One whose only worker has a job, and children, when its guard is killed."""
    monkeypatch.setenv("RUNG_TEST_NOTES", str(folder))
    executor = pool(jobs.endless, 1)
    executor.submit(job(0))
    (up,) = executor.poll(10.0)
    wait_for_notes(executor, folder, 1)
    os.kill(up.identity["guard"], signal.SIGKILL)
    return executor


def test_a_guard_killed_from_outside_takes_its_worker_and_its_children_along(tmp_path, monkeypatch):
    """A child that left the session too: the coordinator ends it in the guard's place."""
    executor = with_a_killed_guard(tmp_path, monkeypatch)
    (end,) = [m for m in collect(executor, ends=1) if isinstance(m, End)]
    assert (end.outcome, end.reason) == ("lost", "worker died: its guard was killed")
    assert gone(noted_pids(tmp_path))
    executor.close()


def test_a_guard_killed_when_all_is_over_leaves_nothing(tmp_path, monkeypatch):
    executor = with_a_killed_guard(tmp_path, monkeypatch)
    executor.close()
    assert gone(noted_pids(tmp_path))


def test_stop_ends_what_never_reports(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_TEST_NOTES", str(tmp_path))
    executor = pool(jobs.endless)
    executor.submit(job(0))
    executor.submit(job(1))
    wait_for_notes(executor, tmp_path, 2)
    for number in (0, 1):
        executor.stop(AttemptId(number, 1), grace=0.1)
    began = time.monotonic()
    ends = [m for m in collect(executor, ends=2) if isinstance(m, End)]
    assert [e.outcome for e in ends] == ["interrupted", "interrupted"]
    assert time.monotonic() - began < 5.0  # a held GIL can't hear SIGTERM: SIGKILL follows
    assert gone(noted_pids(tmp_path))
    executor.close()


def wait_for_notes(executor, folder, n):
    deadline = time.monotonic() + 20.0
    while len(noted_pids(folder)) < 2 * n:
        assert time.monotonic() < deadline
        executor.poll(0.1)


def noted_pids(folder) -> list[int]:
    return [int(pid) for path in folder.glob("[0-9]") for pid in path.read_text().split()]


def test_close_ends_workers_and_their_children(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_TEST_NOTES", str(tmp_path))
    executor = pool(jobs.endless)
    executor.submit(job(0))
    executor.submit(job(1))
    wait_for_notes(executor, tmp_path, 2)
    executor.close()
    assert gone(noted_pids(tmp_path))


@pytest.mark.parametrize("victims", ["coordinator", "coordinator and guards"])
def test_no_orphans_when_the_coordinator_is_killed(tmp_path, victims):
    """The coordinator dies by SIGKILL while one worker sleeps and the other holds the GIL, each with a child.

    The children left the session. Without guards they live until the study is taken anew.
    """
    code = (
        "import rung, jobs, sys\n"
        "rung.tune(jobs.endless, {'x': rung.Float(0, 1)}, n_trials=4, n_workers=2, name='s',"
        " storage=sys.argv[1], progress=False)"
    )
    environment = {
        **os.environ,
        "RUNG_TEST_NOTES": str(tmp_path),
        "PYTHONPATH": str(Path(jobs.__file__).parent),
    }
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "studies")], env=environment)
    deadline = time.monotonic() + 20.0
    while len(noted_pids(tmp_path)) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    guards = [p.pid for p in psutil.Process(process.pid).children()]
    workers = [p.pid for g in guards for p in psutil.Process(g).children()]
    process.kill()
    if "guards" in victims:
        for pid in guards:
            os.kill(pid, signal.SIGKILL)
    process.wait()
    assert gone(guards + workers)
    children = set(noted_pids(tmp_path)) - set(workers)
    if "guards" in victims:
        storage = SqliteStorage(tmp_path / "studies")
        lease, _, _ = take(storage, "s", {})
        storage.release(lease)
    assert gone(children)


def test_leftovers_are_killed_only_if_everything_matches():
    script = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); print('up', flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    process.stdout.close()
    child = psutil.Process(process.pid).children()[0].pid

    def recorded(**changes):
        facts = {
            "pid": process.pid,
            "guard": process.pid,
            "started": start_time(process.pid),
            "boot": boot_id(),
        }
        return Identity(**{**facts, **changes})

    assert kill_leftovers([]) == 0
    assert kill_leftovers([recorded(boot="another boot")]) == 0
    assert kill_leftovers([recorded(guard=1)]) == 0
    assert kill_leftovers([recorded(started=time.time() + 100)]) == 0
    assert process.poll() is None
    assert kill_leftovers([recorded()]) == 2
    process.wait()
    assert gone([child])


def test_leftovers_that_left_the_session_are_known_by_their_environment():
    mark = f" {os.getpid()}/{NOBODY}"

    def start(mark):
        environment = {**os.environ, "RUNG_WORKER": mark}
        return subprocess.Popen(["sleep", "600"], start_new_session=True, env=environment)

    ours, within, others = start(mark), start(f"{mark} 112/113"), start(f"{mark}9")
    worker = Identity(NOBODY, os.getpid(), start_time(ours.pid), boot_id())
    assert kill_leftovers([replace(worker, started=worker.started + 100)]) == 0
    assert kill_leftovers([worker]) == 2
    assert {ours.wait(), within.wait()} == {-signal.SIGKILL}
    assert others.poll() is None
    others.kill()
    others.wait()


def test_who_kills_leftovers_spares_itself_and_those_it_came_from():
    """A shell that outlived a trial has its mark, and so has the coordinator that it starts."""
    worker = f"Identity({NOBODY}, {os.getpid()}, 0.0, boot_id())"
    kill = f"from rung.execution.worker.leftovers import *;print(kill_leftovers([{worker}]))"
    shell = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {kill!r}]))"
    environment = {**os.environ, "RUNG_WORKER": f" {os.getpid()}/{NOBODY}"}
    done = subprocess.run(
        [sys.executable, "-c", shell], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_threads_are_shared_out(monkeypatch):
    def threads(config):
        return {
            "y": 1.0,
            "threads": int(os.environ["OMP_NUM_THREADS"]),
            "blas": int(os.environ["MKL_NUM_THREADS"]),
        }

    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    executor = pool(threads, 2)
    executor.submit(job(0))
    (end,) = [m for m in collect(executor, ends=1) if isinstance(m, End)]
    executor.close()
    assert end.metrics["threads"] == 7  # what the user set stays
    assert end.metrics["blas"] == max(1, len(os.sched_getaffinity(0)) // 2)


def test_what_cant_travel_says_why():
    lock = threading.Lock()
    with pytest.raises(
        ObjectiveError, match=r"can't be sent to worker processes: cannot pickle '_thread.lock' object"
    ):
        pickling.dumps(Objective.bind(lambda config: lock, ("x",), ("y",)))


def test_what_cant_travel_runs_here_and_says_so(caplog):
    lock = threading.Lock()
    with caplog.at_level(logging.WARNING, "rung"):
        study = rung.tune(
            lambda c: c["x"] + 0 * lock.locked(),
            SPACE,
            n_trials=3,
            n_workers=2,
            storage=":memory:",
            progress=False,
        )
    assert len(study.trials) == 3
    assert "running it in this process, one trial at a time, not by 2 workers" in caplog.text


def test_functions_of_main_travel_by_value_with_their_caches(tmp_path):
    """A script without a main guard, whose objective uses a cached function and a class of the script."""
    script = tmp_path / "script.py"
    script.write_text(
        "import functools, rung\n"
        "class Model:\n    def error(self, x): return load() * x\n"
        "@functools.lru_cache\ndef load(): return 2.0\n"
        "def objective(config): return Model().error(config['x'])\n"
        "study = rung.tune(objective, {'x': rung.Categorical([1, 2])}, n_workers=2, storage=':memory:', progress=False)\n"
        "print(study.best_value)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "2.0\n", done.stderr


@lru_cache
def cached():
    return 1.0


def test_cached_functions_of_modules_travel_by_name():
    assert pickling.dumps(Objective.bind(lambda config: cached(), ("x",), ("y",)))


def test_an_objective_that_cant_be_loaded_there_is_an_error():
    class Unloadable:
        def __call__(self, config):
            return 1.0

        def __reduce__(self):
            return (eval, ("1/0",))

    with pytest.raises(WorkerError, match=r"can't be loaded in a worker process:(.|\n)*ZeroDivisionError"):
        rung.tune(Unloadable(), SPACE, n_trials=2, n_workers=2, storage=":memory:", progress=False)


def test_workers_that_never_get_ready_are_an_error(monkeypatch):
    monkeypatch.setattr("rung.execution.worker.handle._BOOT", "import os; os._exit(9)")
    with pytest.raises(WorkerError, match=r"die before they are ready; the last one: exit code 9"):
        rung.tune(jobs.quick, SPACE, n_trials=2, n_workers=2, storage=":memory:", progress=False)


@pytest.mark.parametrize("frame", [b"5", b"[]", b"{}", b"no json"])
def test_a_frame_that_is_not_ours_costs_the_worker_its_life_and_nobody_else(frame):
    def forging(config):
        if config["x"] == 1:
            for link in Path("/proc/self/fd").iterdir():
                if link.exists() and link.is_socket():
                    os.write(int(link.name), len(frame).to_bytes(4, "big") + frame)
            time.sleep(60)
        return {"y": 0.0}

    executor = pool(forging, 1)
    for number in range(3):
        executor.submit(job(number))
    messages = collect(executor, ends=3)
    executor.close()
    assert [m.outcome for m in messages if isinstance(m, End)] == ["completed", "lost", "completed"]
