"""Where to look next: two acquisition functions, and the search for their maximum in a mixed space.

| here | papers |
| --- | --- |
| mean, sd | mu(x) and sigma(x) of the posterior at n points |
| target | the loss to be reached: y* less a margin, or the estimated minimum |
| z | (target - mu(x)) / sigma(x) |
"""

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
"""Random points of the first round."""
_BEST = 5
"""Observed points around which the search starts, with _EACH changes of each size."""
_EACH = 20
_KEPT = 8
"""Candidates that are changed in a round, _CHANGES times each."""
_CHANGES = 25
_SIZES = (0.5, 0.3, 0.3, 0.2, 0.2, 0.1, 0.05, 0.02)
"""Standard deviations of the changes, a round each."""
_HALVINGS = 30
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def estimated_minimum(mean: Array, sd: Array) -> float:
    """Return the median of min_i Y_i for independent Y_i ~ N(mean_i, sd_i^2), shape (n,) each.

    Wang and Jegelka (2017), section 3.1: an estimate of the minimum of what a Gaussian process knows.
    """
    from scipy.special import log_ndtr

    # No Y_i is 8 sd below its mean; the one of the smallest mean_i + sd_i alone is below that with
    # probability 0.84, so that the median lies between the two.
    low, high = float((mean - 8 * sd).min()), float((mean + sd).min())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # log P(min > m) = sum_i log Phi((mean_i - m) / sd_i)
        all_above = float(log_ndtr((mean - middle) / sd).sum())
        low, high = (middle, high) if all_above > math.log(0.5) else (low, middle)
    return high


def log_probability_of_improvement(mean: Array, sd: Array, target: float) -> Array:
    """Return log P(Y <= target) for Y ~ N(mean, sd^2), shape (n,).

    With the estimated minimum as target this is EST: Wang, Zhou and Jegelka (2016), "Optimization as
    estimation with Gaussian processes in bandit settings", eq. 3. Max-value entropy search with one sample
    of the minimum ranks points alike (Wang and Jegelka 2017).
    """
    from scipy.special import log_ndtr

    return log_ndtr((target - mean) / sd)


def log_expected_improvement(mean: Array, sd: Array, target: float) -> Array:
    """Return log E max(target - Y, 0) for Y ~ N(mean, sd^2), shape (n,).

    Log EI of Ament et al. (2023), eq. 8 and 9: it ranks points where EI itself underflows to 0.
    """
    from scipy.special import erfcx, log_ndtr

    z = (target - mean) / sd
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        log_density = -0.5 * z * z - _HALF_LOG_2PI
        near = np.log(np.exp(log_density) + z * np.exp(log_ndtr(z)))  # log(phi(z) + z Phi(z)), z > -1
        # Where z < -1 the sum above cancels: phi(z) is taken out of it, then 1 + z Phi(z) / phi(z) is left.
        mills = np.sqrt(math.pi / 2) * erfcx(-z / math.sqrt(2))  # Phi(z) / phi(z)
        below = log_density + np.log1p(np.maximum(z * mills, -1 + 1e-16))
        # And that is 1 / z^2 but for smaller terms, since Phi(z) / phi(z) = -1/z + 1/z^3 - ...
        far = log_density - 2 * np.log(np.abs(z))
    return np.where(z > -1, near, np.where(z > -1e3, below, far)) + np.log(sd)


def candidates(space: Space, start: Points, rng: Generator) -> Points:
    """Return random points, and changes to the first of the points `start` (m, d)."""
    draws = space.snap(rng.random((_DRAWS, len(space))))
    near = [_changed(space, start[:_BEST], _EACH, size, rng) for size in (0.2, 0.05)]
    return np.concatenate([draws, *near])


def maximise(
    acquisition: Callable[[Array], Array], space: Space, points: Points, values: Array, rng: Generator
) -> Points:
    """Return points (k, d) of configurations where `acquisition` is large, the largest first.

    Rounds of ever smaller changes to the best of the points (m, d), which have these values (m,). A step that
    would leave the unit cube ends at its face: many a hyperparameter is best at its bound.
    """
    for size in _SIZES:
        top = np.argsort(-values, kind="stable")[:_KEPT]
        more = _changed(space, points[top], _CHANGES, size, rng)
        points = np.concatenate([points[top], more])
        values = np.concatenate([values[top], acquisition(more)])
    return points[np.argsort(-values, kind="stable")]


def _changed(space: Space, points: Points, n: int, size: float, rng: Generator) -> Points:
    """Return n changes to each of the points (m, d): some numbers moved by about `size`, choices redrawn."""
    jumps = np.array([isinstance(space[name], Categorical) for name in space.names])
    places = np.array([j for j, name in enumerate(space.names) if name in space.varying], dtype=int)
    # NaN is an inactive hyperparameter; should a change make it active, it begins in the middle.
    many = np.repeat(np.nan_to_num(points, nan=0.5), n, axis=0)
    steps = np.clip(many + size * rng.standard_normal(many.shape), 0, 1)
    moved = np.where(jumps, rng.random(many.shape), steps)
    return space.snap(np.where(_some(many.shape, places, rng), moved, many))


def _some(shape: tuple[int, int], places: NDArray[np.int_], rng: Generator) -> NDArray[np.bool_]:
    """About a fifth of the coordinates of each point, at least one of those at `places` if there are any."""
    m, d = shape
    which = rng.random(shape) < max(2 / d, 0.2)
    if len(places):
        which[np.arange(m), places[rng.integers(len(places), size=m)]] = True
    return which
