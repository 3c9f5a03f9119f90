"""The examples, as a user runs them."""

from __future__ import annotations

import importlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import rung
from rung import datasets
from rung.errors import Error
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

SCRIPT = Path(__file__).parents[1] / "examples" / "softmax_fashion_mnist.py"

pytestmark = pytest.mark.slow


def command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, str(SCRIPT), "--quick", "--storage", str(folder / "studies"), *options]


def has_fashion_mnist() -> bool:
    try:
        datasets.fashion_mnist()
    except Error:
        return False
    return True


def run(folder: Path, *options: str) -> str:
    done = subprocess.run(command(folder, *options), capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(name: str, text: str) -> float:
    return float(re.findall(rf"^{name}: +(\S+)", text, re.MULTILINE)[0])


def test_the_books_job_killed_twice(tmp_path):
    """Killed by SIGKILL at two moments and started again: exactly 16 completed trials and a good winner."""
    pytest.importorskip("torch")
    if not has_fashion_mnist():
        pytest.skip("no Fashion-MNIST here: neither Debian's package, nor a cache, nor a network")
    for seconds in (4.0, 6.0):
        process = subprocess.Popen(
            command(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    out = run(tmp_path)
    assert 0.005 < number("Best learning rate", out) < 0.5
    assert number("Validation error", out) < 0.25
    assert out.count("test_error") == 1
    assert (tmp_path / "softmax_fashion_mnist.png").read_bytes()[:4] == b"\x89PNG"
    log = list(SqliteStorage(tmp_path / "studies").read("softmax-fashion-mnist-quick"))
    state = check_log(log, n_trials=16, capacity=2)
    assert [t.status for t in state.trials] == ["completed"] * 16


def test_digits_need_no_download(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    out = run(tmp_path, "--data", "digits", "--trials", "8", "--workers", "1")
    assert "1,437 of 1,437 images" in out
    assert number("Validation error", out) < 0.2


# ---- LeNet and the perceptron: ASHA with checkpoints


def example(name: str) -> Path:
    return SCRIPT.with_name(f"{name}_fashion_mnist.py")


@pytest.fixture(name="modules")
def _modules(monkeypatch):
    """The examples as modules; their folder is on the path as when they are run."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return {name: importlib.import_module(f"{name}_fashion_mnist") for name in ("lenet", "mlp")}


@pytest.mark.parametrize(("name", "scheduler"), [("lenet", "asha"), ("mlp", "random")])
def test_digits_by_asha_and_random_search(tmp_path, name, scheduler):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    options = ["--data", "digits", "--trials", "9", "--scheduler", scheduler]
    command = [sys.executable, str(example(name)), "--quick", "--storage", "studies", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "Quick mode: 1,437 of 1,437 images" in done.stdout
    assert number("Validation error", done.stdout) < 0.5
    for picture in ("", "_rungs"):
        assert (tmp_path / f"{name}_fashion_mnist{picture}.png").read_bytes()[:4] == b"\x89PNG"
    log = SqliteStorage(tmp_path / "studies").read(f"{name}-digits-{scheduler}-quick")
    state = check_log(list(log), n_trials=9, capacity=2)
    epochs = sum(trial.resource for trial in state.trials)
    assert epochs == 81 if scheduler == "random" else epochs < 60


@pytest.mark.parametrize("name", ["lenet", "mlp"])
def test_two_epochs_and_two_more_are_four(tmp_path, modules, name):
    """Paused after two epochs and resumed in a worker, a trial gets the errors and weights of four at once."""
    module = modules[name]
    space = {**module.SPACE, "data": "digits", "n_images": 600}
    options = {"metric": "validation_error", "report_only": ["test_error"], "n_trials": 3, "max_resource": 4}
    options |= {"seed": 1, "storage": str(tmp_path), "keep_checkpoints": "all", "progress": False}
    asha = rung.schedulers.ASHA(min_resource=2, eta=2)
    straight = rung.tune(module.objective, space, name="straight", **options)
    halved = rung.tune(module.objective, space, name="halved", scheduler=asha, n_workers=2, **options)
    resumed = [trial for trial in halved.trials if trial.status == "completed"]
    assert resumed
    for trial in resumed:
        assert [(r.resource, r.attempt) for r in trial.reports] == [(1, 1), (2, 1), (3, 2), (4, 2)]
        assert errors(trial) == errors(straight.trials[trial.number])
        one, other = weights(tmp_path, "straight", trial.number), weights(tmp_path, "halved", trial.number)
        assert all((one[layer] == other[layer]).all() for layer in one)


def errors(trial):
    return [(r.metrics["validation_error"], r.held_back["test_error"]) for r in trial.reports]


def weights(storage: Path, study: str, trial: int):
    import torch

    (file,) = storage.glob(f"{study}-*/trials/{trial}/checkpoint/state.pt")
    return torch.load(file, weights_only=True)["model"]


# ---- the architecture


def test_every_architecture_can_be_built_and_the_front_is_printed(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    module = importlib.import_module("architecture_fashion_mnist")
    space, rng = rung.Space(module.SPACE), np.random.default_rng(0)
    for pixels in (8, 14):
        for _ in range(30):
            model = module.network(space.sample(rng), pixels).eval()
            assert model(torch.zeros(2, 1, pixels, pixels)).shape == (2, 10)
    monkeypatch.setattr(module, "QUICK", module.Job(600, 1, 9))
    options = ["--quick", "--data", "digits", "--searcher", "evolution", "--storage", str(tmp_path)]
    done = CliRunner().invoke(module.main, options, catch_exceptions=False)
    assert "1,731,954,240 architectures" in done.output
    assert re.search(r"trial \d+: validation_error \S+, inference_ms \S+, model_mb", done.output)
