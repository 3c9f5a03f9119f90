"""A report returns once it is stored, or not at all: whatever runs the objective, and however its loop is written."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rung
from rung.errors import StorageError
from rung.execution.base import AttemptId, Job
from rung.objectives.ended import TrialInterrupted
from rung.objectives.trial import RunningTrial
from rung.storage import MemoryStorage
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Verdict

SPACE = {"x": rung.Float(0, 1)}
SCRIPT = """
import os, resource, sys, rung
n_workers, how = int(sys.argv[1]), sys.argv[2]
if how == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))

def objective(config, trial):
    with open("acks", "a", buffering=1) as acks:
        for epoch in trial.epochs():
            if how == "moved" and trial.number == 4 and epoch == 2:
                for path in os.listdir("studies"):
                    os.rename(f"studies/{path}", f"studies/.{path}")
            trial.report(epoch=epoch, value=config["x"])
            print(f"t{trial.number}/a{trial.attempt}/r{epoch}", file=acks)

rung.tune(objective, {"x": rung.Float(0, 1)}, n_trials=200, max_resource=3, n_workers=n_workers, searcher="random",
          seed=1, name="s", storage="studies", durability="process", progress=False)
"""


@pytest.mark.parametrize("how", ["full", "moved"])
@pytest.mark.parametrize("n_workers", [1, 2])
def test_no_report_returns_that_is_not_stored(tmp_path, n_workers, how):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", str(n_workers), how], check=False, cwd=tmp_path, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "StorageError: study 's': " in done.stderr
    for path in (tmp_path / "studies").iterdir():
        path.rename(path.with_name(path.name.lstrip(".")))
    stored = {event.id for event in SqliteStorage(tmp_path / "studies").read("s")}
    acknowledged = (tmp_path / "acks").read_text().split()
    assert len(acknowledged) > 5
    assert stored.issuperset(acknowledged)


def train(trial, acknowledged):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, y=1.0)
        acknowledged.append(epoch)


class Unwilling(MemoryStorage):
    """Takes no report of epoch 2."""

    def append(self, lease, events):
        if any(event.id.endswith("/r2") for event in events):
            raise StorageError("no more")
        return super().append(lease, events)


def test_nor_in_a_trial_that_was_asked_for():
    study = rung.Study(SPACE, metric="y", max_resource=3, storage=Unwilling())
    trial, acknowledged = study.ask(), []
    with pytest.raises(StorageError, match="no more"):
        train(trial, acknowledged)
    assert acknowledged == [1]


def test_nor_if_an_objective_goes_on_all_the_same():
    acknowledged = []

    def objective(config, trial):
        for _ in range(2):
            for epoch in (1, 2, 3):
                try:
                    trial.report(epoch=epoch, y=1.0)
                except BaseException:
                    continue
                acknowledged.append(epoch)
        return {"y": 1.0}

    with pytest.raises(StorageError, match="no more"):
        rung.tune(objective, SPACE, metric="y", n_trials=3, storage=Unwilling(), progress=False)
    assert acknowledged == [1]


def test_the_report_of_an_attempt_that_is_no_longer_its_trials_own_raises():
    """An executor of another kind may find out late; nothing of such an attempt is stored."""
    verdicts = iter([Verdict.CONTINUE, Verdict.SUPERSEDED])
    job = Job(AttemptId(0, 1), {"x": 0.5}, seed=0, max_resource=3)
    trial, acknowledged = RunningTrial(job, ("y",), lambda report: next(verdicts)), []
    with pytest.raises(TrialInterrupted, match="superseded after epoch 2"):
        train(trial, acknowledged)
    assert acknowledged == [1]
