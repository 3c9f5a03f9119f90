"""What the scripts of multifidelity/ share: the tasks, the virtual clock, and the line that a run leaves.

Imported by the interpreters of all libraries, so it needs only numpy and onnxruntime.
"""

from __future__ import annotations

import argparse
import functools
import heapq
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

REPORTS = 52
ETA = 3
TRAININGS = 25
"""Full trainings per worker, on average, that the budget pays for."""
CONFIGS = Path(__file__).resolve().parents[1] / "results" / "cache"
BENCH = Path(__file__).resolve().parents[3] / "shared" / "bench"

Config = dict[str, Any]
Reported = tuple[float, float]
"""Virtual seconds, and the loss reported then."""


PARTS = (4, 10, REPORTS)
"""A curve is evaluated up to these reports, as far as it is asked for: most trials see the first part."""


class Curve:
    """What each epoch of a configuration gives and takes."""

    def __init__(self, evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], skipped: int) -> None:
        self._evaluate = evaluate
        self._skipped = skipped
        self._losses: list[float] = []
        self._until: list[float] = [0.0]

    def at(self, epoch: int) -> tuple[float, float]:
        """The loss after that epoch, and its seconds; where the surrogate's clock falls, it stands still."""
        before = epoch - 1 + self._skipped if epoch > 1 else 0
        epoch += self._skipped
        while len(self._losses) < epoch:
            known = len(self._losses)
            losses, until = self._evaluate(np.arange(known + 1, next(p for p in PARTS if p > known) + 1))
            self._losses += losses.tolist()
            self._until += np.maximum.accumulate([self._until[-1], *until])[1:].tolist()
        return self._losses[epoch - 1], self._until[epoch] - self._until[before]


class Curves:
    """A task: its space, and the curve of any configuration in it.

    The first of LCBench's 52 reports is made before training. `untrained` counts it as an epoch; else there
    are 51, and its seconds belong to the first. A run is over at `until`, a share of its budget.
    """

    def __init__(self, name: str, untrained: bool, until: float = 1.0) -> None:
        sys.path.insert(0, str(BENCH))
        from surrogates import Task

        self.task = Task("lcbench", name)
        self.space = self.task.space
        self.epochs = REPORTS if untrained else REPORTS - 1
        self.until = until
        self._cached = functools.lru_cache(maxsize=100_000)(self._curve)

    def curve(self, config: Config) -> Curve:
        """The curve of a configuration; 100,000 are kept."""
        return self._cached(tuple(config[domain["name"]] for domain in self.space))

    @functools.cached_property
    def budget(self) -> float:
        """Virtual seconds: TRAININGS times the mean full training of 1,000 random configurations."""
        configs = self.task.sample(np.random.default_rng(0), 1000)
        _, seconds = self.task.evaluate_many(
            [config for config in configs for _ in range(REPORTS)],
            np.tile(np.arange(1, REPORTS + 1), len(configs)),
        )
        return TRAININGS * float(np.mean(seconds.reshape(-1, REPORTS).max(axis=1)))

    @property
    def end(self) -> float:
        """Virtual seconds at which a run is over."""
        return self.budget * self.until

    def _curve(self, values: tuple[Any, ...]) -> Curve:
        config = {domain["name"]: value for domain, value in zip(self.space, values, strict=True)}
        return Curve(
            lambda reports: self.task.evaluate_many([config] * len(reports), reports), REPORTS - self.epochs
        )


def random_configs(seed: int) -> list[Config]:
    """What rung's random search proposes with that seed: the random methods of all libraries try the same."""
    return json.loads((CONFIGS / f"configs-{seed}.json").read_text())


class Tuner(Protocol):
    """A library by ask and tell."""

    def ask(self) -> tuple[Any, Config]:
        """Return a new trial, and its configuration."""

    def report(self, trial: Any, epoch: int, loss: float) -> bool:
        """Return whether it goes on; False also after the last epoch, when it has ended."""


def drive(tuner: Tuner, curves: Curves, workers: int) -> list[Reported]:
    """Run asynchronous workers on a virtual clock until the curves' end; returns what they reported.

    The same queue as `rung.execution.Simulator`: equal moments come in the order in which they were planned.
    """
    reported: list[Reported] = []
    queue: list[tuple[float, int, int, float, Any, Curve]] = []
    planned = 0

    def plan(now: float, epoch: int, trial: Any, curve: Curve) -> None:
        nonlocal planned
        planned += 1
        loss, seconds = curve.at(epoch)
        heapq.heappush(queue, (now + seconds, planned, epoch, loss, trial, curve))

    def start(now: float) -> None:
        trial, config = tuner.ask()
        plan(now, 1, trial, curves.curve(config))

    for _ in range(workers):
        start(0.0)
    while queue[0][0] <= curves.end:
        now, _, epoch, loss, trial, curve = heapq.heappop(queue)
        reported.append((now, loss))
        if tuner.report(trial, epoch, loss):
            plan(now, epoch + 1, trial, curve)
        else:
            start(now)
    return reported


def incumbents(reported: Iterable[Reported]) -> list[Reported]:
    """When the lowest loss reported so far, at any epoch of any trial, fell; and to what."""
    found: list[Reported] = []
    for when, loss in reported:
        if not found or loss < found[-1][1]:
            found.append((round(when, 6), loss))
    return found


Run = Callable[[str, Curves, int, int], tuple[list[Reported], int]]
"""(method, curves, workers, seed) to what was reported in order of time, and how many trials were begun."""


def main(run: Run) -> None:
    """Run one method on one task with some seeds; print a JSON line for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("task")
    parser.add_argument("workers", type=int)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--untrained", action="store_true")
    parser.add_argument("--until", type=float, default=1.0)
    options = parser.parse_args()
    curves = Curves(options.task, options.untrained, options.until)
    budget = curves.budget
    for seed in options.seeds:
        start = time.perf_counter()
        reported, trials = run(options.method, curves, options.workers, seed)
        line = {
            "seed": seed,
            "budget": budget,
            "trials": trials,
            "reports": len(reported),
            "wall": round(time.perf_counter() - start, 2),
            "incumbents": incumbents(reported),
        }
        print(json.dumps(line), flush=True)
