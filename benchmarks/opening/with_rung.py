"""One measurement of rung for opening/: `with_rung CASE N STORAGE` prints JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import rung
from rung.storage import Owner, open_storage
from rung.storage.snapshots import Keeper, open_to_go_on
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Reported,
    SessionEnded,
    SessionStarted,
    TrialCreated,
)

SPACE = {"learning_rate": rung.Float(1e-4, 1, log=True), "units": rung.Int(1, 512),
         "optimizer": rung.Categorical(["sgd", "adam"])}  # fmt: skip
REPORTS = 10
NAME = "big"


def write(n: int, url: str) -> float:
    """Write a study of n trials with 10 reports each, as a coordinator of two workers leaves it; seconds."""
    begun = time.perf_counter()
    study = rung.Study(SPACE, metric="error", max_resource=REPORTS, storage=url, name=NAME, seed=0)
    storage, state = open_storage(url, "process"), study.state
    lease = storage.acquire(NAME, Owner("here", 1, time.time()))
    keeper = Keeper(storage, NAME)
    for events in batches(n):
        storage.append(lease, events)
        for event in events:
            state.apply(event)
        keeper.keep(state, events)
    storage.release(lease)
    return time.perf_counter() - begun


def batches(n: int, size: int = 100) -> Iterator[list[Event]]:
    """All events, some at once: a real study has one or two in a step."""
    plan = {"n_trials": n, "n_workers": 2, "max_resource": REPORTS, "command": "python train.py",
            "searcher": {"name": "random"}}  # fmt: skip
    events: list[Event] = [
        SessionStarted(id="s1", t=0.0, epoch=1, wall=time.time(), owner={}, plan=plan, versions={})
    ]
    for i in range(n):
        events += trial(i)
        if len(events) >= size:
            yield events
            events = []
    yield [*events, SessionEnded(id="s1/end", t=n / 1000, reason="done")]


def trial(i: int) -> Iterator[Event]:
    t, value = i / 1000 + 1e-7, (i * 0.6180339887498949) % 1
    used = {"train_seconds": value, "cpu_seconds": value / 2, "peak_memory_mb": 100 + value}
    config = {"learning_rate": 1e-4 + value / 2, "units": 1 + i % 512, "optimizer": ["sgd", "adam"][i % 2]}
    yield TrialCreated(id=f"t{i}", t=t, trial=i, config=config, origin="searcher")
    yield AttemptStarted(id=f"t{i}/a1", t=t, trial=i, attempt=1)
    for n in range(1, REPORTS + 1):
        yield Reported(id=f"t{i}/a1/r{n}", t=t, trial=i, attempt=1, number=n, resource=n,
                       metrics={"error": value + 1 / n})  # fmt: skip
    yield AttemptEnded(id=f"t{i}/a1/end", t=t, trial=i, attempt=1, outcome="completed", metrics=used)


def timed(function, n: int) -> tuple[float, float, float]:
    """Seconds, those of the processor, and the megabytes of this process at its largest."""
    wall, cpu = time.perf_counter(), time.process_time()
    state = function()
    took = time.perf_counter() - wall, time.process_time() - cpu
    assert (len(state.trials), len(state.curve)) == (n, REPORTS * n)
    return *took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def load(n: int, url: str) -> tuple[float, float, float]:
    return timed(lambda: rung.Study.load(NAME, storage=url).state, n)


def walk(n: int, url: str) -> tuple[float, float, float]:
    """Open it and look at every trial and every report."""

    def all_of_it():
        study = rung.Study.load(NAME, storage=url)
        sum(report.metrics["error"] for trial in study.trials for report in trial.reports)
        return study.state

    return timed(all_of_it, n)


def go_on(n: int, url: str) -> tuple[float, float, float]:
    """What a coordinator reads and checks before it goes on with the study."""
    return timed(lambda: open_to_go_on(open_storage(url), NAME)[0], n)


def status(_n: int, url: str) -> tuple[float, float, float]:
    return run([sys.executable, "-m", "rung", "status", NAME, "--storage", url])


def run(command: list[str]) -> tuple[float, float, float]:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


CASES = {"write": write, "load": load, "walk": walk, "go on": go_on, "status": status}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
