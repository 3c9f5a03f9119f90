"""Running `rung` as a user does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from click.testing import CliRunner

from rung.cli.main import commands

FILE = """
import functools
import time

import rung
from beside import OFFSET

metric = "loss"
n_trials = 6
report_only = ["test_error"]
space = {"x": rung.Float(0, 1), "kind": rung.Categorical(["a\\x1b[31m", "b"])}


@functools.cache
def offset():
    return OFFSET


def objective(config, trial):
    print("trial", trial.number, flush=True)
    time.sleep(PAUSE)
    if trial.number == 1:
        raise RuntimeError("no \\x1b[2Jluck")
    return {"loss": config["x"] + offset(), "test_error": 0.77777}


def failing(config):
    raise ValueError("always")


def wrong(config):
    return {"accuracy": 1.0}
"""


def write_file(folder: Path, pause: float = 0.0) -> Path:
    """Write an experiment and the module it imports."""
    (folder / "beside.py").write_text("OFFSET = 10.0\n")
    path = folder / "softmax.py"
    path.write_text(FILE.replace("PAUSE", str(pause)))
    return path


def environment() -> dict[str, str]:
    """This one, without a storage that the machine's user set."""
    return {k: v for k, v in os.environ.items() if k != "RUNG_STORAGE"}


def rung(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "rung", *arguments],
        check=False, capture_output=True, text=True, timeout=60, cwd=cwd, env={**environment(), **env},
    )  # fmt: skip


def rung_here(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which shows no messages: for what looks at a study, or is refused."""
    with contextlib.chdir(cwd), mock.patch.object(sys, "path", list(sys.path)):
        done = CliRunner(env={"RUNG_STORAGE": None}).invoke(commands, arguments, catch_exceptions=False)
    sys.modules.pop("beside", None)  # the next file has another one
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)
