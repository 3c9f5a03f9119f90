"""What earlier studies say of a new one: their models as basis functions of its Gaussian process.

y(x) = m(x) + phi(x)' beta + g(x) + noise, beta ~ N(0, V), g the process of kernels.py.

| here | means |
| --- | --- |
| mu_k(x) | the posterior mean of study k's own process, of its standardised targets; k = 1, ..., K |
| m(x) | their mean over k: what is expected of the new study before it has observed anything |
| phi(x) | 1, m(x), mu_1(x) - m(x), ..., mu_K(x) - m(x): basis functions |
| V | the prior variances of their coefficients beta |
| I_k(x) | max(min_i mu_k(x_i) - mu_k(x), 0): what study k expects x to improve on the trials x_i so far |

Basis functions with a Gaussian prior on their coefficients only add phi(x)' V phi(x') to the covariance:
Rasmussen and Williams (2006), eq. 2.39 to 2.42. So how far each study is trusted is inferred in closed form:
one that orders the new losses well gets a large coefficient, one that does not is ignored, and a misleading
one gets a negative coefficient. RGPE (Feurer et al. 2018, arXiv:1802.02219) averages the models by how well
each orders the new losses; here they may also correct each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers.models.exact_gp import Posterior, fit
from rung.searchers.models.kernels import Coordinates, QuadraticTrend
from rung.searchers.models.output_transform import targets

Array: TypeAlias = NDArray[np.floating[Any]]

_CONSTANT, _MEAN, _EACH = 1.0, 1.0, 0.5
"""V: of the coefficients of 1 and of m(x), and of those of all mu_k(x) - m(x) together."""
_SAMPLES = 256
_LEAST_SPREAD = 0.1
"""Of what the studies expect of the trials, for the scale of their targets."""


@dataclass(frozen=True, slots=True)
class EarlierModels:
    """The models of K earlier studies."""

    posteriors: Sequence[Posterior]

    @classmethod
    def of(cls, coordinates: Coordinates, studies: Sequence[tuple[Array, Array]]) -> EarlierModels:
        """Fit a model to the points (n, d) and the finite losses (n,) of each study."""
        posteriors = []
        for points, losses in studies:
            y = targets(losses)
            posteriors.append(Posterior(coordinates, fit(coordinates, points, y), points, y))
        return cls(posteriors)

    def each(self, points: Array) -> Array:
        """Return mu_k of points (n, d), shape (K, n)."""
        # The trend is the same function for all of them, but for its variance.
        every = np.concatenate([posterior.points for posterior in self.posteriors])
        trend = QuadraticTrend(self.posteriors[0].kernel.coordinates)(points, every)
        ends = np.cumsum([len(posterior.points) for posterior in self.posteriors])
        parts = np.split(trend, ends[:-1], axis=1)
        return np.array(
            [
                (p.kernel.theta.variances[0] * part + p.kernel.shape(points, p.points)) @ p.alpha
                for p, part in zip(self.posteriors, parts, strict=True)
            ]
        )

    def __call__(self, points: Array) -> tuple[Array, Array]:
        """Return m (n,) of points (n, d), and phi in units of the coefficients' prior, shape (n, K + 2)."""
        mu = self.each(points)
        m = mu.mean(axis=0)
        ones = np.full((1, len(points)), math.sqrt(_CONSTANT))
        each = math.sqrt(_EACH / len(mu)) * (mu - m)
        return m, np.concatenate([ones, math.sqrt(_MEAN) * m[None], each]).T

    def scale(self, points: Array) -> tuple[float, float]:
        """Return mean and standard deviation of m at points (n, d).

        Targets are given these moments: those of the few trials of the new study are standardised among
        themselves, though all may be good, and are to be compared with what was expected of them.
        """
        m = self.each(points).mean(axis=0)
        return float(m.mean()), max(float(m.std()), _LEAST_SPREAD)

    def reached(self, tried: Array) -> Array:
        """Return min_i mu_k(x_i) over trials (m, d), shape (K,); the mean of each study's targets without."""
        return self.each(tried).min(axis=1) if len(tried) else np.zeros(len(self.posteriors))

    def improvement(self, reached: Array, points: Array) -> Array:
        """Return the mean of I_k over the studies at points (n, d), given what was reached, shape (n,).

        The greedy portfolio takes the point where it is largest, again and again: Wistuba, Schilling and
        Schmidt-Thieme (2015), "Sequential model-free hyperparameter tuning", with the models' losses where a
        study has not tried a configuration. It is also their transfer acquisition function (2018, "Scalable
        Gaussian process-based transfer surrogates") while nothing was observed.
        """
        return np.maximum(reached[:, None] - self.each(points), 0.0).mean(axis=0)  # type: ignore[no-any-return]


def misranked_pairs(targets: Array, above: Array, variances: Array) -> Array:
    """Return how many pairs of targets (n,) each of 256 samples of their predictions puts in the wrong order.

    Feurer et al. (2018, arXiv:1802.02219), eq. 5: each target is predicted from the others, a variance (n,)
    around a mean that it lies `above` (n,), and compared with the others as they were observed.
    """
    noise = np.random.default_rng(0).standard_normal((_SAMPLES, len(targets)))
    predicted = targets - above + np.sqrt(variances) * noise
    wrong = (predicted[:, :, None] < targets) != (targets[:, None] < targets)
    return wrong.sum(axis=(1, 2))  # type: ignore[no-any-return]
