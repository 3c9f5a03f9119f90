"""What a model expects of each value of a hyperparameter, whatever the others are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers.landscape import Landscape
from rung.space import Categorical, Domain, Space, Value

Array: TypeAlias = NDArray[np.float64]

_VALUES = 16
"""Values of a hyperparameter, or all of one that has no more."""
OTHERS = 256
"""Settings of all others, of a Sobol' sequence."""
_FINE = 25
"""Places of each of the two."""
_BEHIND = 32
"""Settings of all but two, at each of the places of a surface."""
_CELLS = 4096
"""Places of the unit interval by which the probabilities of few values are counted."""


@dataclass(frozen=True, eq=False)
class Marginal:
    """The metric with a hyperparameter at each of G values and all others at N settings, for S draws.

    All of them lie where the hyperparameter is active, and are allowed.
    """

    values: list[Value]
    """The G values."""
    drawn: Array
    """Shape (S, G, N)."""
    weights: Array
    """Shape (G, N): the probability of each, given that the hyperparameter is active; their sum is 1."""
    active: float
    """In which part of the space the hyperparameter is active."""

    @classmethod
    def of(cls, landscape: Landscape, name: str, others: int = OTHERS) -> Marginal:
        """Of one hyperparameter, at `others` settings of all others: a power of 2."""
        space, j = landscape.space, landscape.space.names.index(name)
        places, probabilities = _grid(space[name])
        points = np.repeat(settings(space, others)[None], len(places), axis=0)
        points[:, :, j] = places[:, None]
        points = space.snap(points.reshape(-1, len(space)))
        allowed = _allowed(space, points).reshape(len(places), -1)
        active = ~np.isnan(points[:, j]).reshape(allowed.shape)
        weights = (active & allowed) * probabilities[:, None]
        drawn = landscape.draws(points).astype(np.float64)
        part = float(weights.sum() / (allowed * probabilities[:, None]).sum())
        return cls(
            [space[name].decode(u) for u in places.tolist()],
            drawn.reshape(len(drawn), *allowed.shape),
            weights / max(float(weights.sum()), 1e-300),
            part,
        )

    @cached_property
    def means(self) -> Array:
        """Shape (S, G): the mean over all others, by draw and value."""
        at_each = self.weights.sum(axis=1)
        found: Array = (self.drawn * self.weights).sum(axis=2) / np.where(at_each > 0, at_each, np.nan)
        return found


def surface(landscape: Landscape, x: str, y: str) -> tuple[tuple[Array, Array], Array]:
    """Return the mean of the metric over all hyperparameters but two, where both are active and allowed.

    The places of the values in the unit interval, shape (m,) and (n,), and the means, shape (n, m): NaN where
    there is no such configuration.
    """
    space = landscape.space
    grids = [_edges(space[name]) for name in (x, y)]
    columns = [space.names.index(name) for name in (x, y)]
    others = settings(space, _BEHIND)
    points = np.tile(others, (len(grids[0]) * len(grids[1]), 1))
    up, across = np.meshgrid(grids[1], grids[0], indexing="ij")
    points[:, columns[0]] = np.repeat(across.ravel(), _BEHIND)
    points[:, columns[1]] = np.repeat(up.ravel(), _BEHIND)
    snapped = space.snap(points)
    known = _allowed(space, snapped) & ~np.isnan(snapped[:, columns]).any(axis=1)
    # Between two values that exist, the picture shows the model, not the nearest of them.
    snapped[:, columns] = np.where(np.isnan(snapped[:, columns]), np.nan, points[:, columns])
    means = np.where(known, landscape.mean(snapped), 0.0).reshape(*up.shape, _BEHIND).sum(axis=2)
    counts = known.reshape(*up.shape, _BEHIND).sum(axis=2)
    return (grids[0], grids[1]), np.where(counts > 0, means / np.maximum(counts, 1), np.nan)


def settings(space: Space, n: int) -> Array:
    """Return `n` points of a Sobol' sequence in the unit cube, always the same, shape (n, d)."""
    from scipy.stats import qmc

    return qmc.Sobol(len(space), seed=0).random(n).astype(np.float64)


def configurations(space: Space, n: int) -> Array:
    """Return about `n` encoded configurations, spread over what is allowed."""
    points = space.snap(settings(space, n))
    return points[_allowed(space, points)]


def _allowed(space: Space, points: Array) -> NDArray[np.bool_]:
    if not space.forbid:
        return np.ones(len(points), dtype=np.bool_)
    return np.array([space.allows(config) for config in space.decode(points)], dtype=np.bool_)


def _grid(domain: Domain) -> tuple[Array, Array]:
    """Return the places of the values and their probabilities, shape (G,) each."""
    if domain.size is not None and domain.size <= _VALUES:
        places, counts = np.unique(domain.snap(_middles(_CELLS)), return_counts=True)
        return places, counts / _CELLS
    return domain.snap(_middles(_VALUES)), np.full(_VALUES, 1 / _VALUES)


def _edges(domain: Domain) -> Array:
    """The places at which a surface is computed, from end to end: of choices, their own."""
    if isinstance(domain, Categorical):
        return domain.encode(domain.lattice())
    return np.linspace(0, 1, _FINE)


def _middles(n: int) -> Array:
    return (np.arange(n) + 0.5) / n
