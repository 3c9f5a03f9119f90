"""The examples, as a user runs them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
