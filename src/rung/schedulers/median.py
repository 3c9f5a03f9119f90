"""The median stopping rule: Golovin et al. (2017), Google Vizier, KDD, section 3.2.2.

| paper | here |
| --- | --- |
| s, the step at which a trial is judged | `trial.resource` |
| the best objective value by s | `best`, as a loss |
| the running averages up to s of all completed trials | `_Completed.averages(s)`, sorted |
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean
from typing import ClassVar

import numpy as np

from rung.errors import ArgumentError
from rung.schedulers._ranking import Result, placed
from rung.schedulers.base import Action, Propose, Scheduler, train_to_the_end
from rung.study.algorithm import Problem
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial


@dataclass(frozen=True)
class MedianRule(Scheduler):
    """Stop a trial at epoch s if its best value up to s is worse than the median of those that completed.

    Of each completed trial the running average of its values up to s is taken. Nothing ever pauses.

    With several objectives a trial is stopped if more than half of the completed ones lie in a better
    non-dominated layer at s; also of this trial the running averages count, since the best value of one
    that only rises, such as seconds, is its first. Trials that break constraints come after all others.

    Good as a safe default without checkpoints: it assumes no shape of the curves and stops few good trials.
    Bad with many workers and short studies, since the first trials all run to their end; "asha" spends far
    less where early epochs predict the last.

    Parameters
    ----------
    min_resource : int
        No trial is stopped before so many epochs.
    min_trials : int
        The rule sets in once so many trials have completed.
    """

    name: ClassVar[str] = "median"
    min_resource: int = 1
    min_trials: int = 5

    def check(self, problem: Problem) -> None:
        """Raise ArgumentError if an argument makes no sense; any maximum resource, or none, will do."""
        most = math.inf if problem.max_resource is None else problem.max_resource
        if not isinstance(self.min_resource, int) or not 1 <= self.min_resource <= most:
            upto = "of at least 1" if most == math.inf else f"from 1 to max_resource={most}"
            raise ArgumentError(f"median: min_resource={self.min_resource!r}; use a whole number {upto}")
        if not isinstance(self.min_trials, int) or self.min_trials < 1:
            raise ArgumentError(f"median: min_trials={self.min_trials!r}; use a whole number of at least 1")

    def next(self, history: History, propose: Propose) -> Action:
        """Start what the searcher proposes, after what another scheduler paused."""
        return train_to_the_end(history, propose)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Stop if strictly worse than the median; never at the last epoch, where there is nothing to save."""
        s = trial.resource
        at_end = history.max_resource is not None and s >= history.max_resource
        if s < self.min_resource or at_end:
            return Verdict.CONTINUE
        if not history.goals.plain:
            before = history.cached(_CompletedOfSeveral, _CompletedOfSeveral).averages(s)
            worse = len(before) >= self.min_trials and _is_behind_most(before, _average(history, trial, s))
            return Verdict.STOP if worse else Verdict.CONTINUE
        # By the key `_Completed`, not by this rule: the averages do not depend on its arguments.
        averages = history.cached(_Completed, _Completed).averages(s)
        # The best of this trial beside the average of the others, as in the paper: lenient, since a curve
        # that gets worse for a while keeps its best value.
        best = min(history.loss(report.metrics) for report in trial.reports)
        # Strictly worse: where all trials are equal, none is stopped.
        worse = len(averages) >= self.min_trials and best > median(averages)
        return Verdict.STOP if worse else Verdict.CONTINUE


def median(ordered: Sequence[float]) -> float:
    """Return the middle one of sorted numbers, or the mean of the middle two."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _average(history: History, trial: Trial, step: int) -> Result | None:
    """The averages of the objectives up to `step`, and the bounds broken there; None without a report."""
    known = [report for report in trial.reports if report.resource <= step]
    if not known:
        return None
    each = [Result.of(history.goals, report.metrics) for report in known]
    losses = tuple(fmean(column) for column in zip(*(result.losses for result in each), strict=True))
    return Result(losses, each[-1].excess)


def _is_behind_most(others: Sequence[Result], result: Result | None) -> bool:
    """Whether more than half of the others lie in a better layer."""
    if result is None:
        return False
    layer = placed([*others, result])
    return bool(np.count_nonzero(layer[:-1] < layer[-1]) > len(others) / 2)


class _CompletedOfSeveral:
    """The running averages of the completed trials."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.at: dict[tuple[int, int], Result | None] = {}
        """By trial and step."""

    def averages(self, step: int) -> list[Result]:
        """Return those up to `step` of all completed trials that reported by then."""
        for trial in self.history.trials:
            if trial.status == Outcome.COMPLETED and (trial.number, step) not in self.at:
                self.at[trial.number, step] = _average(self.history, trial, step)
        found = [self.at.get((trial.number, step)) for trial in self.history.trials]
        return [result for result in found if result is not None]


class _Completed:
    """The curves of the completed trials as running averages, read forward."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.curves: list[tuple[list[int], list[float]]] = []
        """Of each completed trial: the resources of its reports, the running average at each."""
        self.at: dict[int, tuple[int, list[float]]] = {}
        """By step: how many of the curves were read, and their averages there, sorted."""
        self._unfinished: list[int] = []
        self._known = 0

    def averages(self, step: int) -> list[float]:
        """Return the running averages up to `step` of all completed trials that reported by then."""
        self._update()
        read, found = self.at.get(step, (0, []))
        # A completed curve never changes, so the list of a step only grows, and stays sorted for the median.
        for resources, averages in self.curves[read:]:
            if reports := bisect_right(resources, step):  # no report by then: no average
                insort(found, averages[reports - 1])
        self.at[step] = len(self.curves), found
        return found

    def _update(self) -> None:
        trials = self.history.trials
        candidates = [*self._unfinished, *range(self._known, len(trials))]
        self._known = len(trials)
        # Trials complete in any order, so those that still run are looked at again.
        self._unfinished = [n for n in candidates if not trials[n].is_finished]
        self.curves += [
            self._averaged(trials[n])
            for n in candidates
            if trials[n].status == Outcome.COMPLETED and trials[n].repeats is None
        ]

    def _averaged(self, trial: Trial) -> tuple[list[int], list[float]]:
        sums = accumulate(self.history.loss(report.metrics) for report in trial.reports)
        return [r.resource for r in trial.reports], [total / n for n, total in enumerate(sums, 1)]
