"""The covariance of the losses of two configurations, as a Gaussian process assumes it.

k(x, x') = s_t^2 t(x, x') + s_f^2 m(r(x, x')), a trend and a shape.

| here | Rasmussen and Williams (2006) |
| --- | --- |
| points, a, b | x and x', shape (n, d) and (m, d), in the unit cube; d coordinates, p of them with an order |
| weights | 1 / l_j^2 with a length scale l_j for each coordinate (eq. 5.1) |
| squared | r^2 = sum_j (x_j - x'_j)^2 / l_j^2; of choices, 1 / l_j^2 where they differ |
| matern52 | m(r), the Matern kernel with nu = 5/2 (eq. 4.17) |
| QuadraticTrend | t(x, x') = h(x)' B h(x'): basis functions h with a prior on their coefficients (eq. 2.40) |

The trend matters while observations are few: that a loss falls with one number, or with a number only where
another one is large too, is all that a dozen points in eight dimensions can show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

_SQRT3, _SQRT5 = math.sqrt(3), math.sqrt(5)
_PAIRS = 0.5
"""The variance of the trend's products of two coordinates; that of all its other terms is 1."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Which of the d coordinates are choices, and among how many values.

    Ordered coordinates are in [0, 1]. A choice is the middle of its cell, (i + 1/2) / k; any other value
    stands for a choice that is inactive.
    """

    choices: tuple[int, ...]
    """For each coordinate the number of choices; 0 if it is ordered."""

    @property
    def unordered(self) -> NDArray[np.bool_]:
        """Shape (d,): whether a coordinate is a choice."""
        return np.array(self.choices) > 0

    def squared_differences(self, points: Array) -> Array:
        """Return (x_j - x'_j)^2 of points (n, d), shape (d, n, n); of choices whether they differ, 0 or 1."""
        difference = points.T[:, :, None] - points.T[:, None, :]
        difference[self.unordered] = difference[self.unordered] != 0
        return difference * difference

    def squared_distances(self, a: Array, b: Array, weights: Array) -> Array:
        """Return r^2 of points (n, d) and (m, d), shape (n, m)."""
        ordered = ~self.unordered
        x, y, w = a[:, ordered], b[:, ordered], weights[ordered]
        scaled = x * w
        squared = (
            (scaled * x).sum(axis=1)[:, None] + (y * y) @ w - 2 * scaled @ y.T
        )  # (x - y)^2, multiplied out
        for j in np.flatnonzero(self.unordered):
            squared += weights[j] * (a[:, j, None] != b[:, j])
        # Rounding makes the distance of nearly equal points negative.
        return np.maximum(squared, 0.0)  # type: ignore[no-any-return]


def matern52(squared: Array) -> Array:
    """Return m(r) for r^2 of any shape: eq. 4.17."""
    r = _SQRT5 * np.sqrt(squared)
    return (1 + r + r * r / 3) * np.exp(-r)


def matern52_and_slope(squared: Array) -> tuple[Array, Array]:
    """Return m(r) and its derivative by r^2."""
    r = _SQRT5 * np.sqrt(squared)
    decay = np.exp(-r)
    # With s = sqrt(5) r: dm/ds = -(s + s^2) / 3 exp(-s), and ds/d(r^2) = 5 / (2 s).
    return (1 + r + r * r / 3) * decay, -5 / 6 * (1 + r) * decay


@dataclass(frozen=True, slots=True)
class QuadraticTrend:
    """t(x, x'): a polynomial of the second degree in the ordered coordinates, and a step for each choice."""

    coordinates: Coordinates

    def __call__(self, a: Array, b: Array) -> Array:
        """Return t of points (n, d) and (m, d), shape (n, m)."""
        x, y, c = self._centred(a), self._centred(b), self._pair
        # (sum_i c x_i y_i)^2 - sum_i (c x_i y_i)^2 is the kernel of all products x_i x_j with i < j.
        covariance = x * c @ y.T
        covariance *= covariance
        alone = np.concatenate([self._features(a, x), -((x * c) ** 2)], axis=1)
        covariance += alone @ np.concatenate([self._features(b, y), y * y], axis=1).T
        return covariance

    def basis(self, points: Array) -> Array:
        """Return all basis functions h at points (n, d), shape (n, k): t(x, x') = h(x)' h(x')."""
        x = self._centred(points)
        first, second = np.triu_indices(x.shape[1], 1)
        pairs = math.sqrt(2) * self._pair * x[:, first] * x[:, second]
        return np.concatenate([self._features(points, x), pairs], axis=1)

    def diagonal(self, points: Array) -> Array:
        """Return t(x, x) of each point, shape (n,)."""
        x = self._centred(points)
        squares = self._pair * x * x
        pairs = squares.sum(axis=1) ** 2 - (squares * squares).sum(axis=1)
        return pairs + (self._features(points, x) ** 2).sum(axis=1)  # type: ignore[no-any-return]

    @property
    def _pair(self) -> float:
        """c = 3 sqrt(_PAIRS / (p (p - 1))): uniform x_i in [-1, 1] have E x_i^2 x_j^2 = 1/9."""
        p = int((~self.coordinates.unordered).sum())
        return math.sqrt(_PAIRS * 9 / max(p * (p - 1), 1))

    def _centred(self, points: Array) -> Array:
        """The ordered coordinates, from -1 to 1."""
        return 2 * points[:, ~self.coordinates.unordered] - 1

    def _features(self, points: Array, centred: Array) -> Array:
        """h(x) without products: Legendre's polynomials of degree 1 and 2, and indicators of the choices."""
        # Orthonormal under uniform x_i in [-1, 1], so that no term is a part of another one.
        columns = [_SQRT3 * centred, _SQRT5 * (1.5 * centred * centred - 0.5)]
        for j in np.flatnonzero(self.coordinates.unordered):
            k = self.coordinates.choices[j]
            # Less 1/k, the mean of an indicator: like the polynomials they leave the constant out. A value
            # that is the middle of no cell is an inactive choice, which has no indicator.
            middles = (np.arange(k) + 0.5) / k
            columns.append((np.abs(points[:, j, None] - middles) < 0.25 / k) - 1.0 / k)
        features = np.concatenate(columns, axis=1)
        # Their sum then has a variance of about 1 over the space, however many there are.
        return features / math.sqrt(features.shape[1])


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """theta: the logarithms of the length scales l_1, ..., l_d and of three variances."""

    log: Array
    """Shape (d + 3,)."""

    @property
    def weights(self) -> Array:
        """1 / l_j^2, shape (d,)."""
        return np.exp(-2 * self.log[:-3])

    @property
    def variances(self) -> tuple[float, float, float]:
        """s_t^2 of the trend, s_f^2 of the shape, s_n^2 of the noise."""
        trend, signal, noise = np.exp(self.log[-3:]).tolist()
        return trend, signal, noise


@dataclass(frozen=True, slots=True)
class Kernel:
    """k(x, x') with all hyperparameters given."""

    coordinates: Coordinates
    theta: Hyperparameters

    def __call__(self, a: Array, b: Array) -> Array:
        """Return k of points (n, d) and (m, d), shape (n, m), without noise."""
        covariance = self.shape(a, b)
        trend = QuadraticTrend(self.coordinates)(a, b)
        trend *= self.theta.variances[0]
        covariance += trend
        return covariance

    def shape(self, a: Array, b: Array) -> Array:
        """Return s_f^2 m(r) of points (n, d) and (m, d), shape (n, m)."""
        covariance = matern52(self.coordinates.squared_distances(a, b, self.theta.weights))
        covariance *= self.theta.variances[1]
        return covariance

    def diagonal(self, points: Array) -> Array:
        """Return k(x, x) of each point, shape (n,)."""
        trend_variance, signal, _ = self.theta.variances
        return signal + trend_variance * QuadraticTrend(self.coordinates).diagonal(points)
