"""Exact regression by a Gaussian process of a few hundred targets, its hyperparameters at their mode.

| here | Rasmussen and Williams (2006) |
| --- | --- |
| points, targets | X and y |
| K | k(X, X) + s_n^2 I, and what makes some targets less certain than others |
| L, L_inv | L L' = K, and the inverse of L (algorithm 2.1) |
| alpha | K^-1 y |
| theta | the hyperparameters; see kernels.py |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers.models.kernels import (
    Coordinates,
    Hyperparameters,
    Kernel,
    QuadraticTrend,
    matern52_and_slope,
)

Array: TypeAlias = NDArray[np.floating[Any]]

_JITTER = 1e-8
_MIN_VARIANCE = 1e-12
_UNFIT = 1e10
"""The loss of hyperparameters whose covariance can't be factorised."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A log-normal prior of one hyperparameter, and the bounds of its logarithm for the optimiser."""

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
_REST = Prior(math.log(0.3), 1.0, math.log(1e-4), math.log(1e2))
"""Of the signal beside basis functions."""
_NOISE = Prior(math.log(2e-2), 2.0, math.log(1e-6), 0.0)


Basis: TypeAlias = Callable[[Array], tuple[Array, Array]]
"""Of points (n, d): the prior mean (n,), and basis functions h(x) with the unit prior N(0, I) of their
coefficients, shape (n, k)."""


def fit(
    coordinates: Coordinates,
    points: Array,
    targets: Array,
    extra_variance: Array | None = None,
    iterations: int = 50,
    *,
    basis: Basis | None = None,
) -> Hyperparameters:
    """Return the most probable hyperparameters given standardised targets (n,) at points (n, d), by L-BFGS.

    `extra_variance` (n,) of each target is known, and added to that of the noise. The search starts at the
    modes of the priors, so that the result depends on the data alone. Of a `basis`, the signal's prior is
    lower: it is for what the basis does not explain.
    """
    from scipy.optimize import minimize

    d = points.shape[1]
    given = None
    if basis is not None:
        mean, h = basis(points)
        targets, given = targets - mean, h @ h.T
    priors = [_length_prior(d)] * d + [_TREND, _SIGNAL if basis is None else _REST, _NOISE]
    found = minimize(
        _NegativeLogPosterior(coordinates, points, targets, priors, extra_variance, given=given),
        np.array([prior.mean for prior in priors]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(prior.low, prior.high) for prior in priors],
        options={"maxiter": iterations},
    )
    return Hyperparameters(found.x)


class _NegativeLogPosterior:
    """-log p(y | X, theta) - log p(theta), and its gradient by theta."""

    def __init__(
        self,
        coordinates: Coordinates,
        points: Array,
        targets: Array,
        priors: list[Prior],
        extra_variance: Array | None = None,
        *,
        given: Array | None = None,
    ) -> None:
        self.n, self.d = points.shape
        self.given = given
        self.extra_variance = np.zeros(self.n) if extra_variance is None else extra_variance
        self.squared_differences = coordinates.squared_differences(points).reshape(self.d, -1)
        self.trend = QuadraticTrend(coordinates)(points, points)
        self.targets = targets
        self.mean = np.array([prior.mean for prior in priors])
        self.precision = np.array([prior.sd**-2 for prior in priors])

    def __call__(self, log_theta: Array) -> tuple[float, Array]:
        theta = Hyperparameters(log_theta)
        weights, (trend, signal, noise) = theta.weights, theta.variances
        shape, slope = matern52_and_slope((weights @ self.squared_differences).reshape(self.n, self.n))
        K = trend * self.trend + signal * shape
        if self.given is not None:
            K += self.given
        K[np.diag_indices(self.n)] += noise + self.extra_variance + _JITTER
        try:
            L = np.linalg.cholesky(K)
        except np.linalg.LinAlgError:
            return _UNFIT, np.zeros_like(log_theta)
        L_inv = _inverse_of_lower(L)
        K_inv = L_inv.T @ L_inv
        alpha = K_inv @ self.targets
        dK = 0.5 * (K_inv - np.outer(alpha, alpha))  # eq. 5.9: d/dtheta is the trace of this times dK/dtheta
        gradient = np.empty_like(log_theta)
        # K depends on log l_j by weights w_j = exp(-2 log l_j) in r^2 = sum_j w_j (x_j - x'_j)^2: a factor of
        # -2 w_j (x_j - x'_j)^2 times the slope. By the log of a variance it changes as its own part.
        gradient[:-3] = -2 * weights * (self.squared_differences @ (signal * dK * slope).ravel())
        gradient[-3] = trend * np.sum(dK * self.trend)
        gradient[-2] = signal * np.sum(dK * shape)
        gradient[-1] = noise * np.trace(dK)
        z = log_theta - self.mean
        # Eq. 5.8 without its constant, and the priors.
        value = 0.5 * self.targets @ alpha + np.log(np.diag(L)).sum() + 0.5 * z @ (self.precision * z)
        return float(value), gradient + self.precision * z


