"""Several objectives, constraints, or both, for the Gaussian process: a model of each metric.

Constraints are modelled by the value of their metric, not by whether it keeps the bound. A trial that failed
has failed in all metrics; one that has not shown a metric yet is pending in that one alone. So a size that is
reported at the first epoch counts from then on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.searchers._costs import Costs
from rung.searchers._extrapolation import extrapolated
from rung.searchers._observed import Observed
from rung.searchers._surrogate import (
    MAX_OBSERVATIONS,
    Expectation,
    Fitted,
    Known,
    Model,
    best_and_spread,
)
from rung.searchers.models.acquisition import candidates, maximise
from rung.searchers.models.output_transform import Transform, is_outlier
from rung.searchers.models.several import Forecast, aim, directions
from rung.study.events import Outcome
from rung.study.history import History
from rung.study.metrics import Goals, Metric
from rung.study.pareto import nondominated

Array: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric, and the bound of its loss; infinite without a constraint."""

    metric: Metric
    bound: float = math.inf


def wanted(goals: Goals) -> list[Wanted]:
    """Return the objectives, then the metrics that have bounds only."""
    found = dict.fromkeys(goals.metrics, math.inf)
    for constraint in goals.constraints:
        metric = Metric(constraint.name, "min" if constraint.relation in {"<", "<="} else "max")
        found[metric] = metric.loss(constraint.bound)
    return [Wanted(metric, bound) for metric, bound in found.items()]


@dataclass(frozen=True, slots=True)
class Fits:
    """Hyperparameters of the model of each metric, fitted to what was known when a trial was suggested."""

    each: Sequence[Fitted]

    @classmethod
    def to(cls, history: History, trial: int) -> Fits:
        """Fit them; a constant of the study."""
        before = _known_of(
            history, [Observed.before(history, trial, w.metric) for w in wanted(history.goals)]
        )
        return cls([Fitted.to(history, trial, known) for known in before])

    @property
    def model_share(self) -> float:
        """The share of the suggestions that the models make; 0 while too little is known."""
        shares = [fitted.model_share for fitted in self.each if fitted.theta is not None]
        return float(np.mean(shares)) if shares else 0.0


def _known_of(history: History, observed: Sequence[Observed]) -> list[Known]:
    """What the model of each metric learns from."""
    failed = {int(n) for one in observed for n in one.numbers[~np.isfinite(one.losses)]}
    kept = _thinned(len(history.trials), observed)
    return [
        _of_metric(one.only(np.isin(one.numbers, kept)), np.array(sorted(failed), dtype=np.int64), w.bound)
        for one, w in zip(observed, wanted(history.goals), strict=True)
    ]


def _of_metric(observed: Observed, failing: NDArray[np.int64], bound: float) -> Known:
    failed = np.isin(observed.numbers, failing)
    losses, levels = extrapolated(replace(observed, losses=np.where(failed, math.inf, observed.losses)))
    good = losses[~failed]
    far = is_outlier(good)  # it may be the best in another metric: it counts, but as not so far away
    if far.any():
        end, middle = float(good[~far].max()), float(np.median(good))
        good = np.minimum(good, max(end, bound + 0.1 * abs(bound - middle) if math.isfinite(bound) else end))
    return Known.from_losses(observed, failed, good, levels)


def _thinned(n: int, observed: Sequence[Observed]) -> NDArray[np.int64]:
    """The numbers of at most 300 of n trials: half those of the best rank in any metric, the rest spread."""
    if n <= MAX_OBSERVATIONS:
        return np.arange(n)
    rank = np.full(n, n)
    for one in observed:
        order = one.numbers[np.lexsort((one.losses, -one.resources))]
        rank[order] = np.minimum(rank[order], np.arange(len(order)))
    return best_and_spread(np.argsort(rank, kind="stable"))


