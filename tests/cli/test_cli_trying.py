"""`rung check` and `rung simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.commands import rung, rung_here

FILE = """
import time
import rung

space = {"x": rung.Float(0, 1)}
metric = "loss"
max_resource = 9
n_trials = 20
n_workers = 4
seed = 5


def objective(config, trial):
    print("noise on stdout", flush=True)
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "model").write_bytes(bytes(2000))
        trial.report(epoch=epoch, loss=config["x"] / epoch)


def raising(config):
    raise RuntimeError("no \\x1b[2Jluck")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job.py").write_text(FILE)
    return tmp_path


def test_check_of_a_good_objective(folder: Path) -> None:
    done = rung("check", "job.py", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok: 0 to fix, 0 to know; tried with x=")
    assert done.stderr == "check: epochs 1 to 4\ncheck: epochs 1 to 2\ncheck: epochs 3 to 4\n"
    assert not (folder / "rung_studies").exists()


def test_check_of_a_bad_objective_is_code_1(folder: Path) -> None:
    done = rung("check", "job.py:raising", "--quiet", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("not ok: 1 to fix")
    assert r"RuntimeError: no \x1b[2Jluck" in done.stdout
    assert "\x1b" not in done.stdout


def test_check_as_json(folder: Path) -> None:
    done = rung(
        "check", "job.py", "--json", "--max-resource", "6", "--timeout", "2min", "--seed", "3", cwd=folder
    )
    data = json.loads(done.stdout)
    assert data["ok"] is True
    assert {finding["topic"] for finding in data["findings"]} >= {"travel", "resume"}
    assert list(data["straight"]) == ["1", "2", "3", "4", "5", "6"]
    assert data["checkpoint_bytes"] == 2000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "absent.py"), "absent.py: there is no such file"),
        (("check", "job.py", "--max-resource", "1"), "1 is not in the range x>=2"),
        (("check", "job.py", "--timeout", "soon"), "timeout='soon'"),
        (("simulate", "job.py", "--pilots", "0"), "pilots=0"),
        (("simulate", "job.py", "--scheduler", "luck"), "luck"),
        (("simulate", "job.py", "--failures", "2"), "2.0 is not in the range"),
    ],
)
def test_wrong_use_is_code_2(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = rung_here(*arguments, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_simulate_takes_the_file_and_flags_go_before_it(folder: Path) -> None:
    done = rung("simulate", "job.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "trials    20: 20 completed" in done.stdout
    assert "epochs    180, 100% of the 180" in done.stdout
    assert "disk      checkpoints of 2 kB, at most " in done.stdout
    assert "noise" not in done.stdout
    assert not (folder / "rung_studies").exists()
    flags = (
        "--workers",
        "8",
        "--n-trials",
        "40",
        "--scheduler",
        "asha",
        "--pilots",
        "2",
        "--stragglers",
        "0.5",
    )
    data = json.loads(rung("simulate", "job.py", "--json", *flags, cwd=folder).stdout)
    assert (data["n_workers"], data["started"], data["pilots"]) == (8, 40, 2)
    assert data["epochs"] < data["full_epochs"] == 360
    assert set(data["trials_per_level"]) == {"1", "3", "9"}


def test_an_option_of_rung_run_is_named_as_one(folder: Path) -> None:
    done = rung("simulate", "job.py", "--stop-when", "<= 1", cwd=folder)
    assert done.returncode == 2
    assert "--stop-when is no option here, but one of rung run" in done.stderr
