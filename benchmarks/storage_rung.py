"""One measurement of rung for storage.py: `storage_rung.py CASE N STORAGE DURABILITY` prints JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import rung
from rung.storage import Owner, open_storage
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Reported,
    SessionEnded,
    SessionStarted,
    TrialCreated,
)

SMALL = {"x": rung.Float(0, 1)}
REPORTS = 100  # of each trial
NAME = "big"


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


def write(n: int, url: str, durability: str) -> float:
    """Write a study of n trials with 10 reports each, as two workers leave it; returns seconds."""
    begun = time.perf_counter()
    rung.Study({"x": rung.Float(0, 1), "units": rung.Int(1, 512)}, storage=url, name=NAME, seed=0)
    storage = open_storage(url, durability)
    lease = storage.acquire(NAME, Owner("here", 1, time.time()))
    plan = {"n_trials": n, "n_workers": 2, "max_resource": 10, "command": "python train.py"}
    events = [SessionStarted(id="s1", t=0.0, epoch=1, wall=time.time(), owner={}, plan=plan, versions={})]
    for i in range(n):
        events += trial(i)
        if len(events) > 10_000:
            storage.append(lease, events)
            events = []
    storage.append(lease, [*events, SessionEnded(id="s1/end", t=n / 1000, reason="done")])
    storage.release(lease)
    return time.perf_counter() - begun


def trial(i: int):
    t, value = i / 1000 + 1e-7, (i * 0.6180339887498949) % 1
    used = {"train_seconds": value, "cpu_seconds": value / 2, "peak_memory_mb": 100 + value}
    yield TrialCreated(id=f"t{i}", t=t, trial=i, config={"x": value, "units": 1 + i % 512}, origin="searcher")
    yield AttemptStarted(id=f"t{i}/a1", t=t, trial=i, attempt=1)
    for n in range(1, 11):
        yield Reported(id=f"t{i}/a1/r{n}", t=t, trial=i, attempt=1, number=n, resource=n,
                       metrics={"value": value + 1 / n})  # fmt: skip
    yield AttemptEnded(id=f"t{i}/a1/end", t=t, trial=i, attempt=1, outcome="completed", metrics=used)


def open_(n: int, storage: str, _durability: str) -> tuple[float, float]:
    """Seconds to load the study, and the megabytes of this process at its largest."""
    begun = time.perf_counter()
    study = rung.Study.load(NAME, storage=storage)
    took = time.perf_counter() - begun
    assert (len(study.trials), len(study.state.curve)) == (n, 10 * n)
    return took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def status(_n: int, storage: str, _durability: str) -> float:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "rung", "status", NAME, "--storage", storage]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


CASES = {"trials": trials, "reports": reports, "write": write, "open": open_, "status": status}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])))
