"""Whole functions drawn from the posterior of a Gaussian process: from the prior, then corrected by the data.

| here | Wilson et al. (2020), "Efficiently sampling functions from Gaussian process posteriors" |
| --- | --- |
| prior | f(x) = sum_i w_i phi_i(x), w standard normal: random features of the shape, all those of the trend |
| weights | v = (K + s_n^2 I)^-1 (y - f(X) - eps), for each draw |
| at | f(x) + k(x, X) v, Matheron's rule |

The features of Matern's kernel are cosines (Rahimi and Recht 2007), whose frequencies have its spectral
density: with nu = 5/2, Student's distribution with 5 degrees of freedom. A choice among k values stands at a
corner of a simplex, so that two values are as far apart as the kernel has them.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.searchers.models.exact_gp import Posterior
from rung.searchers.models.kernels import Coordinates, QuadraticTrend

Array: TypeAlias = NDArray[np.floating[Any]]

_FEATURES = 512
_FREEDOM = 5
"""2 nu of Matern's kernel with nu = 5/2."""


class Draws:
    """`n` functions drawn from `posterior`, whose targets are `targets`."""

    def __init__(self, posterior: Posterior, targets: Array, n: int, rng: Generator) -> None:
        self._posterior = posterior
        self._prior = _Prior(posterior, n, rng)
        noise = rng.standard_normal((len(targets), n)) * np.sqrt(posterior.noises)[:, None]
        off = targets[:, None] - self._prior.at(posterior.points) - noise
        self._weights = posterior.L_inv.T @ (posterior.L_inv @ off)

    def at(self, points: Array) -> Array:
        """Return the values of each at points (m, d), shape (m, n)."""
        return self._prior.at(points) + self._posterior.kernel(points, self._posterior.points) @ self._weights


class _Prior:
    """Functions drawn from the prior."""

    def __init__(self, posterior: Posterior, n: int, rng: Generator) -> None:
        self._coordinates = posterior.kernel.coordinates
        theta = posterior.kernel.theta
        trend, signal, _ = theta.variances
        lengths = np.sqrt(1 / theta.weights)
        z = _embedded(posterior.points[:1], self._coordinates, lengths)
        normal = rng.standard_normal((z.shape[1], _FEATURES))
        self._lengths = lengths
        self._frequencies = normal / np.sqrt(rng.chisquare(_FREEDOM, _FEATURES) / _FREEDOM)
        self._phases = rng.uniform(0, 2 * math.pi, _FEATURES)
        waves = math.sqrt(2 * signal / _FEATURES) * rng.standard_normal((_FEATURES, n))
        self._waves = waves.astype(np.float32)
        k = QuadraticTrend(self._coordinates).basis(posterior.points[:1]).shape[1]
        self._trend = math.sqrt(trend) * rng.standard_normal((k, n))

    def at(self, points: Array) -> Array:
        """Return the values at points (m, d), shape (m, n)."""
        z = _embedded(points, self._coordinates, self._lengths)
        angles = (z @ self._frequencies + self._phases).astype(
            np.float32
        )  # whose cosines take a fifth of the time
        waves = np.cos(angles) @ self._waves
        return waves + QuadraticTrend(self._coordinates).basis(points) @ self._trend


def _embedded(points: Array, coordinates: Coordinates, lengths: Array) -> Array:
    """Return points (n, d) as vectors whose squared distances are r^2."""
    ordered = ~coordinates.unordered
    columns = [points[:, ordered] / lengths[ordered]]
    for j in np.flatnonzero(coordinates.unordered):
        middles = (np.arange(coordinates.choices[j]) + 0.5) / coordinates.choices[j]
        corner = np.abs(points[:, j, None] - middles) < 0.25 / coordinates.choices[j]
        inactive = ~corner.any(axis=1, keepdims=True)
        columns.append(np.concatenate([corner, inactive], axis=1) / (math.sqrt(2) * lengths[j]))
    return np.concatenate(columns, axis=1)
