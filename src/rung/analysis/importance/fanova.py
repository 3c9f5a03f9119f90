"""Functional ANOVA: how much of a metric's variance each hyperparameter explains (Hutter et al. 2014).

| here | Hutter, Hoos and Leyton-Brown (2014), "Assessing hyperparameter importance" |
| --- | --- |
| marginal | a_U(theta_U), the mean of the model's prediction over all hyperparameters outside U = {j} |
| main | V_U / V: the variance of the marginal, as a part of the variance V of the prediction |
| total | the sum of V_W / V over all W that hold j: alone and by interactions |

The model is rung's own Gaussian process in place of a random forest. Each number is computed for 64 functions
drawn from its posterior, so that an interval says what the trials leave open.

A hyperparameter with a condition is looked at where it is active, and V is the variance there; what is
forbidden has no weight. Within a good region the means and variances are those over that region; there the
hyperparameters are no longer independent, and the part is the correlation ratio var(E[y | theta_j]) / var(y).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.analysis.importance.marginals import Marginal, configurations
from rung.analysis.importance.result import Effect, HyperparameterImportance
from rung.searchers.landscape import Landscape

Array: TypeAlias = NDArray[np.floating[Any]]

_CONFIGURATIONS = 1024
"""By which the bound of the good region is found."""


def importances(landscape: Landscape, best: float, level: float) -> list[HyperparameterImportance]:
    """Return the importance of each varying hyperparameter, overall and in the `best` part of the space."""
    sign = landscape.metric.loss(1.0)
    losses = sign * landscape.draws(configurations(landscape.space, _CONFIGURATIONS))
    bounds = np.quantile(losses, best, axis=1)
    found = []
    for name in landscape.space.varying:
        marginal = Marginal.of(landscape, name)
        losses = sign * marginal.drawn
        weights = np.broadcast_to(marginal.weights, losses.shape)
        good = weights * (losses <= bounds[:, None, None])
        good = good / _or_one(good.sum(axis=(1, 2)))[:, None, None]
        overall, best_part = (Effect.of(main(losses, w), total(losses, w), level) for w in (weights, good))
        found.append(HyperparameterImportance(name, overall, best_part, marginal.active))
    return found


def main(y: Array, weights: Array) -> Array:
    """Return V_j / V of each draw, shape (S,), for values and weights (S, G, N); NaN where V is 0."""
    p = weights.sum(axis=2)
    a = (weights * y).sum(axis=2) / _or_one(p)
    f_0 = (p * a).sum(axis=1)
    V_j = (p * (a - f_0[:, None]) ** 2).sum(axis=1)
    return _part(V_j, y, f_0, weights)


def total(y: Array, weights: Array) -> Array:
    """Return the sum of V_W / V over all W with j, shape (S,): the mean variance with all others fixed."""
    middle = (weights * y).sum(axis=1) / _or_one(weights.sum(axis=1))
    left = (weights * (y - middle[:, None, :]) ** 2).sum(axis=(1, 2))
    return _part(left, y, (weights * y).sum(axis=(1, 2)), weights)


def _part(variance: Array, y: Array, f_0: Array, weights: Array) -> Array:
    V = (weights * (y - f_0[:, None, None]) ** 2).sum(axis=(1, 2))
    return np.where(V > 0, variance / _or_one(V), np.nan)


def _or_one(x: Array) -> Array:
    """The same with 1 for what is not above 0: by which nothing is divided."""
    return np.where(x > 0, x, 1.0)
