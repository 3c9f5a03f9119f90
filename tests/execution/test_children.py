"""With one worker, in the coordinator's own process, what the objective starts does not outlive a kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

import rung

SCRIPT = """
import multiprocessing, os, pathlib, subprocess, time, rung

def works(number):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    pathlib.Path(f"child-{number}").touch()
    time.sleep(600)

def train(config):
    for leaves in (False, True):
        subprocess.Popen(["sleep", "600"], start_new_session=leaves)
    if os.fork() == 0:  # a daemon
        os.setsid()
        if os.fork() == 0:
            works("daemon")
        os._exit(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(works, range(2))

rung.tune(train, {"x": rung.Float(0, 1)}, n_trials=3, name="s", storage="there", progress=False, searcher="random")
"""


@pytest.fixture
def run(tmp_path):
    """Starts the script, waits until its children are there; nothing may be left of it at the end."""
    (tmp_path / "train.py").write_text(SCRIPT)

    def start():
        for old in tmp_path.glob("child-*"):
            old.unlink()
        process = subprocess.Popen(
            [sys.executable, "train.py"], cwd=tmp_path, env={**os.environ, "RUNG_TEST": str(tmp_path)}
        )
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("child-*"))) < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process

    yield start
    for process in of_this_test(tmp_path):
        process.kill()


def of_this_test(folder):
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("RUNG_TEST") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def assert_none_is_left(folder):
    deadline = time.monotonic() + 20
    while left := of_this_test(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def kill(process):
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_nothing_outlives_a_coordinator_that_was_killed(run, tmp_path, number):
    process = run()
    assert len(of_this_test(tmp_path)) >= 9
    process.send_signal(number)
    process.wait()
    assert_none_is_left(tmp_path)


@pytest.mark.slow
def test_nor_any_of_four_in_a_row(run, tmp_path):
    for _ in range(4):
        kill(run())
        assert_none_is_left(tmp_path)


@pytest.mark.slow
def test_what_outlives_the_guard_as_well_ends_before_the_study_goes_on(run, tmp_path):
    """But for forks that execute nothing, which nobody can tell from others then."""
    process = run()
    guard = next(p for p in of_this_test(tmp_path) if any("children_guard" in word for word in p.cmdline()))
    guard.kill()
    kill(process)
    sleeping = [p for p in of_this_test(tmp_path) if p.name() == "sleep"]
    assert len(sleeping) == 5
    second = run()
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in sleeping)
    kill(second)


def tune(objective, folder, **options):
    return rung.tune(
        objective,
        {"x": rung.Float(0, 1)},
        name="s",
        storage=folder,
        progress=False,
        searcher="random",
        **options,
    )


def test_the_guard_is_nothing_that_an_objective_would_notice(tmp_path):
    before = dict(os.environ)

    def objective(config):
        with pytest.raises(ChildProcessError):
            os.wait()  # as code does that waits for all of its children
        assert not psutil.Process().children()
        return 1.0

    assert tune(objective, tmp_path, n_trials=1).best_value == 1.0
    assert dict(os.environ) == before


def test_what_runs_on_after_the_end_is_the_users_own(tmp_path):
    children = []

    def objective(config):
        children.append(subprocess.Popen(["sleep", "600"]))
        return 1.0

    try:
        for n_trials in (1, 2):  # the same study goes on
            tune(objective, tmp_path, n_trials=n_trials)
        time.sleep(0.2)
        assert [child.poll() for child in children] == [None, None]
    finally:
        for child in children:
            kill(child)


@pytest.mark.slow
def test_an_objective_that_closes_everything_gets_nothing_of_ours_into_its_files(tmp_path):
    """Then what it forks is not made known by a descriptor that is its own now."""
    code = f"""
import os, rung
def train(config):
    os.closerange(3, 256)
    files = [os.open(f"{tmp_path}/file-{{n}}", os.O_CREAT | os.O_WRONLY) for n in range(30)]
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    return 1.0
rung.tune(train, {{"x": rung.Float(0, 1)}}, n_trials=1, storage="{tmp_path}/there", progress=False,
          searcher="random")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert "StorageError" in done.stderr
    assert {path.stat().st_size for path in tmp_path.glob("file-*")} == {0}
