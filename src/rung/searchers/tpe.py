"""The tree-structured Parzen estimator: Bergstra et al. (2011), NIPS 24, section 4.

With the kernels and weights of Watanabe (2023), arXiv:2304.11127, section 3. With several objectives trials
are split by non-domination rank, as in MOTPE of Ozaki et al. (2022), JAIR 73, section 4; but within a rank
they are ordered by crowding, not by hypervolume, and weighted by their place.

| paper | here |
| --- | --- |
| gamma | `gamma`: the share of the observations whose loss is below y* |
| y* | parts `good` from `rest` |
| l(x) = p(x | y < y*), equation (2) | `good`, a `_Mixture` |
| g(x) = p(x | y >= y*), equation (2) | `bad`, a `_Mixture` |
| EI(x) ~ (gamma + g(x) / l(x) (1 - gamma))^-1, section 4.1 | grows with log l(x) - log g(x) |
| w_n, of Watanabe | `_improvements`: his weights by expected improvement |
| b, of Watanabe | `_Normal.width`; for categories `_ELSEWHERE` |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError
from rung.searchers._observed import Observed, ranked
from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher
from rung.space import Categorical, Config, Distribution, Domain, Int, Ordinal, Space
from rung.study.history import History

Array: TypeAlias = NDArray[np.float64]

_MOST_GOOD = 25
_MOST_BAD = 500  # of the finished trials; what bounds the cost of a suggestion
_AT_FIDELITY = 20  # trials, or d + 3 if that is more, that make a resource worth a model
_LEAST_WIDTH = 0.03  # Watanabe's Delta: a kernel never gets so narrow that all candidates lie in one place
_ELSEWHERE = 0.2  # Watanabe's b: what a categorical kernel gives to the other choices together
_ROUNDS = 4  # of candidates, to find one that no trial has


@dataclass(frozen=True)
class TPE(Searcher):
    """Tree-structured Parzen estimator: where good trials are dense and bad ones are not.

    The best share `gamma` of the trials, at most 25, and the rest are each smoothed to a density over the
    space; of draws from the first the one is tried whose ratio of the two is the highest.

    Good from a few dozen trials to thousands, in any space: categories, conditions, many workers. Bad where
    hyperparameters interact closely and trials are few and expensive.

    With several objectives or constraints, losses are ranks: first by how far bounds are broken, then by the
    layer of non-domination, then by how crowded it is.

    Kernels are products over the hyperparameters, and good points are weighted by their expected improvement.
    Their widths are Scott's, of the good ones, for both densities. A failed trial is one of the bad ones, and
    so is a running one (a constant liar), so that workers spread. Where trials stop at several resources, the
    model is of the highest that enough of them reached: BOHB, Falkner et al. (2018), ICML, section 4.

    Parameters
    ----------
    n_initial : int
        Random trials before the first model.
    gamma : float
        The share of good trials, in (0, 1).
    n_candidates : int
        How many draws are compared.
    """

    name: ClassVar[str] = "tpe"
    n_initial: int = 10
    gamma: float = 0.1
    n_candidates: int = 24

    def __post_init__(self) -> None:
        if not 0 < self.gamma < 1:
            raise ArgumentError(f"TPE: gamma={self.gamma!r}; the share of good trials lies in (0, 1)")
        for name in ("n_initial", "n_candidates"):
            if not isinstance(number := getattr(self, name), int) or number < 1:
                raise ArgumentError(f"TPE: {name}={number!r}; use a whole number of at least 1")

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the candidate of the highest ratio of densities; None if a finite space is exhausted."""
        observed = Observed.of(history)
        if not history.goals.plain:  # algorithm 1 of Ozaki et al.: y* is a rank
            observed = ranked(history, observed)
        # Without a finite loss there is no y*, and with few observations l is but the prior.
        if len(observed.losses) < self.n_initial or not np.any(observed.losses < math.inf):
            return unseen(history, rng)
        good, bad = self._densities(history, observed)
        configs = self._candidates(history, good, rng)
        if not configs:
            return unseen(history, rng)
        x = history.space.encode(configs)
        return configs[int(np.argmax(good.log_density(x) - bad.log_density(x)))]  # arg max l(x) / g(x)

    def _densities(self, history: History, observed: Observed) -> tuple[_Mixture, _Mixture]:
        """Return l and g, equation (2)."""
        observed = _at_fidelity(history, observed)
        losses, points = observed.losses, observed.points
        order = np.argsort(losses, kind="stable")
        # y* is the gamma-quantile. At most 25 lie below it, as in Hyperopt and Optuna: with more, l flattens.
        n_good = min(math.ceil(self.gamma * len(order)), _MOST_GOOD, int((losses < math.inf).sum()))
        good, rest = order[:n_good], np.sort(order[n_good:])
        thinned = rest[np.linspace(0, len(rest) - 1, min(len(rest), _MOST_BAD)).astype(np.intp)]
        bad = np.concatenate([points[thinned], observed.pending])
        # Both densities are smoothed alike. By Scott's rule the bad ones, which lie all over the space, would
        # get kernels so wide that they hardly show where a worker is.
        kernels = _kernels(history.space, points[good])
        weights = _improvements(losses[good], losses[rest])
        return _Mixture(kernels, points[good], weights), _Mixture(kernels, bad, np.ones(len(bad)))

    def _candidates(self, history: History, good: _Mixture, rng: Generator) -> list[Config]:
        for _ in range(_ROUNDS):
            # Section 4.1: candidates come from l, since those that only g makes likely can't win the ratio.
            drawn = history.space.decode(good.sample(self.n_candidates, rng))
            configs = [c for c in drawn if history.space.allows(c) and not history.seen(c)]
            if configs:
                return configs
        return []


