"""What the scripts of transfer/ share: the problems with their sources, and a run's line."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.blackbox.tasks import BENCH, Config, active

TRIALS = 25
MARKS = (5, 10, 25)

Sources = Mapping[str, list[tuple[Config, float]]]
Search = Callable[[str, Any, Sources, Callable[[Config], float], int], None]
"""(method, problem, sources, objective, seed): calls the objective TRIALS times, one after the other."""


def main(methods: Mapping[str, str], search: Search) -> None:
    """`METHOD SEED...`: print a line for each problem and seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=methods)
    parser.add_argument("seeds", type=int, nargs="+")
    options = parser.parse_args()
    sys.path.insert(0, str(BENCH))
    import multi

    for seed in options.seeds:
        for problem in multi.transfers(split="dev"):
            sources, seen = problem.sources(seed), []

            def objective(config: Config, problem: Any = problem, seen: list[Any] = seen) -> float:
                seen.append(problem.evaluate(active(problem.space, config)))
                return float(seen[-1]["error"])

            since = time.process_time()
            with contextlib.redirect_stdout(sys.stderr):
                search(options.method, problem, sources, objective, seed)
            regret = problem.regret(seen)
            run = {"problem": problem.name, "seed": seed, "stamp": methods[options.method]}
            found = {
                "regret": [round(float(regret[n - 1]), 4) for n in MARKS],
                "search": round(time.process_time() - since, 2),
            }
            print(json.dumps(run | found), flush=True)
