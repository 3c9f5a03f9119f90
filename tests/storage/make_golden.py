"""Makes the database of the current format that every later rung must open: python tests/storage/make_golden.py.

Run it once for each new `SCHEMA_VERSION`, never again for an old one.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import rung
from rung.storage.sqlite import SqliteStorage
from rung.study.events import SCHEMA_VERSION, AttemptEnded, Event, SessionStarted, WorkerStarted
from rung.study.state import StudyState

GOLDEN = Path(__file__).with_name("golden")
FIRST = {
    "learning_rate": rung.Float(1e-4, 1, log=True),
    "batch_size": rung.Int(8, 256, log=True),
    "optimizer": rung.Categorical(["sgd", "adam", None, True]),
    "momentum": rung.Float(0, 1).when(rung.param("optimizer") == "sgd"),
    "layers": rung.Ordinal([1, 2, 4]),
    "über": "a constant ☃",
}
SECOND = {**FIRST, "dropout": rung.Float(0, 0.5, step=0.1)}
SPACES = {1: FIRST, 2: SECOND, 3: SECOND}
"""By the format in which they are stored."""
ADDED = [({"learning_rate": 0.1, "batch_size": 8, "optimizer": None, "layers": 2, "dropout": 0.3},
          {"error": 0.25, "test_error": 0.5})]  # fmt: skip


def objective(config, trial):
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        if trial.number == 3:
            raise RuntimeError("no luck\x1b[2J")
        error = float("inf") if trial.number == 5 else config["learning_rate"] / epoch
        trial.report(epoch=epoch, error=error, test_error=0.5)


def facts(state: StudyState) -> dict[str, Any]:
    """What a log folded to, as JSON."""
    return {
        "digest": state.digest(),
        "events": state.events,
        "best": state.best.number if state.best else None,
        "sessions": len(state.sessions),
        "looks": state.looks,
        "trials": [
            {
                "number": t.number,
                "status": t.status,
                "config": state.space.config_to_json(t.config),
                "value": repr(t.value),
                "held_back": t.held_back,
                "reason": t.reason,
                "attempts": [[a.number, a.outcome, a.verdict] for a in t.attempts],
                "curve": [[r.resource, repr(r.metrics)] for r in t.reports],
            }
            for t in state.trials
        ],
    }


def make(root: Path) -> None:
    for n_trials in (12, 18):
        study = rung.tune(
            objective, SPACES[SCHEMA_VERSION], metric="error", report_only=["test_error"], scheduler="asha", max_resource=9,
            n_trials=n_trials, n_workers=2, searcher="random", add=ADDED, seed=4, name="golden", storage=root, progress=False,
        )  # fmt: skip
        study.final_report()


def of_anybody(event: Event) -> Event:
    """The event without the paths and the host of the machine that made it."""
    if isinstance(event, AttemptEnded):
        return replace(
            event, traceback=event.traceback.replace(str(Path(rung.__file__).parents[2]), "/home/ann/rung")
        )
    if isinstance(event, WorkerStarted):
        return replace(event, identity={**event.identity, "boot": "00000000-0000-4000-8000-000000000000"})
    if isinstance(event, SessionStarted):
        return replace(
            event, owner={"host": "ann", "pid": 4321}, plan={**event.plan, "command": "python golden.py"}
        )
    return event


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        events = list(map(of_anybody, SqliteStorage(folder).read("golden")))
        storage = SqliteStorage(Path(folder) / "clean")
        storage.restore("golden", events)
        shutil.copyfile(storage.folder("golden") / "study.db", GOLDEN / f"format-{SCHEMA_VERSION}.db")
        told = json.dumps(facts(StudyState.replay(events)))
        (GOLDEN / f"format-{SCHEMA_VERSION}.json").write_text(told.replace('{"number"', '\n{"number"') + "\n")
