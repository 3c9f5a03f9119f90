"""The loss that a trial would have reached, had it gone on as far as others did.

| here | means |
| --- | --- |
| level | a resource at which trials stand, because they were stopped or paused there, or have got so far |
| l(r) | the loss of a trial at the resource r |
| gain | median of l(later) - l(r) over the trials that went on from r |

A trial that stands at r is given l(r) + gain, but no less than the best that went on from r has reached: it
has not proved that it would be better. Levels are taken from the highest down, so that "later" is an
extrapolated loss too where those that went on were stopped at a higher level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers._observed import Observed

Array: TypeAlias = NDArray[np.floating[Any]]

_BELIEF = (0.1, 2.0)
"""The variance of an extrapolated target before anything is known, and how many trials that is worth."""


@dataclass(frozen=True, slots=True)
class Level:
    """How well the losses at a resource foretell those later."""

    resource: int
    rows: NDArray[np.bool_]
    """Shape (n,): which observations stand here."""
    early: Array
    """Shape (k,): what the trials that went on from here had here."""
    expected: Array
    """Shape (k,): what would have been expected of them here."""
    later: Array
    """Shape (k,): what became of them."""

    @property
    def agreement(self) -> float:
        """Rank correlation of `early` and `later`; see `rank_correlation`."""
        return rank_correlation(self.early, self.later)


def rank_correlation(a: Array, b: Array) -> float:
    """Return Spearman's of a and b (n,), in [-1, 1]; NaN of fewer than 3, or where all are equal."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def extrapolated(known: Observed) -> tuple[Array, list[Level]]:
    """Return a loss (n,) for each observation, comparable with all others, and the levels that needed it.

    Losses that are infinite stay so. Where all stand at one resource, or nobody went on, nothing changes.
    """
    losses, finite = known.losses.copy(), np.isfinite(known.losses)
    top = int(known.resources.max(initial=0))
    stands = np.where(known.resources > 0, known.resources, top + 1)  # without a report: at the end
    places = np.unique(stands[finite])
    if len(places) < 2:
        return losses, []
    curves = [known.curve(int(number)) for number in known.numbers]
    levels = []
    for place in places[-2::-1]:
        resource = int(place)
        on = [
            i
            for i in np.flatnonzero(finite & (stands > place))
            if np.isfinite(curves[i].get(resource, np.inf))
        ]
        if not on:
            continue
        early, later = np.array([curves[i][resource] for i in on]), losses[on]
        gain, least = float(np.median(later - early)), float(later.min())
        here = finite & (stands == place)
        losses[here] = np.maximum(losses[here] + gain, least)
        levels.append(Level(resource, here, early, np.maximum(early + gain, least), later))
    return losses, levels


def variances(levels: list[Level], losses: Array, targets: Array) -> Array:
    """Return how unsure each target (n,) is for being extrapolated: 0 of those that are not.

    Of each level the mean square by which the targets expected of those that went on were off. `losses` (n,)
    are finite, and `targets` (n,) a monotone function of them.
    """
    order = np.argsort(losses, kind="stable")
    found = np.zeros(len(losses))
    prior, worth = _BELIEF
    for level in levels:
        expected = np.interp(level.expected, losses[order], targets[order])
        off = expected - np.interp(level.later, losses[order], targets[order])
        found[level.rows] = (prior * worth + (off * off).sum()) / (worth + len(off))
    return found
