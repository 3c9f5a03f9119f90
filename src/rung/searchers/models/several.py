"""Where to look next with several objectives, constraints, or both: the probability of reaching a target.

EST of one objective (acquisition.py) asks for the largest P(y(x) <= t), where t is the median of the least
value that is to be expected. Here only the event changes: all bounds are kept too, and a target is a length
along a direction. Objectives count in the targets of their models, which are nearly normal, so that seconds
and their logarithm lead to the same search.

| here | means |
| --- | --- |
| mean, sd | mu_j(x) and sigma_j(x) at n points, shape (q, n): of m objectives, then of what has bounds only |
| bounds | b_j, shape (q,): what each metric may be at most; infinite without a constraint |
| directions w | points of the unit sphere, none negative, in units of the front's range: shape (k, m) |
| reference r | the worst of the front and a tenth of its range, shape (m,) |
| length | s_w(y) = min_j (r_j - y_j) / w_j |
| reached h | the largest length of a feasible trial along each direction, shape (k,) |
| aimed t | the length that some candidate reaches with probability one half, shape (k,) |

The hypervolume is, but for a constant, the mean over w of max_y s_w(y)^m: Golovin and Zhang (2020), "Random
hypervolume scalarizations for provable multi-objective black box optimization", lemma 5. With one direction
and one objective this is EST: Wang, Zhou and Jegelka (2016), eq. 3; with bounds, their probability is a
factor besides, as in Gelbart, Snoek and Adams (2014), eq. 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.study.pareto import nondominated

Array: TypeAlias = NDArray[np.floating[Any]]

_DIRECTIONS = 24
_ASIDE = 0.05
"""What the others weigh along the axis of an objective, which finds what is rarely good in that one."""
_BEYOND = 0.1
_LEAST_RANGE = 0.1
"""Of a front, in standard deviations of the objective: it may be a single trial."""
_MARGIN = 1e-2
"""How far the target lies beyond what was reached, at least."""
_HALVINGS = 14
_HALF = math.log(0.5)


@dataclass(frozen=True, slots=True)
class Aim:
    """Events, and what each of them would gain."""

    limits: Array
    """Shape (k, q): the event is that no metric is above its limit."""
    gains: Array
    """Shape (k,)."""

    def log_score(self, mean: Array, sd: Array) -> Array:
        """Return the log of the expected gain at each of the points, shape (n,)."""
        from scipy.special import log_ndtr

        logs = np.repeat(np.log(self.gains)[:, None], mean.shape[1], axis=1)
        for j in np.flatnonzero(np.isfinite(self.limits).any(axis=0)):
            logs += log_ndtr((self.limits[:, j, None] - mean[j]) / sd[j])
        peak = logs.max(axis=0)  # taken out of the sum of exponentials, which would underflow
        return peak + np.log(np.exp(logs - peak).sum(axis=0))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known of candidates and of the trials in q metrics, of which the first m are objectives."""

    mean: Array
    """Shape (q, n), of the candidates; `sd` too."""
    sd: Array
    bounds: Array
    tried: Array
    """Shape (k, q): the values of the trials."""
    feasible: NDArray[np.bool_]
    """Shape (k,): whether each of them keeps the bounds."""


def aim(forecast: Forecast, w: Array) -> Aim:
    """Return what to aim at along the directions w (k, m).

    While no trial is feasible, and none of the candidates with probability one half, the objectives don't
    count: the aim is feasibility.
    """
    mean, sd, bounds, m = forecast.mean, forecast.sd, forecast.bounds, w.shape[1]
    feasibility = Aim(bounds[None, :], np.ones(1))
    log_feasible = feasibility.log_score(mean, sd)
    if m == 0 or (not forecast.feasible.any() and _log_none(np.exp(log_feasible[None, :]))[0] > _HALF):
        return feasibility
    known = forecast.tried[forecast.feasible, :m]
    reference, scale = _reference(known if len(known) else forecast.tried[:, :m])
    # s_w(y) >= t exactly if y_j <= r_j - t w_j for all j: the probability is a product over the metrics.
    directions = w * scale
    reached = ((reference - known)[:, None, :] / directions).min(axis=2).max(axis=0, initial=-np.inf)
    aimed = np.maximum(_aimed(mean[:m], sd[:m], log_feasible, reference, directions), reached + _MARGIN)
    limits = np.tile(bounds, (len(w), 1))
    limits[:, :m] = np.minimum(limits[:, :m], reference - aimed[:, None] * directions)
    # Lemma 5: the hypervolume grows by the mean over w of what s_w^m grows by.
    return Aim(limits, aimed**m - reached**m if len(known) else np.ones(len(w)))


def directions(m: int, rng: Generator, axes_only: bool) -> Array:
    """Return the axes of m objectives, before them 24 random directions unless `axes_only`: shape (k, m)."""
    if m < 2:
        return np.ones((1, m))
    axes = np.where(np.eye(m) > 0, 1.0, _ASIDE)
    w = axes if axes_only else np.concatenate([np.abs(rng.standard_normal((_DIRECTIONS, m))), axes])
    return w / np.linalg.norm(w, axis=1, keepdims=True)  # type: ignore[no-any-return]


def _reference(tried: Array) -> tuple[Array, Array]:
    """The reference point and the range of the front of these values (n, m), shape (m,) each."""
    front = tried[nondominated(tried)]
    scale = np.maximum(np.ptp(front, axis=0), _LEAST_RANGE) if tried.shape[1] > 1 else np.ones(1)
    return front.max(axis=0) + _BEYOND * scale, scale


def _aimed(mean: Array, sd: Array, log_feasible: Array, reference: Array, directions: Array) -> Array:
    """The length that some candidate reaches along each direction with probability one half, by halving."""
    from scipy.special import ndtr

    feasible = np.exp(log_feasible)
    lengths = (reference[:, None] - mean) / directions[:, :, None]  # shape (k, m, n): of the means
    spreads = sd / directions[:, :, None]
    # s_w is the least over objectives, of a candidate; the best candidate counts. Beyond 8 sd nothing is.
    low = (lengths - 8 * spreads).min(axis=1).min(axis=1)
    high = (lengths + 8 * spreads).min(axis=1).max(axis=1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        p = feasible * ndtr((lengths - middle[:, None, None]) / spreads).prod(axis=1)
        # As in `estimated_minimum`, as if the candidates were independent.
        out_of_reach = _log_none(p) > _HALF
        low, high = np.where(out_of_reach, low, middle), np.where(out_of_reach, middle, high)
    return low  # type: ignore[no-any-return]


def _log_none(p: Array) -> Array:
    """The log of the probability that none of the events happens, whose probabilities are rows (k, n)."""
    return np.log1p(-np.minimum(p, 1 - 1e-12)).sum(axis=1)  # type: ignore[no-any-return]