def _inverse_of_lower(L: Array) -> Array:
    from scipy.linalg.lapack import dtrtri

    inverse, _ = dtrtri(L, lower=1)
    return inverse  # type: ignore[no-any-return]


class Posterior:
    """The process given targets (n,) at points (n, d).

    Each target has a variance `extra_variance` (n,) beside the noise; -inf is that of one without noise. A
    `basis` is a linear model beside the process, whose coefficients are integrated out (eq. 2.41, 2.42).
    """

    def __init__(
        self,
        coordinates: Coordinates,
        theta: Hyperparameters,
        points: Array,
        targets: Array,
        extra_variance: Array | None = None,
        *,
        basis: Basis | None = None,
    ) -> None:
        self.kernel, self.points, self.basis = Kernel(coordinates, theta), points, basis
        self.targets, self.extra_variance = targets, extra_variance
        noise = theta.variances[2]
        noises = np.full(len(points), noise)
        if extra_variance is not None:
            noises = np.maximum(noise + extra_variance, 0.0)
        covariance = self.kernel(points, points)
        expected: Array | float = 0.0
        if basis is not None:
            expected, self.h = basis(points)
            covariance += self.h @ self.h.T
        L, self.noises = _cholesky(covariance, noises)
        self.L_inv = _inverse_of_lower(L)
        self.alpha = self.L_inv.T @ (self.L_inv @ (targets - expected))
        # K alpha is the targets less the mean, and these are on K's diagonal.
        self.fitted = targets - self.noises * self.alpha
        """Shape (n,): the mean at the points themselves, k(X, X) alpha."""

    def at(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation, shape (m,) each, of the noiseless value at points (m, d)."""
        cross, prior = self.kernel(points, self.points), self.kernel.diagonal(points)
        expected: Array | float = 0.0
        if self.basis is not None:
            expected, h = self.basis(points)
            cross += h @ self.h.T
            prior = prior + np.einsum("ij,ij->i", h, h)
        v = cross @ self.L_inv.T
        variance = prior - np.einsum("ij,ij->i", v, v)  # eq. 2.26
        return expected + cross @ self.alpha, np.sqrt(np.maximum(variance, _MIN_VARIANCE))  # eq. 2.25

    def believing(self, points: Array) -> Posterior:
        """Return the process that has also seen its own mean, without noise, at points (m, d).

        The kriging believer of Ginsbourger et al. (2010), section 4.1.
        """
        known = np.zeros(len(self.points)) if self.extra_variance is None else self.extra_variance
        return Posterior(
            self.kernel.coordinates,
            self.kernel.theta,
            np.concatenate([self.points, points]),
            np.concatenate([self.targets, self.at(points)[0]]),
            np.concatenate([known, np.full(len(points), -math.inf)]),
            basis=self.basis,
        )

    def left_out(self) -> tuple[Array, Array]:
        """Return by how much each target, left out, is above its prediction, and that one's variance.

        Shape (n,) each: eq. 5.12.
        """
        precision = np.einsum("ij,ij->j", self.L_inv, self.L_inv)  # the diagonal of K^-1
        return self.alpha / precision, 1 / precision

    def log_predictive_density(self) -> float:
        """Return the log density of each target given all others, summed: eq. 5.10 and 5.11."""
        return float(_log_normal(*self.left_out()).sum())


def log_density_by_the_mean(targets: Array) -> float:
    """Return the log density of each standardised target (n,) given the mean of all others, summed."""
    # Their mean is 0 and their variance 1, so that of the others is -y_i / (n - 1), and the error
    # y_i n / (n - 1); a mean of n - 1 values adds 1 / (n - 1) to the variance.
    n = len(targets)
    return float(_log_normal(n / (n - 1) * targets, np.full(n, 1 + 1 / (n - 1))).sum())


def _log_normal(error: Array, variance: Array) -> Array:
    return -0.5 * (np.log(2 * math.pi * variance) + error * error / variance)  # type: ignore[no-any-return]


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
