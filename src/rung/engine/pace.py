"""What the trials of a study have taken so far, and what they were worth, for those still to come."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Attempt, Trial

Floats = NDArray[np.float64]
Ints = NDArray[np.int_]
Mask = NDArray[np.bool_]
_LOOKS = 8
"""Resources, besides the rungs, at which a simulated trial reports."""


class Pace:
    """Seconds and losses of trials to come, drawn from those of a study.

    An attempt takes `start` seconds and those of its epochs, which differ from trial to trial. A trial's
    place `u` in [0, 1) among all trials stays the same at all epochs: those that were stopped would have been
    worse than those that went on.
    """

    def __init__(self, state: StudyState, max_resource: int | None, rungs: Sequence[int]) -> None:
        self._late = _late_starts(state)
        self.durations = np.array([
            attempt.ended - self.began(trial.number, attempt)
            for trial in state.trials if trial.status == Outcome.COMPLETED
            for attempt in trial.attempts[-1:] if attempt.ended is not None
        ])  # fmt: skip
        """Of the last attempts of completed trials."""
        failed = [t for t in state.trials if t.status == Outcome.FAILED]
        self.failing = len(failed) / max(1, sum(t.is_finished for t in state.trials))
        """The share of the trials that fail."""
        self.failed_after = float(np.median([self._seconds(state, t) for t in failed])) if failed else 0.0
        self.reporting = bool(len(state.curve)) and not (
            len(self.durations) and all(not t.reports for t in state.trials if t.status == Outcome.COMPLETED)
        )
        self.ends = [t.resource for t in state.trials if t.status == Outcome.COMPLETED and t.reports]
        """Resources at which trials have completed; one may end before its maximum."""
        full = max_resource if max_resource is not None else max(self.ends, default=None)
        self.known = len(self.durations) > 0 or (self.reporting and full is not None)
        """Whether there is enough to go by."""
        if self.reporting and full is not None:
            self.ends = self.ends if any(end < full for end in self.ends) else [full]
            self._read(state, sorted({*rungs, *_looks(full), full}))

    def _read(self, state: StudyState, points: list[int]) -> None:
        curve, self.points = state.curve, points
        trial, attempt = np.array(curve.trial, dtype=int), np.array(curve.attempt, dtype=int)
        order = np.lexsort((attempt, trial))
        trial, attempt = trial[order], attempt[order]
        resource, t = np.array(curve.resource, dtype=float)[order], np.array(curve.t)[order]
        before = np.r_[-1, trial[:-1]] == trial
        same = before & (np.r_[-1, attempt[:-1]] == attempt)
        # An attempt that went on from its checkpoint, or began again.
        last = np.where(before, np.r_[0.0, resource[:-1]], 0.0)
        last = np.where(last < resource, last, 0.0)
        attempts = [state.trials[n].attempts[a - 1] for n, a in zip(trial, attempt, strict=True)]
        started = [self.began(n, a) for n, a in zip(trial, attempts, strict=True)]
        took, epochs = t - np.where(same, np.r_[0.0, t[:-1]], started), resource - last
        copied = np.array([state.trials[n].parent is not None for n in trial])
        self._set_seconds(len(state.trials), trial, (same, ~same & ~(copied & ~before)), took, epochs)
        losses = _losses(state)[order]
        # What was trained again counts once.
        far = np.maximum.accumulate(trial * (resource.max() + 1) + resource)
        upto = np.where(before, np.r_[0.0, far[:-1]] - trial * (resource.max() + 1), 0.0)
        self._pools = {p: np.sort(losses[(upto < p) & (p <= resource) & np.isfinite(losses)]) for p in points}
        self._filled = [p for p in points if len(self._pools[p])]
        self._trials = len(np.unique(trial))

    def _set_seconds(
        self, n: int, trial: Ints, rows: tuple[Mask, Mask], took: Floats, epochs: Floats
    ) -> None:
        """Set `start`, the seconds before an attempt's first epoch, and `each`, those of one, by trial."""
        later, first = rows

        def each(rows: Mask, took: Floats) -> Floats:
            total = np.bincount(trial[rows], epochs[rows], minlength=n)
            seconds = np.bincount(trial[rows], took[rows], minlength=n)
            return np.where(total > 0, seconds / np.maximum(total, 1), np.nan)

        known = each(later, took)
        both = first & np.isfinite(known[trial])
        # As long as nothing tells the two apart, half of an attempt's time until its first report.
        begin = (took - epochs * known[trial])[both] if both.any() else took[first] / 2
        self.start = max(0.0, float(np.median(begin))) if len(begin) else 0.0
        self.each = np.where(np.isfinite(known), known, each(first, np.maximum(0.0, took - self.start)))
        self._drawn = self.each[np.isfinite(self.each)]

    def began(self, trial: int, attempt: Attempt) -> float:
        """When an attempt of a trial got its worker."""
        return self._late.get((trial, attempt.number), attempt.started)

    def _seconds(self, state: StudyState, trial: Trial) -> float:
        last = trial.attempts[-1]
        return (state.t if last.ended is None else last.ended) - self.began(trial.number, last)

    def speed(self, rng: Generator, trial: int | None = None) -> float:
        """Seconds of an epoch of a trial, or of any one."""
        if trial is not None and trial < len(self.each) and np.isfinite(self.each[trial]):
            return float(self.each[trial])
        return float(rng.choice(self._drawn)) if len(self._drawn) else 0.0

    def next_point(self, resource: int, target: int) -> int:
        """The resource of a trial's next report on its way to `target`."""
        return min((p for p in self.points if p > resource), default=target)

    def place(self, loss: float, resource: int) -> float:
        """The place `u` among all trials of one with this loss at a resource."""
        pool = self._pool(resource)
        return float(np.searchsorted(pool, loss) + 0.5) / max(1, self._trials)

    def loss(self, u: float, resource: int) -> float:
        """The loss at a resource of the trial at place `u`."""
        pool = self._pool(resource)
        if not len(pool):
            return u
        gap = (pool[-1] - pool[0]) / max(1, len(pool) - 1) or 1.0
        x = u * self._trials - 0.5
        inside = min(max(x, 0.0), len(pool) - 1.0)
        return float(np.interp(inside, np.arange(len(pool)), pool) + (x - inside) * gap)

    def _pool(self, resource: int) -> Floats:
        below = [p for p in self._filled if p <= resource] or self._filled[:1]
        return self._pools[below[-1]] if below else np.empty(0)


