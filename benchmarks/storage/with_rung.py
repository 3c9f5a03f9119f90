"""One measurement of rung for storage/: `with_rung CASE N STORAGE DURABILITY` prints JSON."""

from __future__ import annotations

import json
import sys

import rung

SMALL = {"x": rung.Float(0, 1)}
REPORTS = 100  # of each trial


def empty(config):
    return config["x"]


def reporting(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, value=config["x"])


def run(objective, n: int, storage: str, durability: str, **options) -> float:
    """Seconds from the start of the first trial to the end of the last one."""
    study = rung.tune(objective, SMALL, n_trials=n, n_workers=2, searcher="random", storage=storage,
                      durability=durability, seed=0, progress=False, **options)  # fmt: skip
    attempts = [attempt for trial in study.trials for attempt in trial.attempts]
    assert [trial.status for trial in study.trials] == ["completed"] * n
    return max(a.ended for a in attempts) - min(a.started for a in attempts)


def trials(n: int, storage: str, durability: str) -> float:
    return n / run(empty, n, storage, durability)


def reports(n: int, storage: str, durability: str) -> float:
    return n / run(reporting, n // REPORTS, storage, durability, max_resource=REPORTS)


CASES = {"trials": trials, "reports": reports}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])))
