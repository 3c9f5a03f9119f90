"""What an exception in the objective does: a failed trial, or the end of the study with the traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli.commands import rung as command
from cli.commands import write_file

import rung
from rung.errors import ArgumentError, TrialError

SPACE = {"x": rung.Float(0, 1)}


def raises_until_mended(config, trial):
    if trial.number == 3 and not Path(os.environ["RUNG_TEST_MENDED"]).exists():
        raise ValueError("a bug of trial 3")
    return config["x"]


def tune(objective, **options):
    options = {"n_trials": 6, "storage": ":memory:", "progress": False, **options}
    return rung.tune(objective, SPACE, **options)


@pytest.mark.parametrize("n_workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_raise_stops_with_the_traceback_and_the_trial_runs_again(tmp_path, monkeypatch, n_workers):
    monkeypatch.setenv("RUNG_TEST_MENDED", str(tmp_path / "mended"))
    options = {"name": "s", "storage": str(tmp_path), "n_workers": n_workers, "on_error": "raise"}
    for attempt in (1, 2):
        with pytest.raises(TrialError) as caught:
            tune(raises_until_mended, **options)
        text = str(caught.value)
        assert "trial 3 raised ValueError: a bug of trial 3, so the study stopped" in text
        assert "in raises_until_mended" in text
        trial = rung.Study.load("s", storage=str(tmp_path)).trials[3]
        assert (trial.status, len(trial.attempts)) == ("interrupted", attempt)
        assert "in raises_until_mended" in trial.traceback
    (tmp_path / "mended").touch()
    study = tune(raises_until_mended, **options)
    assert [t.status for t in study.trials] == ["completed"] * 6


def test_continue_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_TEST_MENDED", str(tmp_path / "never"))
    study = tune(raises_until_mended)
    assert [t.status for t in study.trials] == [*["completed"] * 3, "failed", *["completed"] * 2]


def test_what_is_no_exception_is_not_raised():
    """A diverged trial is a result, whatever an exception does."""
    study = tune(lambda c, trial: float("nan") if trial.number == 1 else 1.0, on_error="raise")
    assert study.state.counts["failed"] == 1

    def diverges(config, trial):
        trial.report(value=float("inf") if trial.number == 2 else 1.0)

    study = tune(diverges, on_error="raise")
    assert (study.state.counts["failed"], study.state.counts["completed"]) == (1, 5)


def test_other_words_are_refused():
    with pytest.raises(ArgumentError, match='on_error=\'ignore\'; use "continue" or "raise"'):
        tune(lambda c: 1.0, on_error="ignore")


def test_the_flag(tmp_path):
    write_file(tmp_path)
    done = command("run", "softmax.py", "--on-error", "raise", "--quiet", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: trial 1 raised RuntimeError: no" in done.stderr
    assert 'raise RuntimeError("no' in done.stderr
    assert len(rung.Study.load("softmax", storage=str(tmp_path / "rung_studies")).trials) == 2
