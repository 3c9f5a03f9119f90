"""A Gaussian process for a few hundred points of a mixed space, fitted to the maximum a posteriori.

The covariance is a Matern 5/2 with a length scale for each dimension, for the shape, and a polynomial of the
second degree, for the trend: with few observations in many dimensions, that something is better larger, or
only if something else is too, is all one can learn. Rasmussen and Williams (2006), sections 2.7, 4.2 and 5.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

_JITTER = 1e-8
_SQRT3, _SQRT5 = math.sqrt(3), math.sqrt(5)
_LEAST_VARIANCE = 1e-12
_PAIRS = 0.5
"""The trend's variance in products of two coordinates to that in each for itself."""
_UNFIT = 1e10
"""The loss of hyperparameters whose covariance can't be factorised."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A normal law of the logarithm of a hyperparameter, and the bounds it is sought in."""

    mean: float
    sd: float
    low: float
    high: float


def _length_prior(d: int) -> Prior:
    # Scales that grow with the root of the dimension, as in Hvarfner, Hellsten and Nardi (2024), section 4.
    # But the median is 0.2 sqrt(d), theirs 4 sqrt(d), under which a handful of noisy losses are explained by
    # a plane or a parabola, whose least value lies in a corner of the space.
    return Prior(math.log(0.2) + math.log(d) / 2, 0.7, math.log(5e-3), math.log(1e3))


_TREND = Prior(-2.0, 2.0, -10.0, 4.0)
_SIGNAL = Prior(0.0, 1.0, math.log(1e-2), math.log(1e2))
_NOISE = Prior(math.log(2e-2), 2.0, math.log(1e-6), 0.0)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Which of the d coordinates have no order, and how many values those have.

    Ordered coordinates are in [0, 1]; a choice is the middle of its cell or, where inactive, anything else.
    """

    choices: tuple[int, ...]
    """For each coordinate the number of choices; 0 if it is ordered."""

    @property
    def unordered(self) -> NDArray[np.bool_]:
        """Shape (d,): whether a coordinate is a choice."""
        return np.array(self.choices) > 0

    def apart(self, points: Array) -> Array:
        """Squared distances of points (n, d) along each coordinate, shape (d, n, n); of choices 0 or 1."""
        difference = points.T[:, :, None] - points.T[:, None, :]
        difference[self.unordered] = difference[self.unordered] != 0
        return difference * difference

    def distance(self, a: Array, b: Array, weights: Array) -> Array:
        """Squared distances of points (n, d) and (m, d), shape (n, m), each coordinate with its weight."""
        ordered = ~self.unordered
        x, y, w = a[:, ordered], b[:, ordered], weights[ordered]
        scaled = x * w
        squared = (scaled * x).sum(axis=1)[:, None] + (y * y) @ w - 2 * scaled @ y.T
        for j in np.flatnonzero(self.unordered):
            squared += weights[j] * (a[:, j, None] != b[:, j])
        return np.maximum(squared, 0.0)  # type: ignore[no-any-return]

    def trend(self, a: Array, b: Array) -> Array:
        """Covariance (n, m), but for its variance, of the trend at points (n, d) and (m, d)."""
        x, y = self._centred(a), self._centred(b)
        # Of the pairs i < j: the square of the sum over all coordinates, less the sum of the squares.
        covariance = x * self._pair @ y.T
        covariance *= covariance
        alone = np.concatenate([self._features(a, x), -((x * self._pair) ** 2)], axis=1)
        covariance += alone @ np.concatenate([self._features(b, y), y * y], axis=1).T
        return covariance

    def trend_variance(self, points: Array) -> Array:
        """The diagonal (n,) of the trend's covariance of points (n, d) with themselves."""
        x = self._centred(points)
        squares = self._pair * x * x
        pairs = squares.sum(axis=1) ** 2 - (squares * squares).sum(axis=1)
        return pairs + (self._features(points, x) ** 2).sum(axis=1)  # type: ignore[no-any-return]

    @property
    def _pair(self) -> float:
        """The square root of the covariance in x_i x_j and y_i y_j, twice which is _PAIRS in all."""
        p = int((~self.unordered).sum())
        return math.sqrt(_PAIRS * 9 / max(p * (p - 1), 1))

    def _centred(self, points: Array) -> Array:
        """The ordered coordinates, from -1 to 1."""
        return 2 * points[:, ~self.unordered] - 1

    def _features(self, points: Array, centred: Array) -> Array:
        """Legendre's polynomials of degree 1 and 2 of each ordered coordinate, and which choice it is."""
        columns = [_SQRT3 * centred, _SQRT5 * (1.5 * centred * centred - 0.5)]
        for j in np.flatnonzero(self.unordered):
            k = self.choices[j]
            middles = (np.arange(k) + 0.5) / k
            columns.append((np.abs(points[:, j, None] - middles) < 0.25 / k) - 1.0 / k)
        features = np.concatenate(columns, axis=1)
        return features / math.sqrt(features.shape[1])


def _matern(squared: Array) -> Array:
    r = _SQRT5 * np.sqrt(squared)
    return (1 + r + r * r / 3) * np.exp(-r)


