"""Objectives for real processes, importable by workers and by scripts of the tests."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def quick(config):
    return config["x"]


def napping(config):
    time.sleep(0.05)
    return config["x"]


def reporting(config, trial):
    for epoch in range(1, 4):
        time.sleep(0.02)
        trial.report(epoch=epoch, y=config["x"] / epoch)


def endless(config, trial):
    """Writes its pid and its child's where the test looks, then never ends and never reports."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    note = Path(os.environ["RUNG_TEST_NOTES"]) / str(trial.number)
    note.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
    note.with_suffix(".new").rename(note)
    hold_the_gil() if trial.number % 2 else time.sleep(600)


def hold_the_gil():
    ctypes.PyDLL(None).sleep(600)


def dies(config, trial):
    """The first attempt of each third trial dies in its own way."""
    if trial.attempt == 1:
        match trial.number % 6:
            case 1:
                os.kill(os.getpid(), signal.SIGKILL)
            case 2:
                os._exit(0)
            case 4:
                ctypes.string_at(0)
    return config["x"]


def dies_late(config, trial):
    """Saves and reports; the first attempt dies in its third epoch."""
    for epoch in trial.epochs():
        if epoch == 3 and trial.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        with trial.checkpoint() as path:
            (path / "state").write_text(str(epoch))
        trial.report(epoch=epoch, y=config["x"])


class LoadsWithANote:
    """An objective that tells when it is loaded."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, config):
        return 1.0

    def __setstate__(self, folder):
        (folder / f"loaded-{os.getpid()}").touch()
        self.folder = folder

    def __getstate__(self):
        return self.folder
