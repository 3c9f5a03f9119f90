"""What the scripts of stopping/ share: the curves of multifidelity/, with seconds as the second objective."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable

import numpy as np
from benchmarks.multifidelity.tasks import Curves

WORKERS = 4
UNTIL = 0.4
"""The share of fifo's time at which all others are broken off; what comes later counts as never."""
Point = tuple[float, float, float]
"""When it was reported, the loss and the seconds of training by then."""


def growing(points: Iterable[Point]) -> list[Point]:
    """The points, in order of time, that none before them dominates."""
    front: list[Point] = []
    found = []
    for when, loss, seconds in points:
        if not any(a <= loss and b <= seconds for _, a, b in front):
            front = [p for p in front if not (loss <= p[1] and seconds <= p[2])]
            front.append((when, loss, seconds))
            found.append((round(when, 4), loss, round(seconds, 4)))
    return found


def main(run: Callable[[str, Curves, int], Iterable[Point]]) -> None:
    """`METHOD TASK SEED...`: print a line for each seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("task")
    parser.add_argument("seeds", type=int, nargs="+")
    options = parser.parse_args()
    curves = Curves(options.task, untrained=False, until=1.0 if options.method == "fifo" else UNTIL)
    losses, _ = curves.task.evaluate_many(curves.task.sample(np.random.default_rng(0), 1000))
    for seed in options.seeds:
        points = sorted(point for point in run(options.method, curves, seed) if point[0] <= curves.end)
        line = {
            "seed": seed,
            "budget": curves.budget,
            "median": float(np.median(losses)),
            "reports": len(points),
            "front": growing(points),
        }
        print(json.dumps(line), flush=True)
