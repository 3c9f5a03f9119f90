"""Damaged databases; `damage.py` says how they are made, and makes any number of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_damaged_study_gives_a_beginning_or_an_error_and_nothing_else():
    # In a process of its own: SQLite must not crash or hang either.
    command = [sys.executable, "-m", "tests.reliability.damage", "--mutants", "200"]
    done = subprocess.run(command, check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("an error", "a beginning", "whole"):
        assert kind in done.stdout
