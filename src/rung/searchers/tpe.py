"""The tree-structured Parzen estimator: Bergstra et al. (2011), NIPS 24, section 4."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError
from rung.searchers._observed import Observed
from rung.searchers._unseen import unseen
from rung.space import Categorical, Config, Distribution, Domain, Int, Ordinal, Space
from rung.study.history import History

Array: TypeAlias = NDArray[np.float64]

_MOST_GOOD = 25
_MOST_BAD = 500  # of the finished trials; what bounds the cost of a suggestion
_AT_LEVEL = 20  # trials, or d + 3 if that is more, that make a level of resource worth a model
_LEAST_WIDTH = 0.03  # Watanabe's Delta: a kernel never gets so narrow that all candidates lie in one place
_ELSEWHERE = 0.2  # Watanabe's b: what a categorical kernel gives to the other choices together
_ROUNDS = 4  # of candidates, to find one that no trial has


@dataclass(frozen=True, slots=True)
class TPE:
    """Tree-structured Parzen estimator: where good trials are dense and bad ones are not.

    The best share `gamma` in (0, 1) of the trials, at most 25, and the rest are each smoothed to a density
    over the space; of `n_candidates` draws from the first the one is tried whose ratio of the two is the
    highest. The first `n_initial` trials are random.

    Good from a few dozen trials to thousands, in any space: categories, conditions, many workers. Bad where
    hyperparameters interact closely and trials are few and dear.

    Kernels are products over the hyperparameters and the good ones weigh what they improve: Watanabe (2023),
    arXiv:2304.11127, section 3. Their widths are Scott's, of the good ones, for both densities.
    A failed trial is one of the bad ones, and so is a running one (a constant liar), so that workers spread.
    Where trials stop at several resources, the model is of the highest that enough of them reached: BOHB,
    Falkner et al. (2018), ICML, section 4.
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
        if len(observed.losses) < self.n_initial or not np.any(observed.losses < math.inf):
            return unseen(history, rng)
        good, bad = self._mixtures(history, observed)
        configs = self._candidates(history, good, rng)
        if not configs:
            return unseen(history, rng)
        points = history.space.encode(configs)
        return configs[int(np.argmax(good.log_density(points) - bad.log_density(points)))]

    def check(self, space: Space) -> None:
        """Do nothing: any space has a density."""

    def to_json(self) -> dict[str, Any]:
        """Return the name and the arguments."""
        return {"name": self.name, "n_initial": self.n_initial, "gamma": self.gamma,
                "n_candidates": self.n_candidates}  # fmt: skip

    def _candidates(self, history: History, good: _Mixture, rng: Generator) -> list[Config]:
        for _ in range(_ROUNDS):
            drawn = history.space.decode(good.sample(self.n_candidates, rng))
            configs = [c for c in drawn if history.space.allows(c) and not history.seen(c)]
            if configs:
                return configs
        return []

    def _mixtures(self, history: History, observed: Observed) -> tuple[_Mixture, _Mixture]:
        level = _level(observed)
        finite = observed.losses < math.inf
        rows = np.flatnonzero(~finite | (observed.resources >= level))
        order = rows[np.argsort(observed.losses[rows], kind="stable")]
        n_good = min(math.ceil(self.gamma * len(rows)), _MOST_GOOD, int(finite[rows].sum()))
        good, rest = order[:n_good], np.sort(order[n_good:])
        weights = _improvements(observed.losses[good], observed.losses[rest])
        bad = np.concatenate(
            [observed.points[_thinned(rest)], observed.pending, history.points[_underway(history, level)]]
        )
        # Both densities are smoothed alike. By Scott's rule the bad ones, which lie all over the space, would
        # get kernels so wide that they hardly tell where a worker is.
        kernels = _kernels(history.space, observed.points[good])
        return _Mixture(kernels, observed.points[good], weights), _Mixture(kernels, bad, np.ones(len(bad)))


def _level(observed: Observed) -> int:
    """The highest resource that enough trials reached. What stopped below it was judged by other losses."""
    reached = np.sort(observed.resources[observed.losses < math.inf])
    enough = max(_AT_LEVEL, observed.points.shape[1] + 3)
    return int(reached[-min(enough, len(reached))])


def _underway(history: History, level: int) -> list[int]:
    """Trials that run and have told something, but nothing yet at `level`."""
    return [n for n in sorted(history.running) if 0 < history.trials[n].resource < level]


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_BAD)).astype(np.intp)]


def _improvements(good: Array, rest: Array) -> Array:
    """Weights of mean 1: by how much each is better than all of the rest; equal if that is no number."""
    best_of_rest = rest.min(initial=math.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        gains = best_of_rest - good
    if not 0 < gains.max() < math.inf:
        return np.ones(len(good))
    weights = np.maximum(gains / gains.max(), 1e-3)
    return weights / weights.mean()  # type: ignore[no-any-return]


class _Mixture:
    """A density over the space, relative to its own law: one kernel for each point, and that law itself.

    A kernel follows the tree of the space: first it draws the parents near its point, then what they make
    active. Of a hyperparameter that is inactive at its point (NaN) it knows nothing, and takes the law, of
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
        """The log densities at `points`, shape (n, d), NaN where inactive; shape (n,)."""
        logs = np.zeros((len(points), len(self.centres)))
        for j, kernel in enumerate(self.kernels):
            active, known = ~np.isnan(points[:, j]), ~np.isnan(self.centres[:, j])
            logs[np.ix_(active, known)] += kernel.log_density(points[active, j], self.centres[known, j])
        peak = logs.max(axis=1)
        total: Array = peak + np.log((np.exp(logs - peak[:, None]) * self.weights).sum(axis=1))
        return total


def _kernels(space: Space, points: Array) -> list[_Normal | _Choice]:
    """One for each hyperparameter, as wide as befits `points`, shape (n, d)."""
    return [_kernel(space[name], points[:, j], len(space)) for j, name in enumerate(space)]


def _kernel(domain: Domain, places: Array, d: int) -> _Normal | _Choice:
    if isinstance(domain, Categorical) or domain.size == 1:
        return _Choice(domain.size or 1)
    return _Normal(domain, _scott(places[~np.isnan(places)], d))


def _scott(places: Array, d: int) -> float:
    """Scott's rule, n^(-1 / (d + 4)) standard deviations, with the law of the space as one more place."""
    n = len(places) + 1
    variance = (len(places) * places.var() + 1 / 12) / n if len(places) else 1 / 12
    return max(math.sqrt(variance) * math.pow(n, -1 / (d + 4)), _LEAST_WIDTH)


@dataclass(frozen=True, slots=True)
class _Normal:
    """A normal density cut off at 0 and 1; of an integer or an Ordinal its mean over the cell."""

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
    """The ends of the cells around the places `x` of values; None where each place has a value of its own."""
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
