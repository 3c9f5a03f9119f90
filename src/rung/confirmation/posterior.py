"""What is believed of the finalists after their fresh runs: the winner's value, and how sure the choice is.

    y_ij = f_i + s_i (sqrt(rho) b_j + sqrt(1 - rho) e_ij),    b_j, e_ij ~ N(0, 1),    f_i ~ N(M, tau^2)

| here | meaning |
|---|---|
| y_ij | loss of finalist i on seed j: it ran on some of the seeds only |
| f_i | true mean loss of finalist i |
| s_i^2 = r v_i | variance of one run; r ~ d / chi^2_d says how wrong the moderated variance v_i may be |
| rho | what the runs of one seed have in common: 0, as where the split is fixed, or uniform on [0, 1) |
| M, tau | where the finalists lie, and how far apart: M flat, tau half-t around s |

Given r, rho and tau everything is normal, and those three lie on a grid. The posterior mean of f_w takes out
of the winner's mean what the choice put in. Without rho, a choice by equal seeds looks less sure than it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from scipy.special import gammaincinv

from rung.confirmation.statistics import Floats, Noise, Runs

_RHOS = {
    0.0: 1 / 2,
    0.15: 1 / 12,
    0.3: 1 / 12,
    0.45: 1 / 12,
    0.6: 1 / 12,
    0.75: 1 / 12,
    0.9: 1 / 12,
}
"""With their prior probabilities: few runs say little of rho, and to believe in it makes sure."""
_X = np.geomspace(0.02, 200.0, 40)
"""tau / (s / 2)."""
_RATIOS, _DRAWS = 11, 4000


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of the finalists' true means."""

    means: Floats
    """E[f_i]."""
    best: Floats
    """P(f_i is the least)."""
    expected_loss: Floats
    """E[f_i - min f]: what it costs on average to take finalist i."""

    @classmethod
    def of(cls, finalists: Sequence[Runs], rng: Generator) -> Posterior:
        """Of at least two runs of one finalist; `rng` draws what has no closed form."""
        noise, k = Noise.of(finalists), len(finalists)
        if k == 1 or not noise.pooled:
            least = noise.means == noise.means.min()
            return cls(
                noise.means,
                least / np.count_nonzero(least),
                noise.means - noise.means.min(),
            )
        grid = _Grid.of(finalists, noise)
        weights = grid.weights()
        drawn = grid.draw(weights, rng)
        best = np.bincount(drawn.argmin(axis=1), minlength=k) / len(drawn)
        lost = drawn - drawn.min(axis=1, keepdims=True)
        return cls(noise.means.mean() + grid.mean(weights), best, lost.mean(axis=0))


