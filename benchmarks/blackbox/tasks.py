"""What the scripts of blackbox/ share: the tasks, the objective that times the search, a run's line.

Imported by the interpreters of all libraries, so it needs only numpy and onnxruntime.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

BENCH = Path(os.environ.get("RUNG_BENCH") or Path(__file__).resolve().parents[3] / "shared" / "bench")

Config = dict[str, Any]
Space = list[dict[str, Any]]
"""A dict per hyperparameter: name, type (float, int, cat), low, high, log or choices, and when active."""


def task_of(name: str) -> Any:
    sys.path.insert(0, str(BENCH))
    from surrogates import Task

    return Task(*name.split("/"))


def is_active(domain: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Say whether a hyperparameter counts; parents stand before their children in every space."""
    when = domain.get("when")
    return when is None or config.get(when["name"]) in when["in"]


def active(space: Space, config: Mapping[str, Any]) -> Config:
    """Return the active hyperparameters as plain values; ValueError if one is missing or out of bounds."""
    found: Config = {}
    for domain in space:
        if is_active(domain, found):
            found[domain["name"]] = plain(domain, config[domain["name"]])
    return found


def plain(domain: Mapping[str, Any], value: Any) -> Any:
    """Return the value as a str, int or float; floats may miss a bound by a rounding error."""
    name = domain["name"]
    if domain["type"] == "cat":
        if value not in domain["choices"]:
            raise ValueError(f"{name}={value!r} is none of {domain['choices']}")
        return str(value)
    low, high = domain["low"], domain["high"]
    slack = 0 if domain["type"] == "int" else 1e-9 * max(abs(low), abs(high))
    if not low - slack <= value <= high + slack:
        raise ValueError(f"{name}={value!r} is not within {low} and {high}")
    if domain["type"] == "int":
        if int(value) != value:
            raise ValueError(f"{name}={value!r} is no integer")
        return int(value)
    return float(min(max(value, low), high))


class Objective:
    """The loss of a configuration; what happens between two calls is search, and is timed.

    Inactive hyperparameters are removed before evaluating. CPU time: other load does not count.
    """

    def __init__(self, task: Any) -> None:
        self._task = task
        self.losses: list[float] = []
        self.searches: list[float] = []
        self._since = time.process_time()

    def __call__(self, config: Mapping[str, Any]) -> float:
        self.searches.append(time.process_time() - self._since)
        loss = self._task.evaluate(active(self._task.space, config))["loss"]
        self.losses.append(loss)
        self._since = time.process_time()
        return loss

    @property
    def run(self) -> dict[str, Any]:
        """What is kept of the run; the time to the last answer belongs to it."""
        total = sum(self.searches) + time.process_time() - self._since
        return {"losses": self.losses, "search": round(total, 4), "ask": round(median(self.searches), 6)}


Search = Callable[[str, Objective, Space, int, int], None]
"""(method, objective, space, seed, trials): calls the objective `trials` times, one after the other."""


def main(methods: Mapping[str, str], search: Search) -> None:
    """`--methods`: print each with its stamp; `METHOD TASK TRIALS SEED...`: print a line for each seed."""
    if sys.argv[1] == "--methods":
        print(json.dumps(methods))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=methods)
    parser.add_argument("task")
    parser.add_argument("trials", type=int)
    parser.add_argument("seeds", type=int, nargs="+")
    options = parser.parse_args()
    task = task_of(options.task)
    task.evaluate(task.sample(_rng())[0])  # loads the model
    for seed in options.seeds:
        objective = Objective(task)
        with contextlib.redirect_stdout(sys.stderr):
            search(options.method, objective, task.space, seed, options.trials)
        assert len(objective.losses) == options.trials
        line = {"seed": seed, "stamp": methods[options.method], **objective.run}
        print(json.dumps(line), flush=True)


def _rng() -> Any:
    import numpy as np

    return np.random.default_rng(0)
