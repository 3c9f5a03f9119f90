"""The median stopping rule: Golovin et al. (2017), Google Vizier, KDD, section 3.2.2."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from rung.errors import ArgumentError
from rung.schedulers.base import Action, Finish, Start, resume_first
from rung.space import Config
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial


class Median:
    """Stop a trial at epoch s if its best value up to s is worse than the median of those that completed.

    Of each completed trial the running average of its values up to s is taken; the rule sets in at
    `min_resource` epochs, once `min_trials` trials have completed. Nothing ever pauses.

    Good as a safe default without checkpoints: it assumes no shape of the curves and stops few good trials.
    Bad with many workers and short studies, since the first trials all run to their end; "asha" spends far
    less where early epochs tell something.
    """

    def __init__(self, min_resource: int = 1, min_trials: int = 5) -> None:
        self.min_resource, self.min_trials = min_resource, min_trials
        self._cache: _Completed | None = None

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """Start what the searcher proposes, after what another scheduler paused."""
        if (paused := resume_first(history)) is not None:
            return paused
        config = propose()
        return Finish() if config is None else Start(config)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Stop if strictly worse than the median; never at the last epoch, where there is nothing to save."""
        step = trial.resource
        at_end = history.max_resource is not None and step >= history.max_resource
        if step < self.min_resource or at_end:
            return Verdict.CONTINUE
        if self._cache is None or self._cache.history is not history:
            self._cache = _Completed(history)
        averages = self._cache.averages(step)
        best = min(history.loss(report.metrics) for report in trial.reports)
        worse = averages.count >= self.min_trials and best > averages.median
        return Verdict.STOP if worse else Verdict.CONTINUE

    def check(self, max_resource: int | None) -> None:
        """Raise ArgumentError if an argument makes no sense; any maximum resource, or none, will do."""
        most = math.inf if max_resource is None else max_resource
        if not isinstance(self.min_resource, int) or not 1 <= self.min_resource <= most:
            upto = "of at least 1" if max_resource is None else f"from 1 to max_resource={max_resource}"
            raise ArgumentError(f"median: min_resource={self.min_resource!r}; use a whole number {upto}")
        if not isinstance(self.min_trials, int) or self.min_trials < 1:
            raise ArgumentError(f"median: min_trials={self.min_trials!r}; use a whole number of at least 1")

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "median", "min_resource": self.min_resource, "min_trials": self.min_trials}


class _Numbers:
    """Numbers and their median: the lower half and the upper half as heaps. Adding takes logarithmic time."""

    def __init__(self) -> None:
        self._low: list[float] = []  # negated: the greatest comes first
        self._high: list[float] = []
        self.seen = 0
        """How many of the completed trials were looked at."""

    def add(self, number: float) -> None:
        """Take one more in."""
        heapq.heappush(self._high, -heapq.heappushpop(self._low, -number))
        if len(self._high) > len(self._low):
            heapq.heappush(self._low, -heapq.heappop(self._high))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._low) + len(self._high)

    @property
    def median(self) -> float:
        """The middle one, or the mean of the middle two."""
        middle = -self._low[0]
        return middle if len(self._low) > len(self._high) else (middle + self._high[0]) / 2


class _Completed:
    """The curves of the completed trials as running averages: a cache of what a history tells."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._curves: list[tuple[list[int], list[float]]] = []
        """Of each completed trial: the resources of its reports, the running average at each."""
        self._unfinished: list[int] = []
        self._known = 0
        self._steps: dict[int, _Numbers] = {}

    def averages(self, step: int) -> _Numbers:
        """The running averages up to `step` of all completed trials that reported by then."""
        self._update()
        at = self._steps.setdefault(step, _Numbers())
        for resources, averages in self._curves[at.seen :]:
            if reports := bisect_right(resources, step):
                at.add(averages[reports - 1])
        at.seen = len(self._curves)
        return at

    def _update(self) -> None:
        trials = self.history.trials
        candidates = [*self._unfinished, *range(self._known, len(trials))]
        self._known = len(trials)
        self._unfinished = [n for n in candidates if not trials[n].is_finished]
        self._curves += [
            self._averaged(trials[n]) for n in candidates if trials[n].status == Outcome.COMPLETED
        ]

    def _averaged(self, trial: Trial) -> tuple[list[int], list[float]]:
        sums = accumulate(self.history.loss(report.metrics) for report in trial.reports)
        return [r.resource for r in trial.reports], [total / n for n, total in enumerate(sums, 1)]
