"""Real processes, killed at random moments of a confirmation: the same winner and the same claim as unbroken."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import rung
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


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_kills_in_a_confirmation_change_nothing(tmp_path, workers):
    subprocess.run(command(tmp_path / "whole", workers), check=True)
    whole = rung.Study.load("s", storage=str(tmp_path / "whole"))
    rng, killed = random.Random(7), 0
    while True:
        running = subprocess.Popen(command(tmp_path / "cut", workers), start_new_session=True)
        try:
            running.wait(timeout=0.5 + rng.random() * (1.0 if killed < 12 else 60.0))
        except subprocess.TimeoutExpired:
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
            killed += 1
            time.sleep(0.05)
            continue
        assert running.returncode == 0
        break
    assert killed
    cut = rung.Study.load("s", storage=str(tmp_path / "cut"))
    assert cut.winner() == whole.winner()
    check_log(list(cut.events()), n_trials=30, capacity=workers)
