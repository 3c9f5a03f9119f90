"""Several objectives and constraints on the development problems of shared/bench/multi.py: rung and Optuna.

Regret is 1 - HV / HV* of several objectives, that of the best feasible loss with constraints: see multi.py.
Runs are kept in results/cache/several.jsonl, so that a call adds what is missing.
"""

from __future__ import annotations

import argparse
from statistics import mean, stdev
from typing import Any

from benchmarks.runs import CACHE, interpreter, keep, kept, lines, machine, save, script, version
from benchmarks.several.problems import KINDS, MARKS

PYTHONS = {"rung": interpreter(".peers-bench"), "optuna": interpreter(".peers")}
METHODS = (
    ("rung", "auto"),
    ("rung", "evolution"),
    ("rung", "tpe"),
    ("rung", "random"),
    ("optuna", "TPE"),
    ("optuna", "NSGA-II"),
)
RUNS = CACHE / "several.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="0 runs nothing and shows what there is")
    parser.add_argument("--methods", nargs="*", help='such as "rung auto"; all by default')
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    options = parser.parse_args()
    for library, method in METHODS:
        if options.methods and f"{library} {method}" not in options.methods:
            continue
        for kind in options.kinds:
            done = {
                r["seed"]
                for r in kept(RUNS)
                if (r["library"], r["method"], r["kind"]) == (library, method, kind)
            }
            seeds = [str(seed) for seed in range(options.seeds) if seed not in done]
            if seeds:
                for run in lines(
                    [*script(PYTHONS[library], f"several.with_{library}"), method, kind, *seeds]
                ):
                    keep(RUNS, {"library": library, "method": method, "kind": kind} | run)
    save("several.txt", table(list(kept(RUNS))))


def table(runs: list[dict[str, Any]]) -> str:
    """A row for each kind and method: mean regrets, how far seeds lie apart, seconds of search a run."""
    facts = {
        "rung": version(PYTHONS["rung"], "rung"),
        "optuna": version(PYTHONS["optuna"], "optuna"),
    } | machine()
    text = ", ".join(f"{name} {fact}" for name, fact in facts.items()) + "\n"
    for kind in KINDS:
        some = [run for run in runs if run["kind"] == kind]
        names = sorted({run["problem"] for run in some})
        text += f"\n{kind}: 100 trials on {', '.join(names)}\n"
        text += f"{'':18}seeds   regret after 25      50     100   sd of seeds at 100   cpu s a run\n"
        for library, method in METHODS:
            mine = [run for run in some if (run["library"], run["method"]) == (library, method)]
            seeds: dict[int, list[float]] = {}
            for run in mine:
                seeds.setdefault(run["seed"], []).append(run["regret"][-1])
            whole = {seed: mean(last) for seed, last in seeds.items() if len(last) == len(names)}
            if not whole:
                continue
            counted = [run for run in mine if run["seed"] in whole]
            regrets = [f"{mean(run['regret'][i] for run in counted):8.3f}" for i in range(len(MARKS))]
            spread = f"{stdev(whole.values()):.3f}" if len(whole) > 1 else "-"
            seconds = mean(run["search"] for run in counted)
            text += f"{library + ' ' + method:18}{len(whole):5}{'':10}{''.join(regrets)}"
            text += f"{spread:>21}{seconds:14.1f}\n"
    return text


if __name__ == "__main__":
    main()
