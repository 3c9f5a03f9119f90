"""`rung stop`: a study, or one of its trials, from another terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.commands import environment, rung_here
from simulation import Simulation

import rung
from rung.engine import coordinator
from rung.engine.recovery import take
from rung.errors import Interrupted, StorageError
from rung.execution.base import End
from rung.schedulers import SCHEDULERS
from rung.settings import Settings
from rung.space import Space
from rung.storage import MemoryStorage, open_storage
from rung.study.events import Judged
from rung.testing import check_log

SPACE = Space({"x": rung.Float(0, 1)})
JOB = """
import signal, sys, time
import rung

def objective(config, trial):
    if trial.number == 1 and trial.attempt == 1 and "quick" not in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    return config["x"]

rung.tune(objective, {"x": rung.Float(0, 1)}, n_trials=4, n_workers=2, name="s", storage="out", seed=0,
          searcher="random", progress=False)
"""


@contextlib.contextmanager
def running(folder: Path, *arguments: str):
    """The job in a process of its own, at work on its hung trial alone."""
    (folder / "job.py").write_text(JOB)
    job = subprocess.Popen([sys.executable, "job.py", *arguments], cwd=folder, env=environment(),
                           stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(rung.Error):
                if [t.status for t in trials(folder)] == ["completed", "running", "completed", "completed"]:
                    break
            time.sleep(0.1)
        yield job
    finally:
        job.kill()
        job.communicate()


def trials(folder):
    return rung.StudyView.load("s", storage=str(folder / "out")).trials


def test_a_hung_trial_is_stopped_for_good(tmp_path):
    with running(tmp_path) as job:
        done = rung_here("stop", "s", "1", "--storage", "out", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "trial 1 of study 's' is stopped\n"), done.stderr
        assert job.wait(30) == 0
    assert [t.status for t in trials(tmp_path)] == ["completed", "stopped", "completed", "completed"]
    assert trials(tmp_path)[1].reason == "by hand"
    shown = rung_here("trials", "s", "--storage", "out", cwd=tmp_path)
    assert "stopped" in shown.stdout
    for arguments, said in (
        (("1",), "trial 1 of study 's' is stopped: there is nothing to stop"),
        ((), "nobody runs study 's' now: there is nothing to stop"),
        (("77",), "77"),
    ):
        refused = rung_here("stop", "s", *arguments, "--storage", "out", cwd=tmp_path)
        assert refused.returncode in {1, 2}
        assert said in refused.stderr
    assert not list((tmp_path / "out").glob("*/request-*"))


@pytest.mark.slow
def test_a_study_is_stopped_and_goes_on_by_the_same_line(tmp_path):
    with running(tmp_path) as job:
        done = rung_here("stop", "s", "--storage", "out", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "study 's' has stopped (by hand); continue with: " in done.stdout
        assert "job.py" in done.stdout
        _, said = job.communicate(timeout=30)
        assert "continue with" in said
        assert job.returncode != 0
    assert trials(tmp_path)[1].status == "interrupted"
    assert "stopped by hand" in rung_here("status", "s", "--storage", "out", cwd=tmp_path).stdout
    subprocess.run([sys.executable, "job.py"], cwd=tmp_path, env=environment(), check=True, timeout=60)
    assert [t.status for t in trials(tmp_path)] == ["completed"] * 4


@pytest.mark.slow
def test_a_request_dies_with_the_session_that_it_was_for(tmp_path):
    with running(tmp_path) as job:
        job.send_signal(signal.SIGSTOP)
        opened = open_storage(str(tmp_path / "out"))
        for request in ("stop", "stop-1"):
            opened.request("s", request)
        assert len(list((tmp_path / "out").glob("*/request-*"))) == 2
        job.kill()
    subprocess.run([sys.executable, "job.py"], cwd=tmp_path, env=environment(), check=True, timeout=60)
    assert [t.status for t in trials(tmp_path)] == ["completed"] * 4
    assert not list((tmp_path / "out").glob("*/request-*"))


# ---- one process


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(coordinator, "_LOOK", 0.0)


def tune(objective, folder, **arguments):
    given = {"n_trials": 3, "max_resource": 5, "searcher": "random", "executor": "inline", **arguments}
    return rung.tune(objective, SPACE, storage=str(folder), name="s", progress=False, **given)


def asks(folder, request):
    """An objective whose second trial is stopped by hand at its second epoch."""

    def objective(config, trial):
        for epoch in trial.epochs():
            if (trial.number, epoch, trial.attempt) == (1, 2, 1):
                open_storage(str(folder)).request("s", request)
            trial.report(epoch=epoch, value=config["x"])

    return objective


def test_in_the_process_of_tune_a_trial_ends_at_its_next_report(tmp_path, at_once):
    study = tune(asks(tmp_path, "stop-1"), tmp_path)
    assert [(t.status, t.resource) for t in study.trials] == [
        ("completed", 5),
        ("stopped", 2),
        ("completed", 5),
    ]
    assert study.trials[1].reason == "by hand"
    check_log(list(study.events()))


def test_in_the_process_of_tune_a_study_ends_at_the_next_report(tmp_path, at_once):
    with pytest.raises(Interrupted, match="continue with"):
        tune(asks(tmp_path, "stop"), tmp_path)
    study = tune(asks(tmp_path, "stop"), tmp_path)
    assert [t.status for t in study.trials] == ["completed"] * 3


def test_ask_and_tell(tmp_path, at_once):
    with rung.Study(SPACE, storage=str(tmp_path), name="s", n_trials=2, searcher="random") as study:
        trial = study.ask()
        assert study.report(trial, value=1.0) == "continue"
        open_storage(str(tmp_path)).request("s", "stop-0")
        assert study.report(trial, value=1.0) == "stop"
        study.tell(study.ask(), 1.0)
    assert [t.status for t in study.trials] == ["stopped", "completed"]


def test_requests_for_what_is_not_there_change_nothing(tmp_path, at_once):
    for request in ("stop-99", "stop-x", "go", "stop-999999999999999999999"):
        study = tune(asks(tmp_path / request, request), tmp_path / request)
        assert [t.status for t in study.trials] == ["completed"] * 3


def test_only_regular_files_of_the_folder_are_requests(tmp_path):
    study = tune(lambda config: config["x"], tmp_path, max_resource=None)
    opened, victim = open_storage(str(tmp_path)), tmp_path / "victim"
    (study.folder / "request-stop").symlink_to(victim)
    with pytest.raises(StorageError, match="request-stop can't be made"):
        opened.request("s", "stop")
    assert not victim.exists()
    (study.folder / "request-stop").unlink()
    os.mkfifo(study.folder / "request-stop-1")
    assert len(tune(lambda config: config["x"], tmp_path, max_resource=None, n_trials=5).trials) == 5


# ---- in virtual time


def curve(job):
    for epoch in range(job.start_resource + 1, 5):
        yield 1.0 + job.config["x"], {"y": job.config["x"] + 1 / epoch}


@pytest.mark.parametrize("scheduler", sorted(set(SCHEDULERS) - {"auto"}))
def test_every_scheduler_goes_on_without_a_trial_that_was_stopped(scheduler):
    """Trials that run, that are paused, and that wait to run again."""
    simulation = Simulation(
        curve=curve, capacity=3, scheduler=rung.schedulers.get(scheduler), max_resource=4,
        settings=Settings.of(n_trials=12, max_resource=4),
    )  # fmt: skip
    seen = set()

    def stop_some(state, events):
        for trial in state.trials:
            if trial.number % 3 == 1 and not trial.is_finished and trial.resource >= trial.number % 4:
                seen.add(trial.number)
                simulation.coordinator._unwanted.append(trial.number)

    simulation.watch = stop_some
    state = simulation.run()
    assert seen
    assert {state.trials[number].status for number in seen} <= {"stopped", "completed"}
    assert all(trial.is_finished for trial in state.trials)
    assert state.ended == "done"
    check_log(simulation.log, n_trials=12, capacity=3)


def test_a_trial_that_was_stopped_stays_so_though_all_dies_before_its_end():
    simulation = Simulation(storage=MemoryStorage(), settings=Settings.of(n_trials=2))
    simulation.watch = lambda state, events: 0 in state.open and simulation.coordinator._unwanted.append(0)
    simulation.create()
    simulation.run()
    log = simulation.log
    verdict = next(i for i, event in enumerate(log) if isinstance(event, Judged))
    storage = MemoryStorage()
    storage.create("s", log[0])
    lease, _, _ = take(storage, "s", {})
    storage.append(lease, log[2 : verdict + 1])
    storage.release(lease)
    _, state, _ = take(storage, "s", {})
    assert state.trials[0].status == "stopped"
    assert state.waiting == {1}


def test_a_trial_that_waits_to_run_again_is_dropped():
    def dies(job):
        yield 1.0, {"y": 1.0}
        yield 1.0, End(job.id, "lost")

    simulation = Simulation(curve=dies, capacity=1, settings=Settings.of(n_trials=1, retries=5))

    def stop_it(state, events):
        if state.trials and len(state.trials[0].attempts) == 2:
            simulation.coordinator._unwanted.append(0)

    simulation.watch = stop_it
    state = simulation.run()
    assert [trial.status for trial in state.trials] == ["stopped"]
    assert len(state.trials[0].attempts) == 2
