"""Where to look next with several objectives, constraints, or both: the probability of reaching a target.

EST of one objective (acquisition.py) asks for the largest P(y(x) <= t), where t is the median of the least value
that is to be expected. Here only the event changes: all bounds are kept too, and a target is a length along a
direction.

| here | papers |
| --- | --- |
| mean, sd | of metric j at n points, shape (q, n): the m objectives, then the metrics that have bounds only |
| bounds | b_j, shape (q,): what each metric may be at most; infinite without a constraint |
| w | a direction: of w_k >= 0, shape (k, m) |
| s_w(y) | min_j (r_j - y_j) / w_j: the length reached along w from the reference point r |
| reached, h_k | the largest s_w of the feasible trials |
| t_k | the length that one of the candidates reaches with probability one half |

The hypervolume is, but for a constant, the mean over directions w of max_y s_w(y)^m: Golovin and Zhang (2020),
"Random hypervolume scalarizations for provable multi-objective black box optimization", lemma 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

_DIRECTIONS = 24
_ASIDE = 0.05
_BEYOND = 0.1
_MARGIN = 1e-2
_HALVINGS = 16
OPT = dict(mode="indep", samples=32, pool=150, axes=True, space="warped")


def directions(m: int, rng: Generator) -> Array:
    if m == 1:
        return np.ones((1, 1))
    w = np.abs(rng.standard_normal((_DIRECTIONS, m)))
    axes = np.where(np.eye(m) > 0, 1.0, _ASIDE)
    w = np.concatenate([w, axes]) if OPT["axes"] else w
    return w / np.linalg.norm(w, axis=1, keepdims=True)


def nondominated(y: Array) -> NDArray[np.bool_]:
    """Which rows of y (n, m) no other dominates."""
    no_worse = (y[:, None, :] <= y[None, :, :]).all(axis=2)
    better = (y[:, None, :] < y[None, :, :]).any(axis=2)
    return ~(no_worse & better).any(axis=0)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Targets:
    limits: Array
    gains: Array

    def log_score(self, mean: Array, sd: Array) -> Array:
        from scipy.special import log_ndtr

        total = 0.0
        for j in range(len(mean)):
            total = total + log_ndtr((self.limits[:, j, None] - mean[j]) / sd[j])
        with np.errstate(divide="ignore"):
            total = total + np.log(self.gains)[:, None]
        peak = total.max(axis=0)
        return peak + np.log(np.exp(total - peak).sum(axis=0))


def log_feasible(mean: Array, sd: Array, bounds: Array) -> Array:
    from scipy.special import log_ndtr

    out = np.zeros(mean.shape[1])
    for j in np.flatnonzero(np.isfinite(bounds)):
        out += log_ndtr((bounds[j] - mean[j]) / sd[j])
    return out


def targets_of(mean, sd, bounds, m, y, raw, feasible, rng, transforms, sample=None):
    """mean, sd (q, n) of candidates; y (n, q) of the trials."""
    log_p = log_feasible(mean, sd, bounds)
    if np.log1p(-np.minimum(np.exp(log_p), 1 - 1e-12)).sum() > math.log(0.5) and not feasible.any():
        return Targets(bounds[None, :].copy(), np.ones(1))
    if m == 1:
        w = np.ones((1, 1))
        r = np.zeros(1)
        h = np.array([-y[feasible, 0].min() if feasible.any() else -math.inf])
        h = h + _MARGIN
        low = np.maximum(h, -8.0)
        if OPT["mode"] == "indep":
            t = np.maximum(_reached_half(mean, sd, log_p, low, r, w, None), h)
        else:
            t = np.maximum(_sampled(sample, bounds, r, w, 1, None), h)
        limits = np.tile(bounds, (1, 1))
        limits[:, :1] = np.minimum(limits[:, :1], r - t[:, None] * w)
        return Targets(limits, np.ones(1))
    parts = []
    for space in OPT["space"].split("+"):
        z, tr = (raw, transforms) if space == "raw" else (y, None)
        use = z[feasible] if feasible.any() else z
        front = use[nondominated(use[:, :m])][:, :m]
        ideal, nadir = front.min(axis=0), front.max(axis=0)
        scale = np.maximum(nadir - ideal, 0.1 if tr is None else 0.03 * np.std(z[:, :m], axis=0) + 1e-12)
        r = nadir + _BEYOND * scale
        w = directions(m, rng) * scale
        if len(OPT["space"].split("+")) > 1:
            w = w[: _DIRECTIONS // 2] if space == "raw" else w[_DIRECTIONS // 2 :]
        reached = ((r - z[feasible][:, :m])[:, None, :] / w).min(axis=2) if feasible.any() else np.zeros((1, len(w)))
        h = np.maximum(reached.max(axis=0), 0.0)
        if OPT["mode"] == "indep":
            t = _reached_half(mean, sd, log_p, h, r, w, tr)
        else:
            t = _sampled(sample, bounds, r, w, m, tr)
        t = np.maximum(t, h + _MARGIN)
        limits = np.tile(bounds, (len(w), 1))
        lim = r - t[:, None] * w
        if tr is not None:
            lim = np.stack([f(lim[:, j]) for j, f in enumerate(tr)], axis=1)
        limits[:, :m] = np.minimum(limits[:, :m], lim)
        parts.append((limits, t**m - h**m))
    return Targets(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _reached_half(mean, sd, log_p, low, r, w, tr):
    from scipy.special import ndtr

    m = len(r)
    # the length each candidate reaches at its very best
    if tr is None:
        hi = ((r[:, None] - mean[:m] + 8 * sd[:m])[None] / w[:, :, None]).min(axis=1).max(axis=1)
        lo, hi = low.copy(), np.maximum(hi, low + 1e-9)
    else:
        lo, hi = low.copy(), np.full(len(low), 20.0)
    pf = np.exp(log_p)
    for _ in range(_HALVINGS):
        t = (lo + hi) / 2
        p = np.tile(pf, (len(w), 1))
        for j in range(m):
            limit = r[j] - t * w[:, j]
            if tr is not None:
                limit = tr[j](limit)
            p *= ndtr((limit[:, None] - mean[j]) / sd[j])
        none = np.log1p(-np.minimum(p, 1 - 1e-12)).sum(axis=1) > math.log(0.5)
        hi = np.where(none, t, hi)
        lo = np.where(none, lo, t)
    return lo


def _sampled(sample, bounds, r, w, m, tr):
    """sample (S, q, c)"""
    ok = (sample <= bounds[None, :, None]).all(axis=1)  # S, c
    if tr is not None:
        sample = np.stack([f.inverse(sample[:, j]) for j, f in enumerate(tr)], axis=1)
    best = []
    for k in range(len(w)):
        L = ((r[None, :, None] - sample[:, :m]) / w[k][None, :, None]).min(axis=1)
        best.append(np.where(ok, L, -math.inf).max(axis=1))
    t = np.median(np.array(best), axis=1)
    return np.where(np.isfinite(t), t, -1e9)
