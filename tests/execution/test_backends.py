"""The door to executors: which one runs a study, and what each must do."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import pytest
from cli.commands import rung_here
from jobs import quick

import rung
from rung.errors import ArgumentError
from rung.execution.backends import EXECUTORS
from rung.execution.base import WorkerUp
from rung.execution.inline import Inline
from rung.execution.worker.leftovers import boot_id, start_time
from rung.storage._rows import crc_of
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_executor

SPACE = {"x": rung.Float(0, 1)}
QUIET = {"storage": ":memory:", "progress": False, "searcher": "random"}


@pytest.mark.parametrize(
    "name", sorted(EXECUTORS.keys() - {"remote", "ray", "slurm", "dask"})
)  # workers join
def test_every_executor_does_what_rung_relies_on(name):
    check_executor(EXECUTORS[name])


class Forgetful(Inline):
    """Takes no notice of STOP."""

    def answer(self, report, verdict):
        super().answer(report, rung.Verdict.CONTINUE)


class Deaf:
    name = "deaf"

    def check(self, work):
        pass

    def reap(self, workers, *, ended):
        pass

    def start(self, work):
        return Forgetful(work.objective, work.checkpoints)


def test_the_suite_finds_an_executor_that_does_not():
    with pytest.raises(AssertionError, match="went on after STOP"):
        check_executor(Deaf)


@pytest.mark.parametrize(
    ("options", "inside"),
    [
        ({}, True),
        ({"executor": "inline"}, True),
        ({"executor": "processes"}, False),
        ({"n_workers": 2}, False),
        ({"trial_timeout": "1min"}, False),
    ],
)
def test_where_a_trial_runs(options, inside):
    study = rung.tune(lambda config: {"value": os.getpid()}, SPACE, n_trials=1, **QUIET, **options)
    assert (study.best_value == os.getpid()) == inside


def test_one_of_a_users_own():
    started = []

    class Mine:
        name = "mine"

        def check(self, work):
            started.append(work.n_workers)

        def reap(self, workers, *, ended):
            started.append(workers)

        def start(self, work):
            return Inline(work.objective, work.checkpoints)

    study = rung.tune(lambda config: config["x"], SPACE, n_trials=3, n_workers=7, executor=Mine(), **QUIET)
    assert len(study.trials) == 3
    assert started == [7]
    assert study.state.plan["executor"] == "mine"


class Elsewhere:
    """Runs trials here, and says that its workers are elsewhere."""

    name = "elsewhere"

    def __init__(self):
        self.reaped = []

    def check(self, work):
        pass

    def reap(self, workers, *, ended):
        self.reaped += [worker.identity for worker in workers]

    def start(self, work):
        executor = Inline(work.objective, work.checkpoints)
        poll, node = executor.poll, [WorkerUp(0, self.name, {"node": "b", "job": [7, 8]})]
        executor.poll = lambda timeout: [node.pop()] if node else poll(timeout)
        return executor


def go_on(storage, n_trials, **options):
    return rung.tune(
        lambda config: config["x"],
        SPACE,
        n_trials=n_trials,
        name="s",
        seed=0,
        **{**QUIET, "storage": storage, **options},
    )


def test_what_a_session_left_is_reaped_by_the_backend_that_it_had(tmp_path):
    first, second = Elsewhere(), Elsewhere()
    go_on(str(tmp_path), 1, executor=first)
    go_on(str(tmp_path), 2, executor=second)
    assert (first.reaped, second.reaped) == ([], [{"node": "b", "job": [7, 8]}])


def test_what_a_session_left_is_reaped_wherever_the_study_goes_on(tmp_path, monkeypatch):
    left = Elsewhere()
    go_on(str(tmp_path), 1, executor=left)
    monkeypatch.setitem(EXECUTORS, "elsewhere", lambda: left)
    go_on(str(tmp_path), 2, executor="inline")
    assert left.reaped == [{"node": "b", "job": [7, 8]}]


def test_who_knows_not_how_to_reap_says_so_and_goes_on(tmp_path, caplog):
    go_on(str(tmp_path), 1, executor=Elsewhere())
    assert len(go_on(str(tmp_path), 2).trials) == 2
    assert "1 workers of executor 'elsewhere', which is not known here, may still run" in caplog.text


def test_a_worker_process_that_an_older_rung_left_is_ended(tmp_path):
    """Its log has the facts of a process as fields."""
    go_on(str(tmp_path), 1)
    marked = {**os.environ, "RUNG_WORKER": " 999999/999998"}
    left = subprocess.Popen(["sleep", "600"], start_new_session=True, env=marked)
    body = {"worker": 7, "pid": 999998, "guard": 999999, "started": start_time(left.pid), "boot": boot_id()}
    with closing(sqlite3.connect(SqliteStorage(tmp_path).database("s"))) as db, db:
        (last,) = db.execute("SELECT max(seq) FROM event").fetchone()
        row = [last + 1, "s1/w7", 1, 0.0, "WorkerStarted", json.dumps(body)]
        db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, crc_of(*row)))
    go_on(str(tmp_path), 2)
    assert left.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "parsl"}, "unknown executor 'parsl'; .*choose from inline, processes"),
        ({"executor": 3}, "unknown executor 3; .*an object with check, reap, start"),
        ({"executor": Deaf}, r"did you mean Deaf\(\)"),
        (
            {"executor": "inline", "n_workers": 4},
            'n_workers=4 with executor="inline".*use executor="processes"',
        ),
        ({"executor": "inline", "trial_timeout": 1}, 'trial_timeout with executor="inline"'),
        ({"executor": "processes", "n_workers": 2000}, "n_workers=2000"),
    ],
)
def test_what_can_not_run_is_refused_before_the_study_exists(tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        rung.tune(lambda config: 0.0, SPACE, n_trials=1, name="a", storage=str(tmp_path), **options)
    assert not list(tmp_path.iterdir())


def test_what_can_not_travel_is_an_error_where_processes_were_asked_for():
    import threading

    lock = threading.Lock()
    objective = lambda config: float(lock.locked())  # noqa: E731
    with pytest.raises(rung.Error, match="lock"):
        rung.tune(objective, SPACE, n_trials=1, executor="processes", **QUIET)


def test_the_command_line_takes_it_and_keeps_it(tmp_path):
    (tmp_path / "where.py").write_text(
        "import os, rung\nspace = {'x': rung.Float(0, 1)}\n"
        "def objective(config):\n    print(os.getppid())\n    return config['x']\n"
    )
    done = rung_here("run", "where.py", "--executor", "processes", "--n-trials", "1", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rung_here("resume", "where", "--n-trials", "2", "--quiet", cwd=tmp_path).returncode == 0
    assert (rung.Study.load("where", storage=str(tmp_path / "rung_studies"))).state.plan[
        "executor"
    ] == "processes"
    assert rung_here("run", "where.py", "--executor", "rey", cwd=tmp_path).returncode == 2


def test_far_more_workers_than_cores_are_warned_of_once(monkeypatch, caplog):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    for objective, n_workers in [(quick, 4), (rung.Command(f"{sys.executable} -c \"print('x')\""), 5)]:
        with suppress(rung.errors.MetricError):
            rung.tune(objective, SPACE, n_workers=n_workers, n_trials=1, **QUIET)
    assert caplog.messages == []
    rung.tune(quick, SPACE, n_workers=5, n_trials=1, **QUIET)
    assert [m.partition(":")[0] for m in caplog.messages] == ["n_workers=5 on 1 cores"]
