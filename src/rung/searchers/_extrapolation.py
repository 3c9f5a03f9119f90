"""The loss that a trial would have reached, had it gone on as far as others did.

| here | means |
| --- | --- |
| level | a resource at which trials stand, because they were stopped or paused there, or have got so far |
| l(r) | the loss of a trial at the resource r |
| gain | median of l(later) - l(r) over the trials that went on from r |

A trial that stands at r is given l(r) + gain, but no less than the best loss that a trial that went on from
r has reached: nothing shows that it would be better. Levels are taken from the highest down, so that "later"
is an extrapolated loss too where those that went on were stopped at a higher level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers._observed import Observed

Array: TypeAlias = NDArray[np.floating[Any]]

_VARIANCE_PRIOR = (0.1, 2.0)
"""Prior of the variance of an extrapolated target: its mean, and the number of trials that it counts for."""


@dataclass(frozen=True, slots=True)
class Level:
    """How well the losses at a resource predict those at later ones."""

    resource: int
    rows: NDArray[np.bool_]
    """Shape (n,): which observations stand here."""
    early: Array
    """Shape (k,): the losses here of the trials that went on."""
    expected: Array
    """Shape (k,): the losses that would have been predicted for them from here."""
    later: Array
    """Shape (k,): the losses that they reached."""

    @property
    def agreement(self) -> float:
        """Rank correlation of `early` and `later`; see `rank_correlation`."""
        return rank_correlation(self.early, self.later)


def rank_correlation(a: Array, b: Array) -> float:
    """Return Spearman's of a and b (n,), in [-1, 1]; NaN of fewer than 3, or where all are equal."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Array) -> Array:
    """Ranks of values (n,) from 1, ties sharing their mean; scipy.stats would be slow to import."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks: Array = np.cumsum(counts) - (counts - 1) / 2
    return mean_ranks[places]


def extrapolated(known: Observed) -> tuple[Array, list[Level]]:
    """Return a loss (n,) for each observation, comparable with all others, and the levels that needed it.

    Infinite losses stay infinite. Where all trials stand at one resource, or none went on, nothing changes.
    """
    losses, finite = known.losses.copy(), np.isfinite(known.losses)
    top = int(known.resources.max(initial=0))
    stands = np.where(known.resources > 0, known.resources, top + 1)  # without a report: at the end
    places = np.unique(stands[finite])
    if len(places) < 2:
        return losses, []
    curves = [known.curve(int(number)) for number in known.numbers]
    levels = []
    # From the second highest down: from the highest, no trial went on.
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
        # The median, since a few curves that diverged would carry a mean away.
        gain, least = float(np.median(later - early)), float(later.min())
        here = finite & (stands == place)
        losses[here] = np.maximum(losses[here] + gain, least)
        # What the same rule says of those that went on, beside what they reached: its error is known.
        levels.append(Level(resource, here, early, np.maximum(early + gain, least), later))
    return losses, levels


def variances(levels: list[Level], losses: Array, targets: Array) -> Array:
    """Return the variance (n,) that each target has from being extrapolated: 0 where it was measured.

    For each level this is the mean squared error of the predicted targets of the trials that went on.
    `losses` (n,) are finite, and `targets` (n,) are a monotone function of them.
    """
    order = np.argsort(losses, kind="stable")
    found = np.zeros(len(losses))
    prior, worth = _VARIANCE_PRIOR
    for level in levels:
        # Losses between those observed have no target of their own: linear in between.
        expected = np.interp(level.expected, losses[order], targets[order])
        off = expected - np.interp(level.later, losses[order], targets[order])
        # With few trials to judge by, the mean squared error is itself uncertain: shrink it towards the
        # prior.
        found[level.rows] = (prior * worth + (off * off).sum()) / (worth + len(off))
    return found
