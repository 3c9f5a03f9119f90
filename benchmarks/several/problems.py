"""What the scripts of several/ share: the problems, and a run's line; for all libraries' interpreters."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.blackbox.tasks import BENCH, Config, active

TRIALS = 100
MARKS = (25, 50, 100)
KINDS = ("mo", "constrained")


def problems(kind: str) -> list[Any]:
    """The core problems of a kind among the development tasks; what is asked of them stands in multi.py."""
    sys.path.insert(0, str(BENCH))
    import multi

    return list(multi.problems(kind, split="dev", core=True))


class Objective:
    """The metrics of a configuration; the time between two calls is search, in seconds of the processor."""

    def __init__(self, problem: Any) -> None:
        self._problem = problem
        self.seen: list[dict[str, float]] = []
        self.search = 0.0
        self._since = time.process_time()

    def __call__(self, config: Mapping[str, Any]) -> dict[str, float]:
        self.search += time.process_time() - self._since
        self.seen.append(self._problem.evaluate(active(self._problem.space, config)))
        self._since = time.process_time()
        return self.seen[-1]


Search = Callable[[str, Any, Callable[[Config], dict[str, float]], int], None]
"""(method, problem, objective, seed): calls the objective TRIALS times, one after the other."""


def main(methods: Mapping[str, str], search: Search) -> None:
    """`METHOD KIND SEED...`: print a line for each problem and seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=methods)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("seeds", type=int, nargs="+")
    options = parser.parse_args()
    for problem in problems(options.kind):
        for seed in options.seeds:
            objective = Objective(problem)
            with contextlib.redirect_stdout(sys.stderr):
                search(options.method, problem, objective, seed)
            regret = problem.regret(objective.seen)
            run = {"problem": problem.name, "seed": seed, "stamp": methods[options.method]}
            found = {
                "regret": [round(float(regret[n - 1]), 4) for n in MARKS],
                "search": round(objective.search, 2),
            }
            print(json.dumps(run | found), flush=True)
