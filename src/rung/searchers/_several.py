"""The Gaussian processes of several metrics: one each, and what they suggest together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.searchers._extrapolation import extrapolated, variances
from rung.searchers._observed import Observed
from rung.searchers.gp import _Fitted, _Known, _Model
from rung.searchers.models.acquisition import candidates, log_expected_improvement, maximise
from rung.searchers.models.output_transform import Transform, targets
from rung.searchers.models import several
from rung.searchers.models.several import log_feasible, targets_of
from rung.study.history import History
from rung.study.metrics import Metric

Array: TypeAlias = NDArray[np.floating[Any]]
ALT = {"ei": False}

_OUTLIER = 100.0


def metrics_of(history: History) -> tuple[list[Metric], list[float]]:
    goals = history.goals
    metrics, bounds = list(goals.metrics), [math.inf] * len(goals.metrics)
    for c in goals.constraints:
        metric = Metric(c.name, "min" if c.relation in {"<", "<="} else "max")
        if metric not in metrics:
            metrics.append(metric)
            bounds.append(math.inf)
        bounds[metrics.index(metric)] = metric.loss(c.bound)
    return metrics, bounds


def known_of(history: History, metrics: Sequence[Metric], observed: Sequence[Observed]) -> list[_Known]:
    broken = {int(n) for o in observed for n in o.numbers[~np.isfinite(o.losses)]}
    out = []
    for o in observed:
        failed = np.isin(o.numbers, list(broken))
        o = replace(o, losses=np.where(failed, math.inf, o.losses))
        losses, levels = extrapolated(o)
        good = losses[~failed]
        if not len(good):
            out.append(_Known(o, failed, good, good, good))
            continue
        y = targets(good)
        levels = [replace(level, rows=level.rows[~failed]) for level in levels]
        out.append(_Known(o, failed, good, y, variances(levels, good, y)))
    return out


@dataclass(frozen=True, slots=True)
class Fits:
    each: list[_Fitted]
    share: float

    @classmethod
    def to(cls, history: History, trial: int) -> Fits:
        metrics, _ = metrics_of(history)
        known = known_of(history, metrics, [Observed.before(history, trial, m) for m in metrics])
        each = [_Fitted.to(history, trial, k) for k in known]
        shares = [f.model_share for f in each if f.theta is not None]
        return cls(each, float(np.mean(shares)) if shares else 0.0)


def suggest(history: History, fits: Fits, rng: Generator):
    metrics, raw_bounds = metrics_of(history)
    known = known_of(history, metrics, [Observed.of(history, m) for m in metrics])
    use = [j for j, (k, f) in enumerate(zip(known, fits.each)) if f.theta is not None and len(k.targets)]
    m = sum(j < len(history.goals.metrics) for j in use)
    models = [_Model(known[j], fits.each[j]) for j in use]
    bounds = np.array([
        float(Transform.of(known[j].losses)(np.array([raw_bounds[j]]))[0]) if math.isfinite(raw_bounds[j]) else math.inf
        for j in use
    ])
    # what the trials are at
    n = len(history.trials)
    points = history.points
    first_model = models[0]
    failed_numbers = set(first_model.known.observed.numbers[first_model.known.failed].tolist())
    rows = np.array([i for i in range(n) if i not in failed_numbers], dtype=int)
    y = np.stack([model.at(points[rows])[0] for model in models], axis=1)
    seen = y.copy()
    for j, model in enumerate(models):
        place = {int(num): i for i, num in enumerate(model.known.observed.numbers[~model.known.failed])}
        for i, row in enumerate(rows):
            if int(row) in place:
                y[i, j] = model.expected[place[int(row)]]
                seen[i, j] = model.known.targets[place[int(row)]]
    feasible = (seen <= bounds + 1e-9).all(axis=1)
    order = np.argsort(~feasible, kind="stable")
    if m == 1:
        order = np.lexsort([y[:, 0], ~feasible])
        if not feasible.any():
            order = np.argsort((np.maximum(seen - bounds, 0)).sum(axis=1), kind="stable")
    else:
        w = several.directions(m, rng)
        use_y = y[feasible] if feasible.any() else y
        idx = np.flatnonzero(feasible) if feasible.any() else np.arange(len(y))
        front = idx[several.nondominated(use_y[:, :m])]
        order = rng.permutation(front)
    start = points[rows[order]]
    first = candidates(history.space, start, rng)

    def at(x):
        both = [model.at(x) for model in models]
        return np.stack([b[0] for b in both]), np.stack([b[1] for b in both])

    mean, sd = at(first)
    raw = np.stack([model.losses(y[:, j]) for j, model in enumerate(models)], axis=1)
    transforms = [Transform.of(model.known.losses) for model in models]
    sample = None
    if several.OPT["mode"] == "joint":
        pick = rng.permutation(len(first))[: several.OPT["pool"]]
        pick = np.unique(np.concatenate([pick, np.arange(500, len(first))[::2]]))
        S = several.OPT["samples"]
        sample = np.empty((S, len(models), len(pick)))
        for j, model in enumerate(models):
            x = model.encoding.at(first[pick])
            k = model.posterior.kernel
            v = k(x, model.posterior.points) @ model.posterior.L_inv.T
            cov = k(x, x) - v @ v.T
            cov[np.diag_indices(len(cov))] += 1e-6
            L = np.linalg.cholesky(cov)
            sample[:, j] = (mean[j][pick] + (L @ rng.standard_normal((len(pick), S))).T)
    if m == 1 and ALT["ei"] and feasible.any() and (n < 20 or n % 2 == 0):
        best = y[feasible, 0].min()
        def acquisition(x):
            mu, s = at(x)
            return log_expected_improvement(mu[0], s[0], best - 0.01) + log_feasible(mu, s, bounds) + models[0].log_success(x)
        values = acquisition(first)
    else:
        target = targets_of(mean, sd, bounds, m, y, raw, feasible, rng, transforms, sample)
        def acquisition(x):
            return target.log_score(*at(x)) + models[0].log_success(x)
        values = target.log_score(mean, sd) + models[0].log_success(first)
    return maximise(acquisition, history.space, first, values, rng)
