"""The training data of a model: a row for each trial with an observation, and the pending trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rung.study.events import Outcome
from rung.study.history import History
from rung.study.metrics import Metric, Metrics
from rung.study.pareto import ranks, violations
from rung.study.trial import Trial


@dataclass(frozen=True, slots=True)
class Observed:
    """Points in the unit cube (NaN where inactive) and what is known of them."""

    points: NDArray[np.float64]
    """Shape (n, d), as `Space.encode` gives them."""
    losses: NDArray[np.float64]
    """Shape (n,), lower is better; infinite where a trial failed, gave no number or broke a constraint."""
    resources: NDArray[np.int64]
    """Shape (n,): at which resource each loss was measured; 0 at the end of a trial that reported nothing."""
    pending: NDArray[np.float64]
    """Shape (m, d): trials that run or wait and have no observation yet."""
    numbers: NDArray[np.int64]
    """Shape (n,): of the trials."""
    curve: Callable[[int], Mapping[int, float]]
    """The loss at each resource that the trial of a number reported."""

    @classmethod
    def of(cls, history: History, metric: Metric | None = None) -> Observed:
        """Everything that is known now: the last observation of each trial.

        Of one `metric`, whatever the constraints, if it is given: a trial that has not shown it is pending.
        """
        observed = [last_observation(history, trial, metric) for trial in history.trials]

        def curve(number: int) -> Mapping[int, float]:
            losses = ((r.resource, _loss(history, r.metrics, metric)) for r in history.trials[number].reports)
            return {resource: loss for resource, loss in losses if loss is not None}

        return cls._from(history, observed, curve)

    @classmethod
    def before(cls, history: History, trial: int, metric: Metric | None = None) -> Observed:
        """What was known when `trial` was decided, without what was pending; a constant of the study."""
        if trial >= len(history.trials):
            return cls.of(history, metric)
        reports, ends = history.known(trial)
        observed: list[tuple[float, int] | None] = [None] * trial
        curves: dict[int, dict[int, float]] = {}
        for number, _, resource, metrics in history.curve[:reports]:
            loss = _loss(history, metrics, metric)
            if loss is None:
                continue
            observed[number] = loss, resource  # the newest report stands for its trial
            curve = curves.setdefault(number, {})
            while curve and next(reversed(curve)) >= resource:
                curve.popitem()  # an attempt that began again reports this part of the curve again
            curve[resource] = loss
        for number, attempt in history.ends[:ends]:
            ended = history.trials[number]
            if ended.attempts[attempt - 1].outcome in _LAST:
                observed[number] = last_observation(history, ended, metric)
        return cls._from(history, observed, lambda number: curves.get(number, {}))

    @classmethod
    def _from(
        cls,
        history: History,
        observed: list[tuple[float, int] | None],
        curve: Callable[[int], Mapping[int, float]],
    ) -> Observed:
        # A trial without an observation is pending: it runs, or waits to run again.
        points = history.points[: len(observed)]
        searched = np.array([t.repeats is None for t in history.trials[: len(observed)]], dtype=bool)
        rows = searched & np.array([entry is not None for entry in observed], dtype=bool)
        entries = [entry for entry, row in zip(observed, rows, strict=True) if row and entry is not None]
        losses = np.array([loss for loss, _ in entries], dtype=np.float64)
        resources = np.array([resource for _, resource in entries], dtype=np.int64)
        return cls(points[rows], losses, resources, points[searched & ~rows], np.flatnonzero(rows), curve)

    def only(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Observed:
        """Some of the rows, with all that is pending."""
        return replace(
            self,
            points=self.points[rows],
            losses=self.losses[rows],
            resources=self.resources[rows],
            numbers=self.numbers[rows],
        )


# Only these ends say more than the last report: a failure, or a value that was returned. A pause and a stop
# do not, and may be followed by another attempt.
def ranked(history: History, observed: Observed) -> Observed:
    """Return the same with ranks for losses: those of NSGA-II, by all objectives and how far bounds break."""
    trials, goals = [history.trials[int(n)] for n in observed.numbers], history.goals
    losses = history.losses[observed.numbers]
    excess = np.array([[bound.excess(t.metrics) for bound in goals.constraints] for t in trials])
    broken = violations(excess.reshape(len(trials), len(goals.constraints)))
    known = np.isfinite(losses).all(axis=1)
    place = np.full(len(trials), math.inf)
    place[known] = ranks(losses[known], broken[known])
    return replace(observed, losses=place)


_LAST = {Outcome.COMPLETED, Outcome.FAILED}


def last_observation(
    history: History, trial: Trial, metric: Metric | None = None
) -> tuple[float, int] | None:
    """The last loss of a trial and its resource; None before its first observation."""
    if trial.status == Outcome.FAILED:
        return math.inf, trial.resource
    if trial.status == Outcome.COMPLETED:
        loss = _loss(history, trial.metrics, metric)
        return None if loss is None else (loss, trial.resource)
    if not trial.reports:
        return None
    last = trial.reports[-1]
    if (
        metric is not None and metric.name not in last.metrics
    ):  # such as a size, known from the first epoch on
        last = next((r for r in reversed(list(trial.reports)) if metric.name in r.metrics), last)
    loss = _loss(history, last.metrics, metric)
    return None if loss is None else (loss, last.resource)


def _loss(history: History, metrics: Metrics, metric: Metric | None) -> float | None:
    """The loss of the study, or of one metric: None if it is not among these."""
    if metric is not None:
        value = metrics.get(metric.name)
        return None if value is None else math.inf if math.isnan(value) else metric.loss(value)
    # A report on the way may lack what a constraint is about: only what is known to be broken counts.
    broken = any(c.name in metrics and not c.holds(metrics[c.name]) for c in history.goals.constraints)
    return math.inf if broken else history.loss(metrics)
