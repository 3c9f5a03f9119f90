"""Learning from earlier studies, on the development transfer problems of shared/bench/multi.py.

Sources are up to eight studies of 50 trials of other data sets. "cold" learns from none of them, "negated"
and "shuffled" from sources that mislead. Runs are kept in results/cache/transfer.jsonl: a call adds what
is missing.
"""

from __future__ import annotations

import argparse
from statistics import mean, stdev
from typing import Any

from benchmarks.runs import CACHE, interpreter, keep, kept, lines, machine, save, script, version
from benchmarks.transfer.problems import MARKS

PYTHONS = {"rung": interpreter(".peers-bench"), "optuna": interpreter(".peers")}
METHODS = (
    ("rung", "warm"),
    ("rung", "cold"),
    ("rung", "negated"),
    ("rung", "shuffled"),
    ("optuna", "TPE, winners first"),
)
RUNS = CACHE / "transfer.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="0 runs nothing and shows what there is")
    parser.add_argument("--methods", nargs="*", help='such as "rung warm"; all by default')
    options = parser.parse_args()
    for library, method in METHODS:
        if options.methods and f"{library} {method}" not in options.methods:
            continue
        done = {r["seed"] for r in kept(RUNS) if (r["library"], r["method"]) == (library, method)}
        seeds = [str(seed) for seed in range(options.seeds) if seed not in done]
        if seeds:
            for run in lines([*script(PYTHONS[library], f"transfer.with_{library}"), method, *seeds]):
                keep(RUNS, {"library": library, "method": method} | run)
    save("transfer.txt", table(list(kept(RUNS))))


def table(runs: list[dict[str, Any]]) -> str:
    """A row for each method: mean regrets, how far seeds lie apart, seconds of search a run."""
    facts = {
        "rung": version(PYTHONS["rung"], "rung"),
        "optuna": version(PYTHONS["optuna"], "optuna"),
    } | machine()
    names = sorted({run["problem"] for run in runs})
    text = ", ".join(f"{name} {fact}" for name, fact in facts.items()) + "\n"
    text += f"\n25 trials on {', '.join(names)}\n"
    text += f"{'':27}seeds   regret after 5      10      25   sd of seeds at 5, 10, 25   cpu s a run\n"
    for library, method in METHODS:
        mine = [run for run in runs if (run["library"], run["method"]) == (library, method)]
        seeds: dict[int, list[list[float]]] = {}
        for run in mine:
            seeds.setdefault(run["seed"], []).append(run["regret"])
        whole = [found for found in seeds.values() if len(found) == len(names)]
        if not whole:
            continue
        means = [[mean(regret[i] for regret in found) for found in whole] for i in range(len(MARKS))]
        regrets = "".join(f"{mean(each):8.3f}" for each in means)
        spread = "  ".join(f"{stdev(each):.3f}" for each in means) if len(whole) > 1 else "-"
        seconds = mean(run["search"] for run in mine)
        text += f"{library + ' ' + method:27}{len(whole):5}{'':9}{regrets}{spread:>27}{seconds:14.1f}\n"
    return text


if __name__ == "__main__":
    main()