@dataclass(frozen=True)
class _Grid:
    """Cells over rho x tau x r, and in each the normal distribution of the finalists less the mean of all.

    The last axis of an array is that of finalists, turned onto the axes of the fit for that rho.
    """

    axes: Floats
    means: Floats
    variances: Floats
    """Of the means, for r = 1."""
    log_likelihood: Floats
    """Of what the means leave."""
    tau2: Floats
    r: Floats

    @classmethod
    def of(cls, finalists: Sequence[Runs], noise: Noise) -> _Grid:
        d, fits = noise.freedom, [_Fit.of(rho, finalists, noise) for rho in _RHOS]
        r = d / (2 * gammaincinv(d / 2, (np.arange(_RATIOS) + 0.5) / _RATIOS))
        return cls(
            np.array([fit.axes for fit in fits]),
            np.array([fit.means for fit in fits])[:, None, None, :],
            np.array([fit.variances for fit in fits])[:, None, None, :],
            np.array([fit.log_likelihood(r, d) for fit in fits])[:, None, :]
            + np.log(list(_RHOS.values()))[:, None, None],
            (_X**2 * noise.pooled / 4)[:, None, None],
            r[:, None],
        )

    @cached_property
    def ones(self) -> Floats:
        """The direction in which M moves all of them."""
        sums: Floats = self.axes.sum(axis=1)
        return sums[:, None, None, :]

    @cached_property
    def both(self) -> Floats:
        """The variance of what was measured: of the finalists around M, and of the means around them."""
        return self.tau2 + self.r * self.variances

    @cached_property
    def kept(self) -> Floats:
        """The share of what was measured that is believed."""
        share: Floats = self.tau2 / self.both
        return share

    @cached_property
    def middle(self) -> tuple[Floats, Floats]:
        """The mean and the precision of M."""
        precision = (self.ones**2 / self.both).sum(axis=-1)
        return (self.ones * self.means / self.both).sum(axis=-1) / precision, precision

    def weights(self) -> Floats:
        """The probability of each cell."""
        prior = _X * (1 + _X**2 / 3) ** -2  # half-t with 3 degrees of freedom, on a logarithmic grid
        middle, precision = self.middle
        squares = ((self.means - middle[..., None] * self.ones) ** 2 / self.both).sum(axis=-1)
        log_evidence = -0.5 * (np.log(self.both).sum(axis=-1) + np.log(precision) + squares)
        log_weights = self.log_likelihood + np.log(prior)[:, None] + log_evidence
        weights: Floats = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        return weights

    def mean(self, weights: Floats) -> Floats:
        """Of each finalist."""
        believed = self.kept * self.means + (1 - self.kept) * self.middle[0][..., None] * self.ones
        means: Floats = np.einsum("abc,abcd,aed->e", weights, believed, self.axes)
        return means

    def draw(self, weights: Floats, rng: Generator) -> Floats:
        """The finalists' means, a row each time."""
        cells = np.unravel_index(rng.choice(weights.size, size=_DRAWS, p=weights.ravel()), weights.shape)
        middle, precision = self.middle
        common = middle[cells] + rng.standard_normal(_DRAWS) / np.sqrt(precision[cells])
        rho, kept, sd = (
            cells[0],
            self.kept[cells],
            np.sqrt(self.kept * self.r * self.variances)[cells],
        )
        believed = kept * self.means[rho, 0, 0] + (1 - kept) * common[:, None] * self.ones[rho, 0, 0]
        turned = believed + sd * rng.standard_normal(sd.shape)
        drawn: Floats = np.einsum("nij,nj->ni", self.axes[rho], turned)
        return drawn


@dataclass(frozen=True, slots=True)
class _Fit:
    """The finalists' means by generalised least squares, for one rho; less the mean of all."""

    axes: Floats
    """On which the estimates are independent: a column each."""
    means: Floats
    variances: Floats
    """Of the means on these axes, for r = 1."""
    squares: float
    """What the means leave of the runs' squares, in units of their variance."""
    constant: float

    @classmethod
    def of(cls, rho: float, finalists: Sequence[Runs], noise: Noise) -> _Fit:
        k, base, scale = len(finalists), noise.means.mean(), np.sqrt(noise.variances)
        precision, right, squares, constant = np.zeros((k, k)), np.zeros(k), 0.0, 0.0
        for seed in sorted(set().union(*finalists)):
            on = [i for i in range(k) if seed in finalists[i]]
            y, n = np.array([finalists[i][seed] - base for i in on]), len(on)
            shared = 1 - rho + n * rho
            weight = (np.eye(n) - rho / shared) / (1 - rho) / np.outer(scale[on], scale[on])
            precision[np.ix_(on, on)] += weight
            right[on] += weight @ y
            squares += y @ weight @ y
            constant -= 0.5 * ((n - 1) * math.log(1 - rho) + math.log(shared))
        covariance = np.linalg.inv(precision)
        variances, axes = np.linalg.eigh(covariance)
        means = covariance @ right
        return cls(
            axes, means @ axes, variances, float(squares - right @ means),
            constant + 0.5 * float(np.log(variances).sum()),
        )  # fmt: skip

    def log_likelihood(self, r: Floats, freedom: int) -> Floats:
        """Of the runs around their means; r was drawn with what `freedom` squares say already."""
        return self.constant - (self.squares - freedom) / (2 * r)
