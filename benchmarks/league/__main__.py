"""Searchers on seven families of tasks: `python -m benchmarks.league`, a table with a verdict on each.

Needs `benchmarks/setup_peers.sh`, then `setup_peers.sh blackbox` and `setup_peers.sh league`. Runs are kept
in results/cache, so that a later call continues; the table is saved beside it. `--quick` needs rung's own
environment alone: is the default searcher anywhere behind random search?
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import runs as shared
from benchmarks.league import table as league_table
from benchmarks.league.columns import FAMILIES, Column, Method, columns
from benchmarks.league.table import OURS
from benchmarks.league.tasks import REAL, REFERENCES, sample, task_of
from benchmarks.league.verdicts import behind_random, verdicts
from benchmarks.runs import interpreter, keep, kept

CACHE = Path(os.environ.get("LEAGUE_CACHE") or shared.CACHE / "league.jsonl")
KEPT = shared.RESULTS / "league_slow.jsonl"
"""Runs of others' libraries, kept for everybody: lines of a CACHE."""
LIBRARIES = {
    "rung": (".peers-bench", "rung"),
    "optuna": (".peers", "optuna"),
    "smac": (".peers-smac", "smac"),
    "ax": (".peers-ax", "ax-platform"),
    "hebo": (".peers-hebo", "HEBO"),
}
"""Each library's environment and package; the quick ones first."""
PYTHONS = {
    library: Path(os.environ.get("LEAGUE_PYTHON") or interpreter(environment))
    for library, (environment, _) in LIBRARIES.items()
}
PROTOCOL = 1
"""Raised when what a run means changes: the cache then counts for nothing."""
SLOW = {("optuna", "GP"): 1, ("smac", "random forest"): 2, ("ax", "default"): 3, ("hebo", "default"): 4}
"""Those that take half a minute a run or more, in the order in which they are run, after the others."""
ASHA = (("rung", "auto"), ("rung", "tpe"), ("rung", "random"), ("rung", "random, fifo"), ("optuna", "TPE"))
"""The methods that stop trials early, and random search without that."""
PARALLEL = ("rung", "optuna")
"""The libraries that are run with several workers."""
NEEDS = {
    **dict.fromkeys(("surrogates", "noisy", "parallel"), ("onnxruntime",)),
    "coco": ("cocoex",),
    "real": ("sklearn", "torch"),
    "real-asha": ("sklearn",),
}
"""What a family's tasks import; --quick leaves out those that lack."""
FIRST = 3
"""So many seeds of everything come before the others."""


class Key(NamedTuple):
    """What a run is of; `stamp` is the version of the library, of rung also a digest of what it suggests."""

    library: str
    method: str
    stamp: str
    task: str
    workers: int
    marks: str
    seed: int
    protocol: int = PROTOCOL


Runs = dict[Key, dict[str, Any]]


# ---------------------------------------------------------------- running


def script(library: str) -> list[str | Path]:
    return shared.script(PYTHONS[library], f"league.with_{library}")


def methods(libraries: list[str], parts: list[str]) -> dict[Method, str]:
    """(library, method) to stamp, of those whose name contains one of the parts, or of all."""
    found: dict[Method, str] = {}
    for library in libraries:
        try:
            stamps = shared.ask([*script(library), "--methods"])
        except (FileNotFoundError, subprocess.CalledProcessError):
            print(f"{library} is left out: {PYTHONS[library]} does not run it", file=sys.stderr)
            continue
        for method, stamp in stamps.items():
            if any(part in f"{library} {method}" for part in parts or [""]):
                found[library, method] = stamp
    if found.get(("rung", "gp")) == found.get(OURS, ""):
        print("rung gp is left out: it does what auto does", file=sys.stderr)
        del found["rung", "gp"]
    return found


def takes_part(method: Method, column: Column) -> bool:
    if column.asha:
        return method in ASHA
    if method[1] == "random, fifo":
        return False
    return column.family != "parallel" or method[0] in PARALLEL


def groups_of(table: list[Column], stamps: dict[Method, str], seeds: int, peers: int) -> dict[Key, int]:
    """What to run, as keys without a seed, and how many seeds of each."""
    return {
        key_of(column, method, stamp, task): seeds if method[0] == "rung" else peers
        for column in table
        for method, stamp in stamps.items()
        if takes_part(method, column)
        for task in column.tasks
    }


def key_of(column: Column, method: Method, stamp: str, task: str) -> Key:
    return Key(*method, stamp, task, column.workers, ",".join(map(str, column.marks)), -1)


def cached() -> Runs:
    runs: Runs = {}
    for record in [*kept(KEPT), *kept(CACHE)]:
        runs[Key(**{name: record.pop(name) for name in Key._fields})] = record
    return runs


def ordered(missing: list[list[Key]]) -> list[list[Key]]:
    """The quick ones first, and few seeds of everything before the others: what is broken off is of use."""
    parts = [
        part
        for keys in missing
        for part in ([key for key in keys if key.seed < FIRST], [key for key in keys if key.seed >= FIRST])
        if part
    ]

    def place(part: list[Key]) -> tuple[int, bool, bool, bool]:
        key = part[0]
        real = key.task.startswith("real")
        return SLOW.get((key.library, key.method), 0), key.seed >= FIRST, real, key.task.endswith("cnn")

    return sorted(parts, key=place)


