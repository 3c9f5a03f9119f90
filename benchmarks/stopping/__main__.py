"""Early stopping with two objectives on LCBench's curves, in virtual time: `python -m benchmarks.stopping`.

Error and seconds of training so far, four workers. Points are the results at every epoch of every trial.
What counts is when a method has the hypervolume (of the error and the logarithm of the seconds) with which
random search without early stopping ends, as a share of its time.
Runs are kept in results/cache/stopping.jsonl, so that a call adds what is missing.
"""

from __future__ import annotations

import argparse
import math
from statistics import mean, median
from typing import Any

import numpy as np
from benchmarks.runs import CACHE, interpreter, keep, kept, lines, machine, save, script, verdict, version

from rung.study.pareto import hypervolumes

PYTHONS = {"rung": interpreter(".peers-bench"), "syne": interpreter(".peers-syne")}
METHODS = (("rung", "fifo"), ("rung", "asha"), ("rung", "hyperband"), ("rung", "median"), ("syne", "MOASHA"))
TASKS = ("167104", "167152", "167168", "189862")
RUNS = CACHE / "stopping.jsonl"
AIM = 0.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="0 runs nothing and shows what there is")
    options = parser.parse_args()
    for library, method in METHODS:
        if not PYTHONS[library].exists():
            continue  # its column stays away
        for task in TASKS:
            key = (library, method, task)
            done = {r["seed"] for r in kept(RUNS) if (r["library"], r["method"], r["task"]) == key}
            missing = [str(seed) for seed in range(options.seeds) if seed not in done]
            if missing:
                for run in lines(
                    [*script(PYTHONS[library], f"stopping.with_{library}"), method, task, *missing]
                ):
                    keep(RUNS, {"library": library, "method": method, "task": task} | run)
    save("stopping.txt", table(list(kept(RUNS))))


def anytime(run: dict[str, Any], reference: tuple[float, float]) -> list[tuple[float, float]]:
    """When the hypervolume grew, as a share of the run's time, and to what."""
    rows = np.array([[loss, math.log10(seconds)] for _, loss, seconds in run["front"]])
    values = hypervolumes(rows, np.array(reference))
    return [(t / run["budget"], float(v)) for (t, _, _), v in zip(run["front"], values, strict=True)]


def table(runs: list[dict[str, Any]]) -> str:
    """A row for each method: when it has what fifo ends with."""
    packages = {"rung": "rung", "syne": "syne-tune"}
    there = {name: package for name, package in packages.items() if PYTHONS[name].exists()}
    facts = {name: version(PYTHONS[name], package) for name, package in there.items()} | machine()
    text = ", ".join(f"{name} {fact}" for name, fact in facts.items()) + "\n\n"
    text += (
        "The share of fifo's time after which its last hypervolume is reached (median of seeds), 4 workers;\n"
    )
    text += "then the hypervolume of all others at 0.4 of its time, by fifo's last (means)\n"
    tasks = [task for task in TASKS if any(r["task"] == task for r in runs)]
    text += f"{'':18}{''.join(f'{task:>9}' for task in tasks)}     mean   hypervolume\n"
    for library, method in METHODS:
        shares, ends = [], []
        for task in tasks:
            some = [r for r in runs if r["task"] == task]
            last = [point for r in some for point in r["front"]]
            reference = max(r["median"] for r in some), math.log10(max(point[2] for point in last))
            fifo = {r["seed"]: anytime(r, reference)[-1][1] for r in some if r["method"] == "fifo"}
            mine = [r for r in some if (r["library"], r["method"]) == (library, method) and r["seed"] in fifo]
            found = [(fifo[r["seed"]], anytime(r, reference)) for r in mine]
            when = [next((t for t, v in curve if v >= goal - 1e-12), math.inf) for goal, curve in found]
            shares.append(median(when) if when else math.nan)
            ends += [curve[-1][1] / goal for goal, curve in found]
        if not ends:
            continue
        columns = "".join(f"{share:9.2f}" for share in shares)
        text += f"{library + ' ' + method:18}{columns}{mean(shares):9.2f}"
        text += f"{mean(ends):12.3f}"
        text += f"   at most {AIM}: {verdict(mean(shares) <= AIM)}\n" if method == "asha" else "\n"
    return text


if __name__ == "__main__":
    main()
