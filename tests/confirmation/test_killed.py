"""Real processes, killed before and in a confirmation: the same winner and the same claim as unbroken."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

import rung
from rung.errors import StudyNotFound
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

JOB = """
import sys, time
import numpy as np
import rung

def train(config, trial):
    time.sleep(0.02)
    return (config["x"] - 0.3) ** 2 + np.random.default_rng(trial.seed).normal(0, 0.1)

rung.tune(train, {"x": rung.Float(0, 1)}, n_trials=30, confirm=20, n_workers=int(sys.argv[2]),
          searcher="random", seed=3, name="s", storage=sys.argv[1], progress=False)
"""


def command(folder, workers):
    return [sys.executable, "-c", JOB, str(folder), str(workers)]


def events(folder):
    try:
        return len(list(SqliteStorage(folder).read("s")))
    except StudyNotFound:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_kills_in_a_confirmation_change_nothing(tmp_path, workers):
    subprocess.run(command(tmp_path / "whole", workers), check=True)
    whole = rung.Study.load("s", storage=str(tmp_path / "whole"))
    length, killed = events(tmp_path / "whole"), 0
    for share in (0.2, 0.5, 0.6, 0.7, 0.8, 0.9):
        running = subprocess.Popen(command(tmp_path / "cut", workers), start_new_session=True)
        while running.poll() is None and events(tmp_path / "cut") < share * length:
            time.sleep(0.01)
        running.kill()
        killed += running.wait() != 0
    subprocess.run(command(tmp_path / "cut", workers), check=True)
    assert killed
    cut = rung.Study.load("s", storage=str(tmp_path / "cut"))
    assert cut.winner() == whole.winner()
    check_log(list(cut.events()), n_trials=30, capacity=workers)
