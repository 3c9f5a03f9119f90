"""rung's part of league/, run by the interpreter in .peers-bench: by ask and tell, and under ASHA."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.blackbox.tasks import Config, Space
from benchmarks.blackbox.with_rung import space_of
from benchmarks.league.one_run import Refused, Trainings, main, run
from benchmarks.league.tasks import Task, task_of
from benchmarks.runs import CACHE

import rung
from rung.errors import Error
from rung.execution.base import End, Job
from rung.execution.simulator import Simulator
from rung.study.events import Outcome

METHODS = ("auto", "gp", "tpe", "random", "sobol", "evolution", "cmaes", "random, fifo")
"""The last one is for the columns under ASHA alone."""
STAMPS = CACHE / "league_stamps.json"


class Study:
    """A study behind ask and tell."""

    def __init__(self, method: str, space: Space, seed: int) -> None:
        try:
            self._study = rung.Study(
                space_of(space), metric="loss", searcher=method, storage=":memory:", seed=seed
            )
        except Error as error:
            raise Refused(str(error)) from error

    def ask(self) -> tuple[Any, Config]:
        trial = self._study.ask()
        return trial, dict(trial.config)

    def tell(self, handle: Any, config: Config, loss: float) -> None:
        if math.isfinite(loss):
            self._study.tell(handle, loss)
        else:
            self._study.fail(handle, f"the loss is {loss}")

    def recommended(self) -> Config | None:
        try:
            found = getattr(self._study, "recommended", None)
        except Error:  # no trial has ended well
            return None
        config = getattr(found, "config", found)
        return None if config is None else dict(config)


def under_asha(method: str, task: Task, seed: int, marks: Sequence[int], workers: int) -> dict[str, Any]:
    """A study whose trials report each epoch and go on from where they were paused, on a virtual clock."""
    epochs, trainings = task.training.epochs, Trainings(task, seed)
    searcher, _, scheduler = method.partition(", ")
    end = marks[-1] * epochs / workers
    study = rung.Study(
        space_of(task.space), metric="loss", searcher=searcher, scheduler=scheduler or "asha",
        max_resource=epochs, timeout=end + 0.5, storage=":memory:", seed=seed,
    )  # fmt: skip

    def curve(job: Job) -> Iterator[tuple[float, dict[str, float] | End]]:
        for _ in range(job.start_resource, epochs):
            loss = trainings.epoch(job.id.trial, dict(job.config), simulator.now())
            if not math.isfinite(loss):
                trainings.over(job.id.trial)
                yield 1.0, End(job.id, Outcome.FAILED, reason=f"the loss is {loss}")
            yield 1.0, {"loss": loss}

    simulator = Simulator(curve, workers)
    study.drive(simulator, max_failures=10**6)
    return trainings.returned(marks, workers) | {"trials": len(study.trials)}


def search(method: str, task: Task, seed: int, marks: Sequence[int], workers: int) -> dict[str, Any]:
    if task.name.startswith("real-asha:"):
        return under_asha(method, task, seed, marks, workers)
    return run(Study(method, task.space, seed), task, seed, marks, workers)


# ---------------------------------------------------------------- stamps


def sources() -> str:
    """A digest of all of rung's files, and of this one."""
    files = [*sorted(Path(rung.__file__).parent.rglob("*.py")), Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


SOURCES = sources()


def stamp(method: str) -> str:
    """rung's version, and a digest of what the method suggests in short studies; kept: it takes seconds.

    So an edited comment makes nobody run anything again.
    """
    key = f"{SOURCES} {method}"
    known = json.loads(STAMPS.read_text()) if STAMPS.exists() else {}
    if key not in known:
        digest = hashlib.sha256(json.dumps(list(behaviour(method))).encode())
        known = json.loads(STAMPS.read_text()) if STAMPS.exists() else {}
        known[key] = f"{rung.__version__}+{digest.hexdigest()[:8]}"
        STAMPS.parent.mkdir(parents=True, exist_ok=True)
        written = STAMPS.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(known, indent=0))
        written.replace(STAMPS)
    return known[key]


def behaviour(method: str) -> Iterator[Any]:
    """The configurations of five studies: mixed, conditional, noisy, with failures, and under ASHA."""
    searcher = method.partition(", ")[0]
    for name, trials, noise in (
        ("steps/0", 100, 0.0),
        ("deep/0", 30, 0.0),
        ("middle/0", 40, 0.3),
        ("wide/0", 20, 0.0),
    ):
        task, rng = task_of(f"spaces:{name}"), np.random.default_rng(0)
        try:
            study = Study(searcher, task.space, 0)
        except Refused as error:
            yield str(error)
            continue
        for _ in range(trials):
            handle, config = study.ask()
            yield rounded(config)
            study.tell(handle, config, task.truth(config) + noise * rng.standard_normal())
    yield from _under_asha(method)


def _under_asha(method: str) -> Iterator[Any]:
    searcher, _, scheduler = method.partition(", ")
    task = task_of("spaces:middle/1")

    def epoch_of(config: Config, epoch: int) -> tuple[dict[str, float], float]:
        return {"loss": task.truth(config) + 1 / epoch}, 1.0

    study = rung.simulate(
        space_of(task.space), epoch_of, metric="loss", n_workers=2, max_resource=9, searcher=searcher,
        scheduler=scheduler or "asha", n_trials=30, seed=0,
    )  # fmt: skip
    yield from (rounded(trial.config) for trial in study.trials)


def rounded(config: Config) -> Any:
    """So that another machine's rounding errors do not count, as far as they are small."""
    return [float(f"{value:.6g}") if isinstance(value, float) else value for value in config.values()]


if __name__ == "__main__":
    main(lambda: {method: stamp(method) for method in METHODS}, stamp, search)
