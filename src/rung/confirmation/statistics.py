"""What a few fresh runs of a few finalists say: intervals, and differences.

All values are losses: lower is better. Finalist i has n_i fresh runs, on seeds that chose nothing before.

| here | meaning |
|---|---|
| k | number of finalists |
| n_i, m_i, s_i^2 | number, mean and variance of the fresh runs of finalist i |
| d, s^2 | sum of n_i - 1 over the finalists; their pooled variance |
| v_i | moderated variance of one run: `(d_0 s^2 + (n_i - 1) s_i^2) / (d_0 + n_i - 1)`, d_0 = 4 |

The moderated variance (Smyth 2004, "Linear models and empirical Bayes methods") borrows from the other
finalists: a variance of their own from five runs is often far too small, and a common one is wrong where
noise differs between configurations. The winner was chosen by some of the runs that its interval rests on,
so the interval is widened to hold for all k finalists at once (Bonferroni).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

Floats = NDArray[np.float64]
Runs = Mapping[int, float]
"""The loss of each fresh run by the number of its seed: equal numbers, equal seeds."""

PRIOR_RUNS = 4
"""d_0: what the pooled variance counts for in each finalist's own, in degrees of freedom."""
_FOREVER = 10**6


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a true mean lies, at some level; `low` and `high` are None if there are too few runs to say."""

    mean: float
    low: float | None
    high: float | None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both, if there are any."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def width(self) -> float:
        """The distance of its ends; infinite if there are none."""
        return math.inf if self.ends is None else self.ends[1] - self.ends[0]


@dataclass(frozen=True, slots=True)
class Noise:
    """How much runs of the same configuration differ."""

    counts: Floats
    means: Floats
    variances: Floats
    """v_i, moderated: of one run of each finalist."""
    pooled: float
    """s^2."""
    freedom: int
    """d."""

    @classmethod
    def of(cls, finalists: Sequence[Runs]) -> Noise:
        """Of the fresh runs of each finalist, which are one at least."""
        samples = [np.array(list(runs.values()), dtype=np.float64) for runs in finalists]
        counts = np.array([len(sample) for sample in samples], dtype=np.float64)
        means = np.array([sample.mean() for sample in samples])
        # Exactly 0 where all runs are equal, whatever rounding does to their mean.
        squares = np.array([
            ((sample - mean) ** 2).sum() if np.ptp(sample) else 0.0
            for sample, mean in zip(samples, means, strict=True)
        ])  # fmt: skip
        freedom = int(counts.sum()) - len(counts)
        pooled = float(squares.sum()) / freedom if freedom else math.nan
        variances = (PRIOR_RUNS * pooled + squares) / (PRIOR_RUNS + counts - 1)
        return cls(counts, means, variances, pooled, freedom)

    def degrees(self, n: float) -> float:
        """The degrees of freedom of the moderated variance from n runs."""
        # A single variance has no others to borrow from.
        return min(n + PRIOR_RUNS - 1, self.freedom + 2) if len(self.counts) > 1 else self.freedom

    def interval(self, which: int, level: float, among: int) -> Interval:
        """Of the true mean of finalist `which`, if it was chosen `among` as many by the same runs."""
        mean, n = float(self.means[which]), float(self.counts[which])
        if not self.freedom:
            return Interval(mean, None, None)
        t = stdtrit(self.degrees(n), 1 - (1 - level) / (2 * among))
        half = float(t * math.sqrt(self.variances[which] / n))
        return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much worse another configuration is than the winner: positive is worse."""

    by: Interval
    p_better: float | None
    """The probability that the winner is the better one."""
    pairs: int
    """How many runs of equal seeds were compared; 0 if they were not paired."""

    @property
    def settled(self) -> bool:
        """Whether the interval leaves 0 out."""
        ends = self.by.ends
        return ends is not None and (ends[0] > 0 or ends[1] < 0)

    @property
    def pairs_to_settle(self) -> int | None:
        """How many pairs would leave 0 out, about, if they differed as these do; None if nobody can say."""
        if not self.pairs or not self.by.mean:
            return None
        needed = self.pairs * (self.by.width / 2 / self.by.mean) ** 2
        return max(self.pairs, math.ceil(min(needed, _FOREVER)))


def difference(winner: Runs, other: Runs, level: float, among: int) -> Difference:
    """The mean loss of `other` minus the winner's, if the winner is compared with `among` others at once."""
    noise = Noise.of([winner, other])
    common = sorted(winner.keys() & other.keys())
    if not noise.freedom:
        by = float(noise.means[1] - noise.means[0])
        return Difference(Interval(by, None, None), None, 0)
    apart = noise.variances.sum()
    if len(common) >= 2:
        # Equal seeds take out what they have in common, if anything; few pairs borrow from the unpaired.
        each = np.array([other[i] - winner[i] for i in common])
        n, by = len(common), float(each.mean())
        pairs = n
        squares = float(((each - by) ** 2).sum())
        variance, freedom = (PRIOR_RUNS * apart + squares) / (PRIOR_RUNS + n - 1) / n, noise.degrees(n)
    else:
        by = float(noise.means[1] - noise.means[0])
        variance = float((noise.variances / noise.counts).sum())
        freedom, pairs = noise.degrees(float(noise.counts.min())), 0
    error = math.sqrt(variance)
    if not error:
        return Difference(Interval(by, by, by), float(by > 0) if by else 0.5, pairs)
    half = float(stdtrit(freedom, 1 - (1 - level) / (2 * among))) * error
    return Difference(Interval(by, by - half, by + half), float(stdtr(freedom, by / error)), pairs)


def farthest(finalists: Sequence[Runs], which: int) -> float:
    """How far from all others a run of finalist `which` lies, at most, in standard deviations.

    The others alone say what is far: a far run widens the deviation that it is a part of. If they are few,
    they say little: the distance is the one that is as rare in normal noise whose deviation is known.
    """
    found = 0.0
    for seed, value in finalists[which].items() if len(finalists[which]) > 1 else ():
        rest = [
            {s: v for s, v in runs.items() if i != which or s != seed} for i, runs in enumerate(finalists)
        ]
        noise = Noise.of(rest)
        n = float(noise.counts[which])
        if noise.freedom and noise.variances[which]:
            away = abs(value - noise.means[which]) / math.sqrt(noise.variances[which] * (1 + 1 / n))
            rare = max(float(stdtr(noise.degrees(n), -away)), sys.float_info.min)
            found = max(found, -float(ndtri(rare)))
    return found


def unseen_mean(claim: Runs, others: Sequence[Runs], level: float) -> Interval:
    """The mean of a metric over runs that chose nothing.

    The variance borrows from `others`, the degrees of freedom do not: these runs are few, and the others may
    be less noisy.
    """
    noise = Noise.of([claim, *(runs for runs in others if runs)])
    mean, n = float(noise.means[0]), len(claim)
    if n < 2:
        return Interval(mean, None, None)
    half = float(stdtrit(n - 1, (1 + level) / 2) * math.sqrt(noise.variances[0] / n))
    return Interval(mean, mean - half, mean + half)