def _at_fidelity(history: History, observed: Observed) -> Observed:
    """Return the observations at the highest resource that enough trials reached, and those that failed.

    What stopped below it was judged by other losses; what still trains below it is pending there.
    """
    finite = observed.losses < math.inf
    reached = np.sort(observed.resources[finite])
    enough = max(_AT_FIDELITY, observed.points.shape[1] + 3)
    fidelity = int(reached[-min(enough, len(reached))])
    below = [n for n in sorted(history.running) if 0 < history.trials[n].resource < fidelity]
    pending = np.concatenate([observed.pending, history.points[below]])
    return replace(observed.only(~finite | (observed.resources >= fidelity)), pending=pending)


def _improvements(good: Array, rest: Array) -> Array:
    """Return weights of mean 1: by how much each is better than all the rest; equal if that is no number."""
    best_of_rest = rest.min(initial=math.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        gains = best_of_rest - good
    if not 0 < gains.max() < math.inf:
        return np.ones(len(good))
    weights = np.maximum(gains / gains.max(), 1e-3)
    return weights / weights.mean()  # type: ignore[no-any-return]


class _Mixture:
    """A density relative to the prior: one kernel for each point, and one for the prior.

    A kernel follows the tree of the space: first it draws the parents near its point, then what they make
    active. Of a hyperparameter that is inactive at its point (NaN) it knows nothing, and takes the prior, of
    density 1. So a density is a proper one over configurations whatever is active in them, and the prior is
    just one more kernel, with a point that is NaN throughout.
    """

    def __init__(self, kernels: Sequence[_Normal | _Choice], points: Array, weights: Array) -> None:
        self.kernels = kernels
        prior = np.full((1, len(kernels)), np.nan)
        self.centres = np.concatenate([points, prior])
        self.weights = np.append(weights, 1.0) / (weights.sum() + 1)

    def sample(self, n: int, rng: Generator) -> Array:
        """Draw `n` points, shape (n, d); what is inactive in them has a number too."""
        centres = self.centres[rng.choice(len(self.centres), size=n, p=self.weights)]
        drawn = rng.random(centres.shape)
        for j, kernel in enumerate(self.kernels):
            known = ~np.isnan(centres[:, j])
            drawn[known, j] = kernel.draw(centres[known, j], drawn[known, j])
        return drawn

    def log_density(self, points: Array) -> Array:
        """Return the log densities (n,) at `points`, shape (n, d), NaN where inactive."""
        logs = np.zeros((len(points), len(self.centres)))
        for j, kernel in enumerate(self.kernels):
            active, known = ~np.isnan(points[:, j]), ~np.isnan(self.centres[:, j])
            logs[np.ix_(active, known)] += kernel.log_density(points[active, j], self.centres[known, j])
        peak = logs.max(axis=1)  # log sum_n w_n k(x, x_n) without overflow
        total: Array = peak + np.log((np.exp(logs - peak[:, None]) * self.weights).sum(axis=1))
        return total


def _kernels(space: Space, points: Array) -> list[_Normal | _Choice]:
    """Return one for each hyperparameter, as wide as befits `points`, shape (n, d)."""
    return [_kernel(space[name], points[:, j], len(space)) for j, name in enumerate(space)]


def _kernel(domain: Domain, places: Array, d: int) -> _Normal | _Choice:
    if isinstance(domain, Categorical) or domain.size == 1:
        return _Choice(domain.size or 1)
    return _Normal(domain, _scott(places[~np.isnan(places)], d))


def _scott(places: Array, d: int) -> float:
    """Return n^(-1 / (d + 4)) standard deviations (Scott's rule), with the prior as one more place."""
    n = len(places) + 1  # 1 / 12 below: the variance of the prior, uniform on [0, 1]
    variance = (len(places) * places.var() + 1 / 12) / n if len(places) else 1 / 12
    return max(math.sqrt(variance) * math.pow(n, -1 / (d + 4)), _LEAST_WIDTH)


@dataclass(frozen=True, slots=True)
class _Normal:
    """A normal density truncated to [0, 1]; of an integer or an Ordinal its mean over the cell."""

    domain: Domain
    width: float

    def draw(self, centres: Array, u: Array) -> Array:
        from scipy.special import ndtr, ndtri

        low, high = ndtr(-centres / self.width), ndtr((1 - centres) / self.width)
        return np.clip(centres + self.width * ndtri(low + u * (high - low)), 0, 1)

    def log_density(self, x: Array, centres: Array) -> Array:
        """Shape (len(x), len(centres))."""
        from scipy.special import ndtr

        inside = ndtr((1 - centres) / self.width) - ndtr(-centres / self.width)
        cell = _cell(self.domain, x)
        if cell is None:
            z = (x[:, None] - centres) / self.width
            return -0.5 * z**2 - np.log(inside * self.width * math.sqrt(2 * math.pi))
        low, high = (ndtr((edge[:, None] - centres) / self.width) for edge in cell)
        size = np.maximum(cell[1] - cell[0], 1e-12)[:, None]
        return np.log(np.maximum(high - low, 1e-300)) - np.log(size * inside)


def _cell(domain: Domain, x: Array) -> tuple[Array, Array] | None:
    """Return the ends of the cells around the places `x` of values; None where every place is a value."""
    if isinstance(domain, Ordinal):
        return x - 0.5 / domain.size, x + 0.5 / domain.size
    if not isinstance(domain, Int) and not (isinstance(domain, Distribution) and domain.discrete):
        return None
    values: Any = np.array(domain.decode_all(x), dtype=np.float64)
    if isinstance(domain, Int):
        return domain.encode(values - domain.step / 2), domain.encode(values + domain.step / 2)
    return domain.rv.cdf(values - 1), domain.rv.cdf(values)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The kernel of Aitchison and Aitken (1976), Biometrika 63:413-420, for `size` choices."""

    size: int

    def draw(self, centres: Array, u: Array) -> Array:
        others = np.floor(u / _ELSEWHERE * (self.size - 1)) + 1
        moved = ((centres * self.size).astype(int) + others) % self.size
        return np.where((u < _ELSEWHERE) & (self.size > 1), (moved + 0.5) / self.size, centres)

    def log_density(self, x: Array, centres: Array) -> Array:
        """Shape (len(x), len(centres))."""
        if self.size == 1:
            return np.zeros((len(x), len(centres)))
        same = np.abs(x[:, None] - centres) * self.size < 0.5
        logs: Array = np.log(self.size * np.where(same, 1 - _ELSEWHERE, _ELSEWHERE / (self.size - 1)))
        return logs
