"""Limits of a trial, enforced from outside: time, memory, GPUs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

import rung
from rung.errors import ArgumentError, ObjectiveError, TooManyFailures
from rung.execution.worker import gpus
from rung.study.sizes import size_of

SPACE = {"x": rung.Float(0, 1)}
HELD_BY_A_CHILD = "x = bytearray(400_000_000); x[::4096] = b'1' * len(x[::4096]); import time; time.sleep(60)"


def tune(objective, **arguments):
    return rung.tune(objective, SPACE, metric="y", progress=False, searcher="random", **arguments)


def in_c(config, trial):
    if trial.number == 1:
        np.linalg.svd(np.random.default_rng(0).random((9000, 9000)))
    return config["x"]


def deaf(config, trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if trial.number == 1:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        while True:
            pass
    return config["x"]


@pytest.mark.parametrize("objective", [in_c, pytest.param(deaf, marks=pytest.mark.slow)])
def test_a_trial_that_hangs_fails_and_the_study_goes_on(tmp_path, objective):
    before = set(psutil.Process().children(recursive=True))
    study = tune(objective, n_trials=4, trial_timeout="1.5s", storage=str(tmp_path), name="s")
    assert [t.status for t in study.trials] == ["completed", "failed", "completed", "completed"]
    assert study.trials[1].reason == "it ran longer than the 1.5 s that trial_timeout left it"
    attempt = study.trials[1].attempts[0]
    assert 1.5 <= attempt.ended - attempt.started < 10
    assert set(psutil.Process().children(recursive=True)) <= before


def hungry(config, trial):
    if trial.number == 1:
        hoard = []
        while True:
            hoard.append(np.ones(10_000_000))
    if trial.number == 2:
        subprocess.run([sys.executable, "-c", HELD_BY_A_CHILD], check=False)
    return config["x"]


def test_memory_counts_all_processes_of_a_trial(tmp_path):
    study = tune(hungry, n_trials=4, n_workers=2, trial_memory="300MB", storage=str(tmp_path), name="s")
    assert [t.status for t in study.trials] == ["completed", "failed", "failed", "completed"]
    for trial in study.trials[1:3]:
        assert trial.reason.startswith("it held ")
        assert trial.reason.endswith(" of memory, more than trial_memory=300 MB")


def pausing(config, trial):
    for epoch in trial.epochs():
        time.sleep(0.3)
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, y=-epoch)


@pytest.mark.slow
def test_time_is_counted_over_the_attempts_of_a_paused_trial(tmp_path):
    arguments = {"scheduler": "asha", "max_resource": 9, "n_trials": 9, "storage": str(tmp_path)}
    study = tune(pausing, trial_timeout=1.6, max_failures=100, name="s", **arguments)
    failed = [t for t in study.trials if t.status == "failed"]
    assert failed
    for trial in failed:
        assert len(trial.attempts) > 1  # no attempt alone is as long as that, but together they are
        assert sum(a.ended - a.started for a in trial.attempts) >= 1.6
        assert "that trial_timeout left it" in trial.reason


def test_a_failure_by_a_limit_is_one_for_the_searcher_and_for_max_failures(tmp_path):
    with pytest.raises(TooManyFailures, match="2 trials in a row failed"):
        tune(time_out, n_trials=5, trial_timeout=0.2, max_failures=2, storage=str(tmp_path), name="s")


def time_out(config):
    time.sleep(60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trial_timeout": 0}, "trial_timeout=0; give seconds"),
        ({"trial_timeout": "soon"}, "trial_timeout='soon'"),
        ({"trial_memory": "8 apples"}, "trial_memory='8 apples'; give bytes, or text such as"),
        ({"trial_memory": -1}, "trial_memory=-1"),
        ({"gpus_per_trial": 0}, "gpus_per_trial=0; give a whole number of at least 1, or a share"),
        ({"gpus_per_trial": 0.7}, "gpus_per_trial=0.7"),
        ({"gpus_per_trial": True}, "gpus_per_trial=True"),
        ({"gpus_per_trial": 1, "n_workers": 3}, "there are 2 .CUDA_VISIBLE_DEVICES., enough for 2 at once"),
        ({"gpus_per_trial": 4}, "enough for 0 at once"),
    ],
)
def test_limits_that_cannot_be_are_told_before_anything_is_made(tmp_path, monkeypatch, arguments, message):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    with pytest.raises(ArgumentError, match=message):
        tune(time_out, n_trials=1, storage=str(tmp_path / "studies"), name="s", **arguments)
    assert not (tmp_path / "studies").exists()


def test_a_limit_needs_an_objective_that_can_travel(tmp_path):
    stuck = threading.Lock()
    with pytest.raises(ObjectiveError, match="trial_timeout needs a worker process, but"):
        tune(lambda c: stuck.locked(), n_trials=1, trial_timeout=5, storage=str(tmp_path), name="s")


@pytest.mark.parametrize("limit", ["596h", "600h", "30d", 1e15, 1e300])
def test_a_limit_may_be_of_any_length(tmp_path, limit):
    a = tune(sleeping, n_trials=2, n_workers=2, timeout=limit, storage=str(tmp_path), name="a")
    b = tune(sleeping, n_trials=1, trial_timeout=limit, storage=str(tmp_path), name="b")
    assert [t.status for t in (*a.trials, *b.trials)] == ["completed"] * 3


def sleeping(config):
    time.sleep(0.1)  # so that its coordinator waits
    return config["x"]


@pytest.mark.parametrize(
    ("text", "size"),
    [(5, 5), ("8GB", 8 * 10**9), ("1.5 GiB", 3 * 2**29), ("500mb", 5 * 10**8), ("64k", 64_000)],
)
def test_sizes(text, size):
    assert size_of("trial_memory", text) == size


@pytest.mark.parametrize(
    ("share", "n_workers", "seen"), [(1, 2, [4.0, 7.0]), (0.5, 3, [4.0, 4.0, 7.0]), (2, 1, [4.7])]
)
def test_each_worker_sees_its_gpus_also_who_takes_a_dead_ones_place(
    tmp_path, monkeypatch, share, n_workers, seen
):
    (tmp_path / "met").mkdir()

    def gpus(config, trial):
        if trial.number == 2 and trial.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.number > 2:  # the last ones wait for each other, so that each has a worker of its own
            (tmp_path / "met" / str(trial.number)).touch()
            end = time.monotonic() + 60
            while len(list((tmp_path / "met").iterdir())) < n_workers and time.monotonic() < end:
                time.sleep(0.02)
        return {"y": 0, "gpu": float(os.environ["CUDA_VISIBLE_DEVICES"].replace(",", "."))}

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    study = tune(
        gpus, n_trials=3 + n_workers, n_workers=n_workers, gpus_per_trial=share,
        storage=str(tmp_path / "studies"), name="s",
    )  # fmt: skip
    assert sorted(t.metrics["gpu"] for t in study.trials[3:]) == seen
    assert len(study.trials[2].attempts) == 2


def test_gpus_are_asked_of_the_driver_where_the_environment_is_silent(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpus.assign(1, 2) == ["0", "1"]
    driver.write_text("#!/bin/sh\nexit 9\n")
    assert gpus.visible() == []
