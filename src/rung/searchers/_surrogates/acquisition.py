"""Where to look next: the logarithm of the expected improvement, and its maximum over a mixed space."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.space import Space
from rung.space.choices import Categorical

Array: TypeAlias = NDArray[np.floating[Any]]
Points: TypeAlias = NDArray[np.float64]

_DRAWS = 500
_BEST = 5
"""Observed points around which the search starts, with _EACH changes of each size."""
_EACH = 20
_KEPT = 8
"""Candidates that are changed in a round."""
_CHANGES = 25
_SIZES = (0.5, 0.3, 0.3, 0.2, 0.2, 0.1, 0.05, 0.02)
_FAR = -1e4


def log_expected_improvement(mean: Array, sd: Array, best: float) -> Array:
    """Return log E[max(best - Y, 0)] of Y normal, finite also where it is far below the least float.

    Ament et al. (2023), appendix A.
    """
    from scipy.special import erfcx, log_ndtr

    z = (best - mean) / sd
    density = -0.5 * z * z - 0.5 * math.log(2 * math.pi)
    near = np.maximum(z, -1)
    above = np.log(np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi) + near * np.exp(log_ndtr(near)))
    low = np.clip(z, _FAR, -1)
    tail = np.log(np.maximum(1 + low * math.sqrt(math.pi / 2) * erfcx(-low / math.sqrt(2)), 1e-300))
    below = density + np.where(z > _FAR, tail, -2 * np.log(-np.minimum(z, -1)))
    return np.where(z > -1, above, below) + np.log(sd)


def maximise(acquisition: Callable[[Array], Array], space: Space, start: Points, rng: Generator) -> Points:
    """Return points (k, d) of configurations where `acquisition` is large, the largest first.

    Random points and changes to the points `start` (m, d), which are the best known ones first; then rounds
    of ever smaller changes to the best of these. A step that would leave the unit cube ends at its face: many
    a hyperparameter is best at its bound.
    """
    jumps = np.array([isinstance(space[name], Categorical) for name in space.names])
    places = np.array([j for j, name in enumerate(space.names) if name in space.varying], dtype=int)

    def changed(points: Points, n: int, size: float) -> Points:
        many = np.repeat(np.nan_to_num(points, nan=0.5), n, axis=0)
        steps = np.clip(many + size * rng.standard_normal(many.shape), 0, 1)
        moved = np.where(jumps, rng.random(many.shape), steps)
        return space.snap(np.where(_some(many.shape, places, rng), moved, many))

    draws = space.snap(rng.random((_DRAWS, len(space))))
    points = np.concatenate([draws, changed(start[:_BEST], _EACH, 0.2), changed(start[:_BEST], _EACH, 0.05)])
    values = acquisition(points)
    for size in _SIZES:
        top = np.argsort(-values, kind="stable")[:_KEPT]
        more = changed(points[top], _CHANGES, size)
        points = np.concatenate([points[top], more])
        values = np.concatenate([values[top], acquisition(more)])
    return points[np.argsort(-values, kind="stable")]


def _some(shape: tuple[int, int], places: NDArray[np.int_], rng: Generator) -> NDArray[np.bool_]:
    """About a fifth of the coordinates of each point, at least one of those at `places` if there are any."""
    m, d = shape
    which = rng.random(shape) < max(2 / d, 0.2)
    if len(places):
        which[np.arange(m), places[rng.integers(len(places), size=m)]] = True
    return which
