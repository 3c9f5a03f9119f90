"""PED-ANOVA: which hyperparameters tell the best trials from the others (Watanabe et al. 2023).

| here | Watanabe, Bansal and Hutter (2023), "Hyperparameter importance in arbitrary subspaces" |
| --- | --- |
| D_gamma, D_top | the trials of the region, the best gamma of all; and the best gamma' among them |
| p, q | p_d(x | D_gamma') and p_d(x | D_gamma), densities of one hyperparameter by kernels |
| v | the Pearson divergence sum_x q(x) (p(x) / q(x) - 1)^2: the local marginal variance but for a factor |

It needs no model of the metric: only which trials are the better ones. The values are divided by their
sum, so that they are parts of 1, and the intervals come from trials drawn again with replacement. A trial
that failed is among the worst. Of a hyperparameter with a condition, the trials in which it is active are
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.analysis.importance.result import Effect, HyperparameterImportance, Share
from rung.space import Categorical, Domain, Space

Array: TypeAlias = NDArray[np.floating[Any]]
Rows: TypeAlias = NDArray[np.int64]

_STEPS = 50
"""Cells of the unit interval in which densities are computed."""
_RESAMPLES = 100
_LEAST = 2
"""Trials of which a density can be made."""
_NARROWEST = 0.5 / 1.64
"""The bandwidth, in cells, that keeps 90 % of a kernel in its own cell."""


def importances(
    space: Space, points: Array, losses: Array, best: float, level: float
) -> list[HyperparameterImportance]:
    """Return the importance of each hyperparameter that varies, from encoded points (n, d) and losses (n,).

    Overall it is what tells the `best` part of the trials from all; within the good region, what tells
    the better half of those from all of those.
    """
    axes = [_Axis.of(space[name], points[:, space.names.index(name)]) for name in space.varying]
    overall = _shares(axes, losses, (1.0, best), level)
    good = _shares(axes, losses, (best, best / 2), level)
    return [
        HyperparameterImportance(name, _effect(a), _effect(b), float((axis.cells >= 0).mean()))
        for name, axis, a, b in zip(space.varying, axes, overall, good, strict=True)
    ]


def _effect(share: Share | None) -> Effect | None:
    return None if share is None else Effect(share)


def _shares(
    axes: list[_Axis], losses: Array, gammas: tuple[float, float], level: float
) -> list[Share | None]:
    n, rng = len(losses), np.random.default_rng(0)
    value = _parts(axes, losses, np.arange(n), gammas)
    draws = np.array([_parts(axes, losses, rng.integers(n, size=n), gammas) for _ in range(_RESAMPLES)])
    return [
        Share.of(draws[:, j], level, float(value[j])) if np.isfinite(value[j]) else None
        for j in range(len(axes))
    ]


def _parts(axes: list[_Axis], losses: Array, rows: Rows, gammas: tuple[float, float]) -> Array:
    """Return the part of each hyperparameter, shape (d,), NaN where it is not known."""
    D_gamma, D_top = (_best(losses, rows, gamma) for gamma in gammas)
    v = np.array([axis.divergence(D_top, D_gamma) for axis in axes])
    whole = np.nansum(v)
    return v / whole if whole > 0 else v


def _best(losses: Array, rows: Rows, part: float) -> Rows:
    """The rows whose losses are among the best part of them."""
    y = losses[rows]
    bound = np.sort(y)[max(int(np.ceil(part * len(y))), 1) - 1]
    found: Rows = rows[(y <= bound) & (np.isfinite(y) | (part == 1.0))]
    return found


@dataclass(frozen=True, slots=True)
class _Axis:
    """A hyperparameter of all trials."""

    cells: NDArray[np.int64]
    """Shape (n,): the cell of each trial, -1 where it is inactive."""
    size: int
    ordered: bool

    @classmethod
    def of(cls, domain: Domain, u: Array) -> _Axis:
        cells = np.full(len(u), -1)
        active = ~np.isnan(u)
        if domain.size is None or domain.size > _STEPS:
            cells[active] = np.minimum(u[active] * _STEPS, _STEPS - 1).astype(int)
            return cls(cells, _STEPS, ordered=True)
        places = np.sort(domain.encode(domain.lattice()))
        cells[active] = np.abs(u[active, None] - places).argmin(axis=1)
        return cls(cells, domain.size, not isinstance(domain, Categorical))

    def divergence(self, top: Rows, region: Rows) -> float:
        """Return the Pearson divergence of the densities of some trials and of others; NaN of too few."""
        counts = [np.bincount(c[c >= 0], minlength=self.size) for c in (self.cells[top], self.cells[region])]
        if min(n.sum() for n in counts) < _LEAST:
            return float("nan")
        p, q = map(self._density, counts)
        return float(q @ (p / q - 1) ** 2)

    def _density(self, counts: NDArray[np.int64]) -> Array:
        """Return the density at each cell, shape (size,): of all trials' kernels and a wide one."""
        n = counts.sum()
        if not self.ordered:
            return (counts + 1 / self.size) / (n + 1)  # type: ignore[no-any-return]
        middle = np.array([(self.size - 1) / 2])
        kernels = _kernels(np.arange(self.size), max(_bandwidth(counts), _NARROWEST), self.size)
        return (counts @ kernels + _kernels(middle, float(self.size), self.size)[0]) / (n + 1)  # type: ignore[no-any-return]


def _bandwidth(counts: NDArray[np.int64]) -> float:
    """Scott's rule, of trials by cell."""
    x, upto, n = np.arange(len(counts)), counts.cumsum(), counts.sum()
    low, high = np.searchsorted(upto, [0.25 * n, 0.75 * n])
    mean = counts @ x / n
    sd = np.sqrt(counts @ (x - mean) ** 2 / (n - 1))
    return float(1.059 * min((high - low) / 1.34, sd) * n**-0.2)


def _kernels(centres: NDArray[Any], sd: float, size: int) -> Array:
    """Return normal kernels at `centres` (m,), integrated over each cell: shape (m, size)."""
    from scipy.special import ndtr

    edges = np.arange(size + 1) - 0.5 - centres[:, None]
    if len(centres) > 1:  # cells: the distances of edges are whole numbers, of which there are few
        below = ndtr((np.arange(-size, size + 1) - 0.5) / sd)[(edges + 0.5).astype(int) + size]
    else:
        below = ndtr(edges / sd)
    return np.diff(below, axis=1) / (below[:, -1:] - below[:, :1])  # type: ignore[no-any-return]
