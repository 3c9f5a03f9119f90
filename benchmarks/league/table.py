"""What the runs of league/ say of each column: mean scores and mean ranks, with intervals.

A score is a regret: 0 is the best loss known of the task, 1 the median random one's; 2 at most.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, cached_property
from statistics import median
from typing import Any

import numpy as np
from benchmarks.league.columns import Column, Method
from benchmarks.league.tasks import REFERENCES

Records = dict[int, dict[str, Any]]
"""The runs of a method on a task, by seed."""
Found = dict[Column, dict[Method, dict[str, Records]]]

OURS: Method = ("rung", "auto")
RANDOM: Method = ("rung", "random")
DRAWS = 4000
FEW = 10
"""With fewer tasks an interval is over other seeds of the same tasks, else over other tasks."""


@cache
def references() -> dict[str, Any]:
    return json.loads(REFERENCES.read_text())


def regrets(task: str, records: Records, kind: str) -> np.ndarray:
    """By seed and mark, of the configuration "best" observed or "recommended"."""
    family, name = task.split(":")
    if family in {"real", "real-asha"}:
        best, middle = (references()[name][key] for key in ("best", "median"))
    else:
        best, middle = next(iter(records.values()))["reference"]
    losses = np.array(
        [[np.nan if x is None else x for x in run[kind]] for run in records.values()], dtype=float
    )
    found = np.minimum((losses - best) / (middle - best), 2.0)
    return np.where(np.isnan(found), 2.0, found)


def ranks(means: np.ndarray) -> np.ndarray:
    """Along the first axis: 1 for the lowest; equals share the mean of their ranks."""
    better = np.array([(means < one).sum(axis=0) for one in means])
    equal = np.array([(means == one).sum(axis=0) for one in means])
    return better + (equal + 1) / 2


class Board:
    """A column's methods that have all of its tasks; with `recommended` auto returns what it recommends."""

    def __init__(
        self, column: Column, found: dict[Method, dict[str, Records]], recommended: bool = False
    ) -> None:
        self.column = column
        self.records: dict[Method, dict[str, Records]] = {}
        self.notes: list[str] = []
        for method, by_task in found.items():
            ran = {
                task: some
                for task, some in by_task.items()
                if not any("refused" in run for run in some.values())
            }
            if len(ran) == len(column.tasks):
                self.records[method] = ran
            elif by_task:
                refused = len(by_task) - len(ran)
                why = f"refuses {refused}" if refused else f"lacks {len(column.tasks) - len(ran)}"
                self.notes.append(f"{' '.join(method)} {why} of {len(column.tasks)} tasks")
        self.methods = list(self.records)
        self._runs = [
            [
                regrets(task, some[task], "recommended" if recommended and method == OURS else "best")
                for task in column.tasks
            ]
            for method, some in self.records.items()
        ]

    def index(self, method: Method) -> int | None:
        """The row of a method; None if it is not there."""
        return self.methods.index(method) if method in self.methods else None

    def runs(self, method: Method, task: str) -> np.ndarray:
        """Regrets by seed and mark."""
        return self._runs[self.methods.index(method)][self.column.tasks.index(task)]

    @cached_property
    def means(self) -> np.ndarray:
        """Over the seeds: by method, task and mark."""
        return np.array([[runs.mean(axis=0) for runs in of_method] for of_method in self._runs])

    @cached_property
    def ranks(self) -> np.ndarray:
        """Of these means."""
        return ranks(self.means)

    @cached_property
    def draws(self) -> tuple[np.ndarray, np.ndarray]:
        """Bootstraps of mean score and mean rank: by method, draw and mark; the same draw of all methods."""
        rng = np.random.default_rng(0)
        tasks = len(self.column.tasks)
        if tasks >= FEW:
            drawn = rng.integers(tasks, size=(DRAWS, tasks))
            return self.means[:, drawn].mean(axis=2), self.ranks[:, drawn].mean(axis=2)
        means = np.array([self._of_other_seeds(of_method) for of_method in self._runs])
        return means.mean(axis=1), ranks(means).mean(axis=1)

    def _of_other_seeds(self, runs: list[np.ndarray]) -> np.ndarray:
        """Means by task, draw and mark; methods with as many seeds get the same draws, so they are paired."""
        found = []
        for place, of_task in enumerate(runs):
            drawn = np.random.default_rng([place, len(of_task)]).integers(
                len(of_task), size=(DRAWS, len(of_task))
            )
            found.append(of_task[drawn].mean(axis=1))
        return np.array(found)

    def difference(self, one: int, other: int, mark: int, what: int) -> tuple[float, float, float]:
        """One method's mean score (what=0) or rank (1) less another's after a mark, and its 95 % interval."""
        table = (self.means, self.ranks)[what]
        difference = float((table[one] - table[other])[:, mark].mean())
        return difference, *interval(self.draws[what][one, :, mark] - self.draws[what][other, :, mark])


def interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def paired(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """The mean difference of two arrays, and its 95 % interval from other pairs."""
    difference = one - other
    drawn = np.random.default_rng(0).integers(len(difference), size=(DRAWS, len(difference)))
    return float(difference.mean()), *interval(difference[drawn].mean(axis=1))


# ---------------------------------------------------------------- the table


def block(column: Column, found: dict[Method, dict[str, Records]]) -> Iterator[str]:
    """The lines of a column."""
    board = Board(column, found)
    what = "full trainings' epochs" if column.asha else "trials"
    workers = "" if column.workers == 1 else f", {column.workers} workers"
    yield f"== {column.name}: {len(column.tasks)} tasks{workers}; means after so many {what}"
    if not board.methods:
        yield "   no method has all of the tasks"
        return
    at = (f"{f'{kind} {mark}':>10}{'(95 %)':>12}" for kind in ("score", "rank") for mark in column.marks)
    yield f"{'':24}{'seeds':>6} {''.join(at)}{'search s':>12}{'on bound':>10}"
    advised = Board(column, found, recommended=True)
    for place, method in enumerate(board.methods):
        yield line(board, place, " ".join(method))
        if method == OURS and not np.array_equal(advised.means[place], board.means[place]):
            yield line(advised, place, f"{' '.join(method)}, recommended")
    yield from (f"   left out: {note}" for note in board.notes)


def line(board: Board, place: int, name: str) -> str:
    records = [run for some in board.records[board.methods[place]].values() for run in some.values()]
    seeds = sorted({len(some) for some in board.records[board.methods[place]].values()})
    cells = ""
    for table, draws in zip((board.means, board.ranks), board.draws, strict=True):
        for mark in range(len(board.column.marks)):
            low, high = interval(draws[place, :, mark])
            cells += f"{table[place, :, mark].mean():>8.3f} ({low:5.2f},{high:5.2f})"
    search, bound = ([run[key] for run in records if key in run] for key in ("search", "bound"))
    cost = f"{median(search):>12.2f}{np.mean(bound):>10.2f}" if search else ""
    return f"{name:24}{'-'.join(map(str, seeds[:: max(len(seeds) - 1, 1)])):>6} {cells}{cost}"


def report(found: Found, versions: dict[str, str], machine: dict[str, str]) -> str:
    """The whole table, without the verdicts."""
    header = ", ".join(f"{name} {value}" for name, value in {**versions, **machine}.items())
    blocks = ["\n".join(block(column, methods)) for column, methods in found.items()]
    return "\n\n".join([header, *blocks]) + "\n"
