"""The book's MLP under ASHA on two real processes, killed three times: the decisions are an unbroken run's."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from rung.errors import StudyNotFound
from rung.schedulers import ASHA
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Outcome, Reported
from rung.testing import check_decisions, check_log

SCRIPT = Path(__file__).parents[2] / "examples" / "mlp_fashion_mnist.py"

pytestmark = pytest.mark.slow


def count_reports(storage: SqliteStorage) -> int:
    try:
        return sum(isinstance(event, Reported) for event in storage.read("mlp"))
    except StudyNotFound:
        return 0


def test_killed_three_times(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    command = [
        sys.executable,
        str(SCRIPT),
        "--quick",
        "--data",
        "digits",
        "--name",
        "mlp",
        "--storage",
        "studies",
    ]
    storage = SqliteStorage(tmp_path / "studies")
    for reports in (6, 18, 30):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while count_reports(storage) < reports:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    events = list(storage.read("mlp"))
    state = check_log(events, n_trials=24, capacity=2)
    assert len(state.sessions) == 4
    assert len(state.trials) == 24
    assert all(trial.is_finished for trial in state.trials)
    outcomes = Counter(a.outcome for t in state.trials for a in t.attempts)
    assert outcomes[Outcome.PAUSED] >= 24  # each trial paused at its first rung
    assert check_decisions(events, ASHA()) > 60
