"""rung's searchers beside those of other libraries: `python -m benchmarks.blackbox`, 100 trials on 20 tasks.

Needs `benchmarks/setup_peers.sh` and `benchmarks/setup_peers.sh blackbox`. Runs are kept in results/cache, so
that a later call continues; the table and the plots are saved beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

import numpy as np
from benchmarks import runs as shared
from benchmarks.runs import BENCH, RESULTS, interpreter, keep, kept, machine, save, verdict

CACHE = shared.CACHE / "blackbox.jsonl"
SLOW = RESULTS / "blackbox_slow.jsonl"
"""Runs of peers that take minutes each, kept for everybody: lines of a CACHE."""
LIBRARIES = {
    "rung": (".peers-bench", "rung"),
    "optuna": (".peers", "optuna"),
    "hyperopt": (".peers-hyperopt", "hyperopt"),
    "syne": (".peers-syne", "syne-tune"),
    "smac": (".peers-smac", "smac"),
    "ax": (".peers-ax", "ax-platform"),
    "hebo": (".peers-hebo", "HEBO"),
}
"""Each library's environment and package; the quick ones first."""
PYTHONS = {library: interpreter(environment) for library, (environment, _) in LIBRARIES.items()}
SUITES = {"lcbench": "lcbench", "rbv2_xgboost": "xgboost", "rbv2_rpart": "rpart"}
MARKS = (25, 50, 100)
"""The trials after which the table looks."""
OURS = ("rung", "auto")
PROTOCOL = 1
"""Raised when what a run means changes: the cache then counts for nothing."""


class Key(NamedTuple):
    """What a run is of; `stamp` is the version of the library, of rung also a digest of the searchers."""

    library: str
    method: str
    stamp: str
    task: str
    seed: int
    trials: int
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class Run:
    """What a run left: each trial's loss, and the CPU seconds of the search, in all and a trial's median."""

    losses: list[float]
    search: float
    ask: float


Runs = dict[Key, Run]


# ---------------------------------------------------------------- running


def script(library: str) -> list[str | Path]:
    return shared.script(PYTHONS[library], f"blackbox.with_{library}")


def methods(parts: list[str]) -> dict[tuple[str, str], str]:
    """(library, method) to stamp, of those whose name contains one of the parts, or of all."""
    found = {}
    for library, python in PYTHONS.items():
        try:
            stamps = shared.ask([*script(library), "--methods"])
        except (FileNotFoundError, subprocess.CalledProcessError):
            print(f"{library} is left out: no {python.parent.parent.name} that works", file=sys.stderr)
            continue
        for method, stamp in stamps.items():
            if not parts or any(part in f"{library} {method}" for part in parts):
                found[library, method] = stamp
    return found


def cached() -> Runs:
    runs: Runs = {}
    for record in [*kept(SLOW), *kept(CACHE)]:
        key = Key(**{name: record.pop(name) for name in Key._fields})
        runs[key] = Run(**record)
    return runs


def execute(missing: list[Key]) -> Iterator[tuple[Key, Run]]:
    """Run the seeds of one method on one task in one process; yields each as it is done.

    The stamp is the script's: the searchers may have changed since they were asked for.
    """
    first = missing[0]
    seeds = [str(key.seed) for key in missing]
    command = [*script(first.library), first.method, first.task, str(first.trials), *seeds]
    try:
        for record in shared.lines(command):
            yield first._replace(seed=record.pop("seed"), stamp=record.pop("stamp")), Run(**record)
    except RuntimeError as error:
        print(f"\n{first.library} {first.method}, task {first.task}, failed:\n{error}", file=sys.stderr)


def complete(groups: dict[Key, int], jobs: int) -> Runs:
    """Run the seeds that lack of these groups (keys without a seed); returns all runs of them that there are.

    A run that fails costs its task the seeds that lack, and is told; the others go on.
    """
    runs = cached()
    missing = shared.lacking(groups, runs)

    def take(key: Key, run: Run) -> None:
        runs[key] = run
        keep(CACHE, key._asdict() | asdict(run))

    shared.execute_all(missing, execute, take, jobs)
    return {key: found for key, found in runs.items() if key._replace(seed=-1) in groups}


# ---------------------------------------------------------------- what the runs say


@cache
def references() -> dict[str, Any]:
    return json.loads((BENCH / "references.json").read_text())


def regrets(task: str, losses: list[float]) -> np.ndarray:
    """Of the best loss so far: 0 is the best known of the task, 1 that of the median random configuration."""
    known = references()[task]
    return (np.minimum.accumulate(losses) - known["best"]) / (known["median"] - known["best"])


