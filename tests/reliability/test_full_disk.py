"""A disk that is full while a checkpoint is saved stops the study and costs no trial; what a trial writes itself does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

FILE = """
import os
import sys
from pathlib import Path

import rung

space = {"x": rung.Float(0, 1)}
metric = "y"
max_resource = 3
keep_checkpoints = "all"
SAVES = os.environ["SAVES"]


def write(path):
    data = os.urandom(300_000)
    if SAVES == "quietly":  # as libraries in C++ do: the reason is lost
        try:
            path.write_bytes(data)
        except OSError:
            raise RuntimeError("file write failed") from None
    elif SAVES == "many files":
        for i in range(30):
            (path.parent / f"{i}").touch()
    else:
        path.write_bytes(data)


def objective(config, trial):
    for epoch in trial.epochs():
        if SAVES == "its own":
            Path(os.environ["OWN"], f"{trial.number}-{epoch}").write_bytes(os.urandom(300_000))
        elif SAVES == "its folder":
            write(trial.checkpoint_dir / f"{epoch}")
        else:
            try:
                with trial.checkpoint() as path:
                    write(path / "model")
            except Exception:
                raise SystemExit("swallowed") from None
        trial.report(epoch=epoch, y=config["x"] / epoch)
"""


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own; `grow` gives it more room."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    options = "size=6m,nr_inodes=250"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(mounted)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def grow(disk):
    subprocess.run(["mount", "-o", "remount,size=100m,nr_inodes=10000", str(disk)], check=True)


def run(disk, tmp_path, saves, *arguments):
    (tmp_path / "train.py").write_text(FILE)
    command = [sys.executable, "-c", "from rung.cli.main import main; main()", "run", "train.py", "--name", "s", "--quiet",
               "--storage", str(disk / "studies"), "--n-trials", "20", "--searcher", "random", *arguments]  # fmt: skip
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "SAVES": saves,
        "OWN": str(disk),
    }
    return subprocess.run(
        command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment
    )


def state(disk, n_workers):
    return check_log(list(SqliteStorage(disk / "studies").read("s")), capacity=n_workers)


@pytest.mark.parametrize(
    ("saves", "n_workers"),
    [
        ("aloud", 1),
        ("aloud", 2),
        ("quietly", 1),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [("quietly", 2), ("many files", 1), ("many files", 2)]
        ),
    ],
)
def test_a_full_disk_costs_no_trial(disk, tmp_path, saves, n_workers):
    for _ in range(2):  # to start it again on a full disk costs none either
        done = run(disk, tmp_path, saves, "--n-workers", str(n_workers))
        assert done.returncode == 74, done.stderr
        assert "its checkpoint can't be saved" in done.stderr
        assert "once there is space on a sound disk, run it again" in done.stderr
        counts = state(disk, n_workers).counts
        assert counts["failed"] == counts["lost"] == 0
    grow(disk)
    done = run(disk, tmp_path, saves, "--n-workers", str(n_workers))
    assert done.returncode == 0, done.stderr
    assert state(disk, n_workers).counts["completed"] == 20


def test_nor_does_a_clone_that_can_not_be_copied(disk, tmp_path):
    arguments = ["--scheduler", "pbt", "--n-workers", "2"]
    done = run(disk, tmp_path, "aloud", *arguments)
    assert done.returncode == 74, done.stderr
    counts = state(disk, 2).counts
    assert counts["failed"] == counts["lost"] == 0
    grow(disk)
    done = run(disk, tmp_path, "aloud", *arguments)
    assert done.returncode == 0, done.stderr
    assert state(disk, 2).counts["failed"] == 0


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("saves", ["its own", "its folder"])
def test_what_a_trial_writes_itself_is_its_own_failure(disk, tmp_path, saves, n_workers):
    done = run(disk, tmp_path, saves, "--n-workers", str(n_workers))
    assert done.returncode == 1, done.stderr
    assert "trials in a row failed" in done.stderr
    failed = [t for t in state(disk, n_workers).trials if t.status == "failed"]
    assert {t.reason.split(": ")[0] for t in failed} == {"OSError"}
    assert all(
        "the disk is full or broken: a trial that can't write its own files fails" in t.reason for t in failed
    )
