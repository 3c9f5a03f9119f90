"""One run of the league: a searcher asks, a task answers, what it would return has its true loss looked up.

What the libraries' scripts share; `main` is their command.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any, Protocol
from zlib import crc32

import numpy as np
from benchmarks.blackbox.tasks import Config, Space, active
from benchmarks.league.tasks import Task, task_of


class Refused(Exception):
    """The method cannot search this space."""


class Worst:
    """The worst loss so far, which a failed trial counts as for libraries that want a number."""

    def __init__(self) -> None:
        self._losses: list[float] = []

    def __call__(self, loss: float) -> float:
        if math.isfinite(loss):
            self._losses.append(loss)
            return loss
        return max(self._losses, default=10.0)  # more than what most trials give where any fails


class Asker(Protocol):
    """A library's study, step by step."""

    def ask(self) -> tuple[Any, Config]:
        """Return the library's handle of the next trial, and its configuration."""
        ...

    def tell(self, handle: Any, config: Config, loss: float) -> None:
        """Take the loss; NaN or infinite if the trial diverged."""
        ...

    def recommended(self) -> Config | None:
        """Return what the library itself would return now; None if that is the best observed."""
        ...


def run(asker: Asker, task: Task, seed: int, marks: Sequence[int], workers: int = 1) -> dict[str, Any]:
    """Run as many trials as the last mark says, and look up what would be returned after each mark.

    Several workers are simulated: a trial takes a log-normal time, and its loss is known when that is over.
    The noise and the time of trial n depend on the task, the seed and n alone: equal for all libraries.
    """
    running: list[tuple[float, int, Any, Config]] = []
    asked: list[float] = []
    best: list[Config | None] = []
    recommended: list[Config | None] = []
    places: list[float] = []
    leader, least, begun, now = None, math.inf, 0, 0.0
    for done in range(1, marks[-1] + 1):
        while len(running) < workers and begun < marks[-1]:
            since = time.process_time()
            handle, suggested = asker.ask()
            asked.append(time.process_time() - since)
            config = active(task.space, suggested)
            places += [x for x in (_bound(d, config) for d in task.space) if x is not None]
            duration = float(generator(task, seed, begun, 1).lognormal(0, 0.5))
            heapq.heappush(running, (now + duration, begun, handle, config))
            begun += 1
        now, number, handle, config = heapq.heappop(running)
        loss = task.evaluate(config, generator(task, seed, number, 0))
        since = time.process_time()
        asker.tell(handle, config, loss)
        asked[-1] += time.process_time() - since
        if loss < least:
            leader, least = config, loss
        if done in marks:
            own = asker.recommended()
            best.append(leader)
            recommended.append(leader if own is None else active(task.space, own))
    cost = {"search": round(sum(asked), 3), "ask": round(median(asked), 5)}
    return returned(task, best, recommended) | cost | {"bound": round(mean(places), 3) if places else 0.0}


def returned(task: Task, best: list[Config | None], recommended: list[Config | None]) -> dict[str, Any]:
    """The true losses of what would be returned after each mark; null where that diverges.

    Configurations of real trainings are kept: the best known is looked for among them.
    """
    found: dict[str, Any] = {
        "reference": [task.best, task.median],
        "best": [truth(task, config) for config in best],
        "recommended": [truth(task, config) for config in recommended],
    }
    if task.training is not None:
        found["configs"] = {"best": best, "recommended": recommended}
    return found


def truth(task: Task, config: Config | None) -> float | None:
    loss = math.nan if config is None else task.truth(config)
    return loss if math.isfinite(loss) else None


def _bound(domain: dict[str, Any], config: Config) -> float | None:
    """Whether a number lies on one of its bounds; None of choices, and of what is not active."""
    if domain["type"] == "cat" or domain["name"] not in config:
        return None
    return float(config[domain["name"]] in (domain["low"], domain["high"]))


def generator(task: Task, seed: int, trial: int, what: int) -> np.random.Generator:
    return np.random.default_rng([crc32(task.name.encode()), seed, trial, what])


# ---------------------------------------------------------------- early stopping


class Trainings:
    """A real training's trials, each of which can go on where it stood; an epoch takes a virtual second."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task = task
        self._seed = seed
        self._models: dict[int, Any] = {}
        self._reports: list[tuple[float, float, Config]] = []

    def epoch(self, number: int, config: Config, now: float) -> float:
        """Train the trial `number` for another epoch, from `now` on; returns its loss."""
        training = self.task.training
        if number not in self._models:
            seed = int(generator(self.task, self._seed, number, 0).integers(2**31))
            self._models[number] = training.start(config, np.random.default_rng(seed))
        model = self._models[number]
        model["epoch"] += 1
        loss = training.epoch(config, model)
        self._reports.append((now + 1, loss, config))
        if model["epoch"] == training.epochs:
            self.over(number)
        return loss

    def over(self, number: int) -> None:
        """The trial will never go on; its model is dropped."""
        self._models.pop(number, None)

    def returned(self, marks: Iterable[int], workers: int) -> dict[str, Any]:
        """After so many full trainings' epochs: what has the lowest loss reported, at any epoch."""
        best = []
        for mark in marks:
            end = mark * self.task.training.epochs / workers
            known = [
                (loss, now, config)
                for now, loss, config in self._reports
                if now <= end and math.isfinite(loss)
            ]
            best.append(min(known, key=lambda report: report[:2])[2] if known else None)
        return returned(self.task, best, best)


# ---------------------------------------------------------------- the command


Search = Callable[[str, Task, int, Sequence[int], int], dict[str, Any]]
"""(method, task, seed, marks, workers) to a record; raises Refused."""


def search_by(new: Callable[[str, Space, int, int], Asker]) -> Search:
    """A search one trial after the other; `new` gets (method, space, seed, trials)."""

    def search(method: str, task: Task, seed: int, marks: Sequence[int], workers: int) -> dict[str, Any]:
        return run(new(method, task.space, seed, marks[-1]), task, seed, marks, workers)

    return search


def main(methods: Callable[[], Mapping[str, str]], stamp: Callable[[str], str], search: Search) -> None:
    """`--methods`: print each with its stamp; `METHOD TASK WORKERS MARKS SEED...`: a line for each seed."""
    warnings.simplefilter("ignore")
    if sys.argv[1] == "--methods":
        print(json.dumps(methods()))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("task")
    parser.add_argument("workers", type=int)
    parser.add_argument("marks", type=lambda text: [int(mark) for mark in text.split(",")])
    parser.add_argument("seeds", type=int, nargs="+")
    options = parser.parse_args()
    task, stamped = task_of(options.task), stamp(options.method)
    for seed in options.seeds:
        since = time.process_time()
        with contextlib.redirect_stdout(sys.stderr):
            try:
                record = search(options.method, task, seed, options.marks, options.workers)
            except Refused as error:
                record = {"refused": str(error)}
        record |= {"seed": seed, "stamp": stamped, "cpu": round(time.process_time() - since, 2)}
        print(json.dumps(record), flush=True)