@dataclass(frozen=True)
class Row:
    """What the runs of a method say."""

    library: str
    method: str
    regrets: dict[str, np.ndarray]
    """Of each task, by seed and trial."""
    search: list[float]
    ask: list[float]

    @property
    def name(self) -> str:
        return f"{self.library} {self.method}"

    @property
    def runs(self) -> int:
        return sum(map(len, self.regrets.values()))

    @property
    def seeds(self) -> str:
        numbers = sorted({len(some) for some in self.regrets.values()})
        return "-".join(map(str, numbers[:: max(len(numbers) - 1, 1)]))

    @cached_property
    def by_task(self) -> np.ndarray:
        """The mean over the seeds, by task and trial."""
        return np.array([some.mean(axis=0) for _, some in sorted(self.regrets.items())])

    @property
    def curve(self) -> np.ndarray:
        """The mean over tasks of the mean over seeds, by trial."""
        return self.by_task.mean(axis=0)

    def of_suite(self, suite: str) -> float:
        some = [seeds[:, -1].mean() for task, seeds in self.regrets.items() if task.startswith(f"{suite}/")]
        return mean(some) if some else float("nan")


def rows(runs: Runs, tasks: list[str]) -> list[Row]:
    """A row for each method that has all the tasks."""
    grouped: dict[tuple[str, str], dict[str, Runs]] = {}
    for key, run in sorted(runs.items(), key=lambda entry: entry[0].seed):
        grouped.setdefault(key[:2], {}).setdefault(key.task, {})[key] = run
    found = []
    for (library, method), by_task in grouped.items():
        if set(by_task) != set(tasks):
            lacking = len(set(tasks) - set(by_task))
            print(f"{library} {method} is left out: {lacking} of {len(tasks)} tasks lack", file=sys.stderr)
            continue
        of_task = {
            task: np.array([regrets(task, r.losses) for r in some.values()]) for task, some in by_task.items()
        }
        every = [run for some in by_task.values() for run in some.values()]
        found.append(Row(library, method, of_task, [r.search for r in every], [r.ask for r in every]))
    order = list(LIBRARIES)
    return sorted(found, key=lambda row: order.index(row.library))


def ranks(table: list[Row]) -> np.ndarray:
    """Of each method, task and trial: 1 for the lowest mean regret; equals share the mean of their ranks."""
    of_all = np.array([row.by_task for row in table])
    better = (of_all[None, :] < of_all[:, None]).sum(axis=1)
    equal = (of_all[None, :] == of_all[:, None]).sum(axis=1)
    return better + (equal + 1) / 2


def interval(values: np.ndarray) -> tuple[float, float]:
    """A 95 % bootstrap interval of the mean over tasks."""
    draws = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


# ---------------------------------------------------------------- the table


def header(marks: list[int]) -> str:
    at = "".join(f"{mark:>8}" for mark in marks)
    suites = "".join(f"{name:>9}" for name in SUITES.values())
    return (
        f"{'':34}{'  mean regret after':<{8 * len(marks) + 2}}{f'at {marks[-1]}, on':>27}"
        f"  mean rank after so many trials, 95 % of bootstraps\n"
        f"{'':22}{'runs':>6}{'seeds':>6}{at}  {suites}"
        + "".join(f"{mark:>19}" for mark in marks)
        + f"{'cpu s':>10}{'ms/trial':>10}\n"
    )


def line(row: Row, ranked: np.ndarray, marks: list[int]) -> str:
    """A row of the table; `ranked` are its ranks by task and trial."""
    at = "".join(f"{row.curve[mark - 1]:>8.4f}" for mark in marks)
    suites = "".join(f"{row.of_suite(suite):>9.4f}" for suite in SUITES)
    rank = "".join(
        f"{ranked[:, mark - 1].mean():>7.2f} ({low:5.2f},{high:5.2f})"
        for mark in marks
        for low, high in [interval(ranked[:, mark - 1])]
    )
    return (
        f"{row.name:22}{row.runs:>6}{row.seeds:>6}{at}  {suites}{rank}"
        f"{median(row.search):>10.2f}{1000 * median(row.ask):>10.1f}"
    )