class Models:
    """The posterior of each metric of which enough is known."""

    def __init__(self, history: History, fits: Fits) -> None:
        goals = history.goals
        known = _known_of(history, [Observed.of(history, w.metric) for w in wanted(goals)])
        every = [
            (j, Model(one, fitted), w.bound)
            for j, (one, fitted, w) in enumerate(zip(known, fits.each, wanted(goals), strict=True))
            # What is the same in all trials is no objective by which to choose.
            if fitted.theta is not None and (math.isfinite(w.bound) or np.ptp(one.targets) > 0)
        ]
        self.each = [model for _, model, _ in every]
        self.first = next((model for j, model, _ in every if j == 0), None)
        """Of the first objective; None while it is the same in all trials."""
        self.n_objectives = sum(j < len(goals.metrics) for j, _, _ in every)
        bounds = [_transformed(model.known, bound) for _, model, bound in every]
        self.bounds: Array = np.array(bounds, dtype=np.float64)
        failed = {int(n) for model in self.each for n in model.known.observed.numbers[model.known.failed]}
        self.numbers = np.array([t.number for t in history.trials if t.number not in failed], dtype=np.int64)
        """Of the trials that did not fail."""
        self.points = history.points[self.numbers]
        self.values = self.at(self.points)[0].T
        """Shape (n, q): of these trials, without their noise."""
        kept: NDArray[np.bool_] = np.all(self.values <= self.bounds, axis=1)
        complete = {t.number: t.feasible for t in history.trials if t.status == Outcome.COMPLETED}
        numbers = self.numbers.tolist()
        self.feasible = np.array(
            [complete.get(n, k) for n, k in zip(numbers, kept.tolist(), strict=True)], bool
        )

    def at(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of each metric, shape (q, n), at encoded points (n, d)."""
        each = [model.at(points) for model in self.each]
        shape = len(self.each), len(points)
        return (
            np.array([mean for mean, _ in each]).reshape(shape),
            np.array([sd for _, sd in each]).reshape(shape),
        )

    def suggested(self, history: History, rng: Generator, costs: Costs) -> NDArray[np.float64]:
        """Return points (k, d) that are likely to gain much for their cost, the likeliest first."""
        m, first = self.n_objectives, candidates(history.space, self.points[self._promising(rng)], rng)
        mean, sd = self.at(first)
        forecast = Forecast(mean, sd, self.bounds, self.values, self.feasible)
        # Every other time along the axes alone: other directions rarely lead to what is rarely good at all.
        target = aim(forecast, directions(m, rng, axes_only=len(history.trials) % 2 == 0))
        failures = self.each[0].log_success

        def acquisition(points: Array) -> Array:
            return target.log_score(*self.at(points)) + failures(points) + costs.log_weight(points)

        values = target.log_score(mean, sd) + failures(first) + costs.log_weight(first)
        return maximise(acquisition, history.space, first, values, rng)

    def _promising(self, rng: Generator) -> NDArray[np.int64]:
        """The rows of trials around which to search, the most promising first."""
        m = self.n_objectives
        if not self.feasible.any() and np.isfinite(self.bounds).any():
            return np.argsort(np.maximum(self.values - self.bounds, 0).sum(axis=1), kind="stable")
        rows = np.flatnonzero(self.feasible)
        if m > 1:
            return rng.permutation(rows[nondominated(self.values[rows, :m])])
        return rows[np.argsort(self.values[rows, 0], kind="stable")] if m else rows

    def expectations(self, history: History) -> Sequence[Expectation]:
        """What is expected of the complete trials that keep the constraints, by the first objective."""
        every = self.first.expectations(history) if self.first else ()
        return tuple(found for found in every if history.trials[found.trial].feasible)


def _transformed(known: Known, bound: float) -> float:
    return float(Transform.of(known.losses)(np.array([bound]))[0]) if math.isfinite(bound) else math.inf


def predictions(history: History, j: int, fits: Sequence[tuple[int, Fits]]) -> tuple[Array, Array]:
    """Return the predicted and the true losses in metric j, shape (k,) each, of trials with their fits."""
    expected, losses = [], []
    metric = wanted(history.goals)[j].metric
    for number, then in fits:
        fitted, loss = then.each[j], metric.loss_in(history.trials[number].metrics)
        if fitted.theta is None or not math.isfinite(loss):
            continue
        observed = [Observed.before(history, number, w.metric) for w in wanted(history.goals)]
        model = Model(_known_of(history, observed)[j], fitted)
        expected.append(float(model.losses(model.at(history.points[[number]])[0])[0]))
        losses.append(loss)
    return np.array(expected), np.array(losses)