def _matern_and_slope(squared: Array) -> tuple[Array, Array]:
    r = _SQRT5 * np.sqrt(squared)
    decay = np.exp(-r)
    return (1 + r + r * r / 3) * decay, -5 / 6 * (1 + r) * decay


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What is fitted: `log` holds the logarithms of d length scales and of the three variances."""

    log: Array

    @property
    def weights(self) -> Array:
        """1 / length scale squared, shape (d,)."""
        return np.exp(-2 * self.log[:-3])

    @property
    def variances(self) -> tuple[float, float, float]:
        """Of trend, shape and noise."""
        trend, signal, noise = np.exp(self.log[-3:]).tolist()
        return trend, signal, noise


def fit(
    inputs: Inputs,
    points: Array,
    targets: Array,
    unsure: Array | None = None,
    iterations: int = 50,
) -> Hyperparameters:
    """Return the maximum a posteriori given standardised targets (n,) at points (n, d), by L-BFGS.

    `unsure` (n,) is a variance of each target that is known, beside that of the noise. The search starts at
    the priors' modes, so that it is a function of the data alone.
    """
    from scipy.optimize import minimize

    d = points.shape[1]
    priors = [_length_prior(d)] * d + [_TREND, _SIGNAL, _NOISE]
    found = minimize(
        _Evidence(inputs, points, targets, priors, unsure).loss,
        np.array([prior.mean for prior in priors]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(prior.low, prior.high) for prior in priors],
        options={"maxiter": iterations},
    )
    return Hyperparameters(found.x)


class _Evidence:
    """The negative log posterior of the hyperparameters and its gradient: Rasmussen and Williams, eq. 5.9."""

    def __init__(
        self,
        inputs: Inputs,
        points: Array,
        targets: Array,
        priors: list[Prior],
        unsure: Array | None = None,
    ) -> None:
        self.n, self.d = points.shape
        self.unsure = np.zeros(self.n) if unsure is None else unsure
        self.apart = inputs.apart(points).reshape(self.d, -1)
        self.trend = inputs.trend(points, points)
        self.targets = targets
        self.mean = np.array([prior.mean for prior in priors])
        self.precision = np.array([prior.sd**-2 for prior in priors])

    def loss(self, log: Array) -> tuple[float, Array]:
        theta = Hyperparameters(log)
        weights, (trend, signal, noise) = theta.weights, theta.variances
        shape, slope = _matern_and_slope((weights @ self.apart).reshape(self.n, self.n))
        covariance = trend * self.trend + signal * shape
        covariance[np.diag_indices(self.n)] += noise + self.unsure + _JITTER
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return _UNFIT, np.zeros_like(log)
        half = _inverse_of_lower(lower)
        inverse = half.T @ half
        alpha = inverse @ self.targets
        by_covariance = 0.5 * (inverse - np.outer(alpha, alpha))
        gradient = np.empty_like(log)
        gradient[:-3] = -2 * weights * (self.apart @ (signal * by_covariance * slope).ravel())
        gradient[-3] = trend * np.sum(by_covariance * self.trend)
        gradient[-2] = signal * np.sum(by_covariance * shape)
        gradient[-1] = noise * np.trace(by_covariance)
        off = log - self.mean
        value = 0.5 * self.targets @ alpha + np.log(np.diag(lower)).sum() + 0.5 * off @ (self.precision * off)
        return float(value), gradient + self.precision * off


def _inverse_of_lower(lower: Array) -> Array:
    from scipy.linalg.lapack import dtrtri

    inverse, _ = dtrtri(lower, lower=1)
    return inverse  # type: ignore[no-any-return]


class Posterior:
    """The process given targets (n,) at points (n, d).

    Each target has a variance `unsure` (n,) beside the noise; -inf is that of one known without noise.
    """

    def __init__(
        self,
        inputs: Inputs,
        theta: Hyperparameters,
        points: Array,
        targets: Array,
        unsure: Array | None = None,
    ) -> None:
        self.inputs, self.points, self.weights = inputs, points, theta.weights
        self.trend, self.signal, noise = theta.variances
        noises = np.full(len(points), noise) if unsure is None else np.maximum(noise + unsure, 0.0)
        lower, extra = _cholesky(self._covariance(points), noises)
        self.half = _inverse_of_lower(lower)
        self.alpha = self.half.T @ (self.half @ targets)
        self.fitted = targets - extra * self.alpha
        """Shape (n,): the mean at the points themselves, K alpha."""

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation, shape (m,) each, of the noiseless value at points (m, d)."""
        cross = self._covariance(points)
        explained = cross @ self.half.T
        prior = self.signal + self.trend * self.inputs.trend_variance(points)
        variance = prior - np.einsum("ij,ij->i", explained, explained)
        return cross @ self.alpha, np.sqrt(np.maximum(variance, _LEAST_VARIANCE))

    def evidence(self) -> float:
        """Log density of each target by what all others say of it, summed: eq. 5.10 to 5.12."""
        precision = np.einsum("ij,ij->j", self.half, self.half)  # the diagonal of the inverse covariance
        off = self.alpha / precision
        return float(_log_normal(off, 1 / precision).sum())

    def _covariance(self, points: Array) -> Array:
        covariance = _matern(self.inputs.distance(points, self.points, self.weights))
        covariance *= self.signal
        trend = self.inputs.trend(points, self.points)
        trend *= self.trend
        covariance += trend
        return covariance


def evidence_of_the_mean(targets: Array) -> float:
    """Log density of each of the standardised targets (n,) by the mean of all others, summed."""
    n = len(targets)
    return float(_log_normal(n / (n - 1) * targets, np.full(n, 1 + 1 / (n - 1))).sum())


def _log_normal(off: Array, variance: Array) -> Array:
    return -0.5 * (np.log(2 * math.pi * variance) + off * off / variance)  # type: ignore[no-any-return]


def _cholesky(covariance: Array, noises: Array) -> tuple[Array, Array]:
    """Return the lower factor of the covariance with these variances (n,) added, and what was added."""
    diagonal = np.diag_indices(len(covariance))
    extra = noises + _JITTER
    added = extra.copy()
    while True:  # near duplicates can need more noise than was fitted to fewer points
        covariance[diagonal] += extra
        try:
            return np.linalg.cholesky(covariance), added
        except np.linalg.LinAlgError:
            extra *= 10
            added += extra