def targets(table: list[Row], ranked: np.ndarray, marks: list[int]) -> Iterator[str]:
    """What rung promises of "auto", and whether these runs kept it."""
    ours = next((index for index, row in enumerate(table) if (row.library, row.method) == OURS), None)
    peers = [index for index, row in enumerate(table) if row.library != "rung"]
    if ours is None or not peers:
        return
    for mark in marks:
        by_rank = ranked[:, :, mark - 1].mean(axis=1)
        others = [index for index in range(len(table)) if index != ours]
        best = min(others, key=lambda index: by_rank[index])
        yield (
            f"best mean rank at {mark}: {verdict(by_rank[ours] <= by_rank[best])}:"
            f" {by_rank[ours]:.2f}, {table[best].name} {by_rank[best]:.2f}"
        )
    for mark, bound in ((100, 0.45), (25, 0.75)):
        if mark in marks:
            mine = table[ours].curve[mark - 1]
            best = min(peers, key=lambda index: table[index].curve[mark - 1])
            theirs = table[best].curve[mark - 1]
            yield (
                f"mean regret at {mark} at most {bound} times the best peer's:"
                f" {verdict(mine <= bound * theirs)}: {mine / theirs:.2f} times,"
                f" {mine:.4f} to {table[best].name} {theirs:.4f}"
            )


def versions(table: list[Row]) -> dict[str, str]:
    packages = {library: LIBRARIES[library][1] for library in dict.fromkeys(row.library for row in table)}
    found = {package: shared.version(PYTHONS[library], package) for library, package in packages.items()}
    return {**found, **machine()}


def report(table: list[Row], tasks: list[str], trials: int) -> str:
    marks = [mark for mark in MARKS if mark <= trials] or [trials]
    ranked = ranks(table)
    lines = [", ".join(f"{name} {value}" for name, value in versions(table).items())]
    lines += [f"{trials} trials, one after the other, on {len(tasks)} tasks: {', '.join(tasks)}", ""]
    lines += [header(marks) + "\n".join(line(row, ranked[i], marks) for i, row in enumerate(table))]
    lines += [f"{' '.join(OURS)} {text}" for text in targets(table, ranked, marks)]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- the plots


def plot(table: list[Row]) -> None:
    """Mean regret, and mean rank, over the trials: a picture of each."""
    import matplotlib as mpl

    mpl.use("Agg")
    curves = {row.name: row.curve for row in table}
    draw(curves, "normalised regret: mean over tasks", "blackbox_regret.png", scale="log")
    ranked = ranks(table).mean(axis=1)
    of_all = {row.name: ranked[index] for index, row in enumerate(table)}
    draw(of_all, "rank: mean over tasks", "blackbox_rank.png", scale="linear")


def draw(curves: dict[str, np.ndarray], label: str, name: str, scale: str) -> None:
    from matplotlib import pyplot as plt

    figure, panel = plt.subplots(figsize=(7, 4.8))
    for index, (method, curve) in enumerate(curves.items()):
        style = "-" if method.startswith("rung ") else "--"
        width = 2.4 if method == " ".join(OURS) else 1.2
        trials = np.arange(1, len(curve) + 1)
        panel.plot(trials, curve, style, color=f"C{index % 10}", label=method, linewidth=width)
    panel.set(xlabel="trials", ylabel=label, yscale=scale)
    panel.legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(RESULTS / name, dpi=90)


# ---------------------------------------------------------------- the command


def options() -> argparse.Namespace:
    tasks = json.loads((BENCH / "splits.json").read_text())["dev"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="at least so many of rung's (10)")
    parser.add_argument("--peer-seeds", type=int, metavar="N", help="of the others' (as --seeds)")
    parser.add_argument(
        "--methods", nargs="+", default=[], metavar="PART", help="those whose name contains one of these"
    )
    parser.add_argument("--tasks", nargs="+", default=tasks, choices=tasks, metavar="TASK", help="of the 20")
    parser.add_argument("--trials", type=int, default=100, metavar="N", help="in each run (100)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at once (2)")
    return parser.parse_args()


def groups_of(chosen: argparse.Namespace) -> dict[Key, int]:
    """What to run, as keys without a seed, and how many seeds of each."""
    peers = chosen.seeds if chosen.peer_seeds is None else chosen.peer_seeds
    return {
        Key(library, method, stamp, task, -1, chosen.trials): chosen.seeds if library == "rung" else peers
        for (library, method), stamp in methods(chosen.methods).items()
        for task in chosen.tasks
    }


def main() -> None:
    chosen = options()
    table = rows(complete(groups_of(chosen), chosen.jobs), chosen.tasks)
    if not table:
        raise SystemExit("no method has all of the tasks: no table")
    save("blackbox.txt", report(table, chosen.tasks, chosen.trials))
    plot(table)


if __name__ == "__main__":
    main()
