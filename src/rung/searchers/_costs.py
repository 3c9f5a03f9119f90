"""What trials cost: a model of its logarithm, and how much it counts in the choice of the next one.

Improvement is asked for per unit of cost, and cost counts less as the budget is used up: EI-cool of Lee,
Perrone, Archambeau and Seeger (2020), "Cost-aware Bayesian optimization", arXiv:2003.10870, section 3. But
every other trial, improvement alone: per unit of cost, what is good and expensive is found late.

| here | there |
| --- | --- |
| weight | 1 / c(x)^alpha, as a logarithm |
| share_left | alpha, the share of the budget that is left |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers._surrogate import Encoding
from rung.searchers.models.exact_gp import Posterior, fit
from rung.searchers.models.kernels import Hyperparameters
from rung.searchers.models.output_transform import Standard
from rung.study.events import Outcome
from rung.study.history import History
from rung.study.trial import Trial

Array: TypeAlias = NDArray[np.floating[Any]]

_SECONDS = "train_seconds"
_HALF = math.log(0.5)
_LATE = 1e4
_LATEST = 300
"""Costs that the model takes in."""


@dataclass(frozen=True, slots=True)
class CostFit:
    """Hyperparameters of the model of the logarithm of the cost."""

    encoding: Encoding
    theta: Hyperparameters | None
    """None while too little is known."""

    @classmethod
    def to(cls, history: History, trial: int) -> CostFit:
        """Fit them to what was known when `trial` was suggested; a constant of the study."""
        encoding = Encoding.of(history.space)
        ends = history.ends[: history.known(trial)[1]]
        x, y = _known(history, encoding, sorted({number for number, _ in ends}))
        if len(y) < 2:
            return cls(encoding, None)
        return cls(encoding, fit(encoding.coordinates, x, Standard.of(y)(y)))


class Costs:
    """The logarithm of the weight that costs give to each point: 0 everywhere while too little is known."""

    def __init__(self, history: History, fitted: CostFit | None) -> None:
        self._posterior: Posterior | None = None
        self._share = share_left(history) if len(history.trials) % 2 == 0 else 0.0
        seconds = history.cost == _SECONDS and history.timeout is not None
        self._left = max(history.timeout - history.t, 1e-3) if seconds and history.timeout else math.inf
        if fitted is None or fitted.theta is None:
            return
        self._encoding = fitted.encoding
        x, y = _known(history, fitted.encoding, range(len(history.trials)))
        self._unit = Standard.of(y)
        self._noise = fitted.theta.variances[2]
        self._posterior = Posterior(fitted.encoding.coordinates, fitted.theta, x, self._unit(y))

    def log_weight(self, points: Array) -> Array | float:
        """Return -alpha log c(x), and the log of the probability that it ends in time: of points (n, d)."""
        if self._posterior is None:
            return 0.0
        from scipy.special import log_ndtr

        mean, sd = self._posterior.at(self._encoding.at(points))
        weight = -self._share * self._unit.sd * mean
        if math.isinf(self._left):
            return weight
        left = (math.log(self._left) - self._unit.mean) / self._unit.sd
        in_time = log_ndtr((left - mean) / np.sqrt(sd * sd + self._noise))
        # However good it may be, what is not likely to end comes after all that is.
        return weight + in_time - np.where(in_time < _HALF, _LATE, 0.0)


def share_left(history: History) -> float:
    """Return the share of the budget that is left: of the time if costs are seconds, else of the trials."""
    if history.cost == _SECONDS and history.timeout is not None:
        return max(0.0, 1 - history.t / history.timeout)
    return 1.0 if history.n_trials is None else max(0.0, 1 - history.counted / history.n_trials)


def _known(history: History, encoding: Encoding, numbers: Any) -> tuple[Array, Array]:
    """The points (n, d) and the logarithms of the costs (n,) of the latest of these trials that have one."""
    costs = {number: cost_of(history, history.trials[number]) for number in list(numbers)[-_LATEST:]}
    rows = [number for number, cost in costs.items() if cost is not None]
    x = encoding.at(history.points[rows].reshape(len(rows), -1))
    return x, np.log(np.array([costs[number] for number in rows], dtype=np.float64))


def cost_of(history: History, trial: Trial) -> float | None:
    """Return what a whole run of the configuration of `trial` costs, None if that is not known."""
    if trial.status not in {Outcome.COMPLETED, Outcome.STOPPED, Outcome.PAUSED}:
        return None
    found = trial.metrics.get(history.cost or "")
    if found is None and history.cost == _SECONDS:  # the loop is the caller's, or the time virtual
        found = sum(a.ended - a.started for a in trial.attempts if a.ended is not None)
    if found is None or not 0 < found < math.inf:
        return None
    if trial.status == Outcome.COMPLETED:
        return found
    full = history.max_resource
    return found * full / trial.resource if full and trial.resource else None
