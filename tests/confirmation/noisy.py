"""Noisy objectives, and studies of them in virtual time on the real engine."""

from __future__ import annotations

import numpy as np

import rung
from rung.execution.base import End
from rung.execution.simulator import Simulator
from rung.storage import MemoryStorage
from rung.study.events import Outcome

SPACE = {"x": rung.Float(0, 1)}


def noise(seed, scale=0.1):
    return scale * float(np.random.default_rng(seed).standard_normal())


def error_of(job):
    return (job.config["x"] - 0.3) ** 2 + noise(job.seed)


def simulator(value=error_of, capacity=1, seconds=lambda job: 1.0):
    """Runs whose result is `value(job)`: a number, metrics, or the text of a failure."""

    def run(job):
        found = value(job)
        if isinstance(found, str):
            yield seconds(job), End(job.id, Outcome.FAILED, reason=found)
        else:
            yield seconds(job), found if isinstance(found, dict) else {"error": found}

    return Simulator(run, capacity)


def study(
    value=error_of,
    *,
    capacity=1,
    seconds=lambda job: 1.0,
    storage=None,
    name="s",
    n_trials=30,
    stop_when=None,
    **arguments,
):
    arguments = {"metric": "error", "searcher": "random", "seed": 3, "confirm": 20, **arguments}
    made = rung.Study(SPACE, storage=storage or MemoryStorage(), name=name, n_trials=n_trials, **arguments)
    made.drive(simulator(value, capacity, seconds), **({} if stop_when is None else {"stop_when": stop_when}))
    return made


def copy_of(events, storage=None):
    """A storage that holds a study "s" whose log is these events."""
    storage = storage or MemoryStorage()
    from rung.storage import Owner

    storage.create("s", events[0])
    lease = storage.acquire("s", Owner("host", 1, 0.0))
    storage.append(lease, list(events[1:]))
    storage.release(lease)
    return storage