def _looks(full: int) -> list[int]:
    return [max(1, round(full ** (i / _LOOKS))) for i in range(_LOOKS + 1)]


def _late_starts(state: StudyState) -> dict[tuple[int, int], float]:
    """When the first attempts of the latest session began, which waited for workers to start."""
    up: dict[int, float] = {}
    for worker in state.workers:
        up.setdefault(worker.worker, worker.t)
    if not up:
        return {}
    first = sorted(
        (attempt.started, trial.number, attempt.number)
        for trial in state.trials
        for attempt in trial.attempts
        if state.sessions[-1].t <= attempt.started < max(up.values())
    )
    waited = zip(first, [*sorted(up.values()), *[state.t] * len(state.open)], strict=False)
    return {(trial, attempt): max(began, started) for (started, trial, attempt), began in waited}


def _losses(state: StudyState) -> Floats:
    """The tuned metric of every report as a loss, NaN where it is missing."""
    curve, metric = state.curve, state.goals.first
    values, shape, start = np.array(curve.values), np.array(curve.shape), np.array(curve.start)
    losses = np.full(len(shape), math.nan)
    for number, names in enumerate(curve.shapes):
        if metric.name in names:
            rows = shape == number
            losses[rows] = values[start[rows] + names.index(metric.name)]
    return losses if metric.mode == "min" else -losses
