"""The order of trials at a rung, where there are several objectives, constraints, or both.

MO-ASHA: Schmucker et al. (2021), Multi-objective Asynchronous Successive Halving, arXiv:2106.12639. It is
ASHA whose top_k (line 15 of Algorithm 2, in asha.py; line 8 of Hyperband, in _brackets.py) is a selection
by objectives: first by non-dominated layers, and within a layer by an epsilon-net, so that what goes on is
spread over the front.

Beyond the paper: trials that break bounds come after all that break none, those that break them least first,
as in Deb et al. (2002), section VI. And distances in the net are between places in the rung, not between
losses, so that neither units nor logarithms matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.study.metrics import Goals, Metrics
from rung.study.pareto import farthest_first, layers, violations


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial showed at a rung."""

    losses: tuple[float, ...]
    """Of each objective; infinite where it is missing."""
    excess: tuple[float, ...]
    """By how much each constraint is known to be broken."""

    @classmethod
    def of(cls, goals: Goals, metrics: Metrics) -> Result:
        """Of a report."""
        losses = tuple(metric.loss_in(metrics) for metric in goals.metrics)
        return cls(losses, tuple(constraint.excess(metrics) for constraint in goals.constraints))


def placed(results: Sequence[Result]) -> NDArray[np.int_]:
    """Return the layer of each result (n,), where those that break bounds lie below all that don't."""
    losses = np.array([result.losses for result in results])
    broken = violations(np.array([result.excess for result in results]).reshape(len(results), -1))
    broken[np.isposinf(losses).any(axis=1)] = np.inf  # a trial that gives no number is the worst
    found = np.zeros(len(results), dtype=int)
    above = 0
    for level in np.unique(broken):
        rows = np.flatnonzero(broken == level)
        found[rows] = above + layers(losses[rows])
        above = int(found[rows].max()) + 1
    return found


def ranked(results: Sequence[Result], k: int | None = None) -> list[int]:
    """Return the indices of the best k results, or of all, the best first."""
    k = len(results) if k is None else k
    if k == 0:
        return []
    layer, places = placed(results), _places(np.array([result.losses for result in results]))
    order: list[int] = []
    for n in range(int(layer.max()) + 1):
        if len(order) >= k:
            break
        rows = np.flatnonzero(layer == n)
        order += rows[farthest_first(places[rows])].tolist()
    return order[:k]


def _places(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each row (n, m) in each column, from 0 to 1; equal losses share theirs."""
    columns = [np.unique(column, return_inverse=True)[1] for column in losses.T]
    return np.stack([column / max(int(column.max(initial=0)), 1) for column in columns], axis=1)