def execute(missing: list[Key]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Run the seeds of one method on one task in one process; yields each as it is done.

    The stamp is the script's: the searchers may have changed since they were asked for.
    """
    first = missing[0]
    seeds = [str(key.seed) for key in missing]
    command = [*script(first.library), first.method, first.task, str(first.workers), first.marks, *seeds]
    try:
        for record in shared.lines(command):
            yield first._replace(seed=record.pop("seed"), stamp=record.pop("stamp")), record
    except (RuntimeError, json.JSONDecodeError) as error:
        print(f"\n{first.library} {first.method}, task {first.task}, failed:\n{error}", file=sys.stderr)


def complete(groups: dict[Key, int], jobs: int) -> Runs:
    """Run the seeds that lack of these groups; returns all runs of them that there are.

    A run that fails costs its task the seeds that lack, and is told; the others go on.
    """
    runs = cached()

    def take(key: Key, run: dict[str, Any]) -> None:
        runs[key] = run
        keep(CACHE, key._asdict() | run)

    shared.execute_all(ordered(shared.lacking(groups, runs)), execute, take, jobs)
    return {key: found for key, found in runs.items() if key._replace(seed=-1) in groups}


def by_column(runs: Runs, table: list[Column], stamps: dict[Method, str]) -> league_table.Found:
    """Of each column, method and task: the records by seed."""
    grouped: dict[Key, dict[int, dict[str, Any]]] = {}
    for key, run in sorted(runs.items(), key=lambda entry: entry[0].seed):
        grouped.setdefault(key._replace(seed=-1), {})[key.seed] = run
    return {
        column: {
            method: {
                task: some
                for task in column.tasks
                if (some := grouped.get(key_of(column, method, stamp, task)))
            }
            for method, stamp in stamps.items()
        }
        for column in table
    }


# ---------------------------------------------------------------- the references of the real trainings


def references() -> None:
    """The best that any run kept has returned, and the median of 100 random configurations."""
    import numpy as np

    found = json.loads(REFERENCES.read_text())
    records = [(key, run) for key, run in cached().items() if key.task.startswith("real") and "best" in run]
    for name in REAL:
        task, rng = task_of(f"real:{name}"), np.random.default_rng(0)
        some = [task.evaluate(sample(task.space, rng), rng) for _ in range(100)]
        losses = np.array(some)
        median = float(np.median(np.where(np.isfinite(losses), losses, np.inf)))
        of_it = [run for key, run in records if key.task.split(":")[1] == name]
        known = [loss for run in of_it for loss in run["best"] + run["recommended"] if loss is not None]
        found[name] = {"best": min([*known, found[name]["best"]]), "median": median}
        print(name, found[name], f"{len(of_it)} runs")
    REFERENCES.write_text(json.dumps(found, indent=1) + "\n")


# ---------------------------------------------------------------- the command


def stamps_of(stamps: dict[Method, str]) -> dict[str, str]:
    """For the table's first line: each package with its version, rung's searchers with what they do now."""
    return {
        f"rung {method}" if library == "rung" else LIBRARIES[library][1]: stamp
        for (library, method), stamp in stamps.items()
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="at least so many of rung's (10)")
    parser.add_argument("--peer-seeds", type=int, metavar="N", help="of the others' (as --seeds)")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES, metavar="FAMILY")
    parser.add_argument(
        "--methods", nargs="+", default=[], metavar="PART", help="those whose name contains one of these"
    )
    parser.add_argument("--tasks", nargs="+", default=[], metavar="PART", help="likewise of the tasks")
    parser.add_argument("--libraries", nargs="+", default=list(LIBRARIES), choices=LIBRARIES, metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at once (2)")
    parser.add_argument(
        "--quick", action="store_true", help="auto beside random search; exit code 1 if behind"
    )
    parser.add_argument("--references", action="store_true", help="look for the best known losses again")
    return parser.parse_args()


def quick(chosen: argparse.Namespace) -> None:
    """Two seeds on a third of the tasks; by this interpreter, with what can be imported here."""
    PYTHONS["rung"] = Path(os.environ.get("LEAGUE_PYTHON") or sys.executable)
    table = []
    for column in columns():
        lacking = [
            module for module in NEEDS.get(column.family, ()) if importlib.util.find_spec(module) is None
        ]
        if lacking:
            print(f"{column.name} is left out: no {', '.join(lacking)}", file=sys.stderr)
        elif column.family in chosen.families:
            marks = tuple(mark for mark in column.marks if mark <= 50)
            step = 6 if column.family == "parallel" else 3  # that has three columns of forty tasks
            table.append(replace(column, tasks=column.tasks[::step], marks=marks))
    stamps = methods(["rung"], ["rung auto", "rung random", "rung sobol"])
    stamps.pop(("rung", "random, fifo"), None)
    groups = groups_of(table, stamps, 2, 0)
    runs = complete(groups, chosen.jobs)
    if not groups or shared.lacking(groups, runs):
        raise SystemExit("some runs failed: see above")
    found = by_column(runs, table, stamps)
    print(league_table.report(found, stamps_of(stamps), shared.machine()))
    behind = behind_random(found)
    if behind:
        raise SystemExit(f"auto is significantly worse than random search on: {', '.join(behind)}")


def _named(tasks: Sequence[str], parts: list[str]) -> tuple[str, ...]:
    return tuple(task for task in tasks if any(part in task for part in parts or [""]))


def main() -> None:
    chosen = options()
    if chosen.references:
        references()
        return
    if chosen.quick:
        quick(chosen)
        return
    table = [
        replace(column, tasks=tasks)
        for column in columns()
        if column.family in chosen.families and (tasks := _named(column.tasks, chosen.tasks))
    ]
    stamps = methods(chosen.libraries, chosen.methods)
    peers = chosen.seeds if chosen.peer_seeds is None else chosen.peer_seeds
    found = by_column(complete(groups_of(table, stamps, chosen.seeds, peers), chosen.jobs), table, stamps)
    lines = "\n".join(verdicts(found))
    shared.save("league.txt", f"{league_table.report(found, stamps_of(stamps), shared.machine())}\n{lines}\n")


if __name__ == "__main__":
    main()
