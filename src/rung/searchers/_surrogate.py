"""The Gaussian process of one metric: what it learns from, its hyperparameters, and what it expects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers._extrapolation import Level, extrapolated, variances
from rung.searchers._observed import Observed
from rung.searchers.models.exact_gp import Posterior, fit, log_density_by_the_mean
from rung.searchers.models.kernels import Coordinates, Hyperparameters
from rung.searchers.models.output_transform import is_outlier, standardised, targets
from rung.searchers.models.transfer import EarlierModels, misranked_pairs
from rung.space import Categorical, Domain, Space
from rung.study.events import Outcome
from rung.study.history import History

Array: TypeAlias = NDArray[np.floating[Any]]

MAX_OBSERVATIONS = 300
"""Observations that the model takes in: its cost grows with their cube."""
_MAX_PENDING = 100
_MIN_MODEL_SHARE = 0.5
"""The share of the suggestions that the model makes even if it predicts badly."""
_INACTIVE = 0.5
"""The coordinate of an inactive number."""
_NO_CHOICE = -1.0
"""The coordinate of an inactive choice: none of its values."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the model expects of a configuration that was tried."""

    trial: int
    loss: float
    """The expected loss, in the unit of the metric; lower is better."""
    observed: float
    """The loss of the trial."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the model learns from: coordinates and targets, and which trials failed."""

    observed: Observed
    failed: NDArray[np.bool_]
    losses: Array
    """Shape (n,): extrapolated, of those that did not fail."""
    targets: Array
    """Shape (n,): the same, as the model sees them."""
    extra_variance: Array
    """Shape (n,): the variance of each target beside the noise."""

    @classmethod
    def of(cls, observed: Observed) -> Known:
        observed = thinned(observed)
        losses, levels = extrapolated(observed)
        failed = is_outlier(losses)
        return cls.from_losses(observed, failed, losses[~failed], levels)

    @classmethod
    def from_losses(
        cls, observed: Observed, failed: NDArray[np.bool_], good: Array, levels: Sequence[Level]
    ) -> Known:
        """The same with the losses `good` of those that did not fail."""
        if not len(good):
            return cls(observed, failed, good, good, good)
        y = targets(good)
        levels = [replace(level, rows=level.rows[~failed]) for level in levels]
        return cls(observed, failed, good, y, variances(levels, good, y))

    def beside(self, earlier: EarlierModels | None, x: Array) -> Known:
        """The same on the scale of what `earlier` expects at the points x (n, d)."""
        if earlier is None:
            return self
        mean, sd = earlier.scale(x)
        return replace(self, targets=mean + sd * self.targets, extra_variance=sd * sd * self.extra_variance)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Hyperparameters fitted to what was known when `trial` was suggested: a cache, made from the history."""

    history: History
    trial: int
    encoding: Encoding
    theta: Hyperparameters | None
    """None while too little was known."""
    model_share: float = 1.0
    """The share of the suggestions that the model makes."""
    failing: Hyperparameters | None = None
    """Of the model of which trials fail; None while none has."""
    earlier: EarlierModels | None = None
    """The models of earlier studies that this one builds on."""
    misranked: Array | None = None
    """Where there are earlier studies, how many pairs samples of the predictions put in the wrong order."""

    @classmethod
    def to(cls, history: History, trial: int, known: Known, earlier: EarlierModels | None = None) -> Fitted:
        encoding = Encoding.of(history.space)
        if len(known.targets) < 2:
            return cls(history, trial, encoding, None)
        x = encoding.at(known.observed.points)
        good = x[~known.failed]
        known = known.beside(earlier, good)
        y, extra_variance = known.targets, known.extra_variance
        theta = fit(encoding.coordinates, good, y, extra_variance, basis=earlier)
        posterior = Posterior(encoding.coordinates, theta, good, y, extra_variance, basis=earlier)
        if earlier is None:
            gain = posterior.log_predictive_density() - log_density_by_the_mean(y)
            model_share = max(1 / (1 + math.exp(-np.clip(gain, -30, 30))), _MIN_MODEL_SHARE)
        else:
            model_share = 1.0
        failing = None
        if known.failed.any():
            failing = fit(encoding.coordinates, x, standardised(known.failed.astype(float)))
        misranked = misranked_pairs(y, *posterior.left_out()) if history.earlier else None
        return cls(history, trial, encoding, theta, model_share, failing, earlier, misranked)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The coordinates of configurations in the model: those of the space without its constants."""

    free: NDArray[np.bool_]
    coordinates: Coordinates

    @classmethod
    def of(cls, space: Space) -> Encoding:
        free = [name in space.varying for name in space.names]
        return cls(np.array(free), Coordinates(tuple(_size(space[name]) for name in space.varying)))

    def at(self, points: Array) -> Array:
        """Return the coordinates of encoded points (n, d)."""
        x = points[:, self.free]
        return np.where(np.isnan(x), np.where(self.coordinates.unordered, _NO_CHOICE, _INACTIVE), x)


class Model:
    """The posterior given all trials, failed and pending ones included."""

    def __init__(self, known: Known, fitted: Fitted) -> None:
        assert fitted.theta is not None
        theta, earlier = fitted.theta, fitted.earlier
        self.encoding = fitted.encoding
        coordinates = fitted.encoding.coordinates
        every, failed = self.encoding.at(known.observed.points), known.failed
        self.known = known = known.beside(earlier, every[~failed])
        x, y, extra_variance = every[~failed], known.targets, known.extra_variance
        self.posterior = Posterior(coordinates, theta, x, y, extra_variance, basis=earlier)
        self.expected = self.posterior.fitted
        """Shape (n,): of the trials that did not fail."""
        self.best = float(self.expected.min())
        self.best_first = known.observed.points[~failed][np.argsort(self.expected, kind="stable")]
        self.failures = (
            _Failures(coordinates, fitted.failing, every, failed) if fitted.failing and failed.any() else None
        )
        if self.failures:
            bad = every[failed & (self.failures.log_success(every) < math.log(0.5))]
            x, y = np.concatenate([x, bad]), np.concatenate([y, np.full(len(bad), y.max())])
            extra_variance = np.concatenate([extra_variance, np.zeros(len(bad))])
            self.posterior = Posterior(coordinates, theta, x, y, extra_variance, basis=earlier)
        if len(pending := known.observed.pending[-_MAX_PENDING:]):
            waiting = self.encoding.at(pending)
            self.best = min(self.best, float(self.posterior.at(waiting)[0].min()))
            self.posterior = self.posterior.believing(waiting)

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the loss, as the model sees it, at encoded points (n, d)."""
        return self.posterior.at(self.encoding.at(points))

    def losses(self, targets: Array) -> Array:
        """Return the losses (k,) of these targets, clipped to the range that was observed."""
        return np.interp(targets, np.sort(self.known.targets), np.sort(self.known.losses))

    def log_success(self, points: Array) -> Array | float:
        """Return the log of the probability that most trials succeed at encoded points (n, d)."""
        return 0.0 if self.failures is None else self.failures.log_success(self.encoding.at(points))

    def expectations(self, history: History) -> Sequence[Expectation]:
        """What is expected of the trials that are complete and did not fail, the best first."""
        expected = self.losses(self.expected)
        observed = self.known.observed
        numbers = observed.numbers[~self.known.failed].tolist()
        rows = [i for i, n in enumerate(numbers) if history.trials[n].status == Outcome.COMPLETED]
        rows.sort(key=lambda i: (self.expected[i], numbers[i]))
        seen = observed.losses[~self.known.failed]
        return tuple(Expectation(numbers[i], float(expected[i]), float(seen[i])) for i in rows)


class _Failures:
    """A Gaussian process of the indicator of failure at points x (n, d)."""

    def __init__(
        self, coordinates: Coordinates, theta: Hyperparameters, x: Array, failed: NDArray[np.bool_]
    ) -> None:
        self.mean, self.spread = float(failed.mean()), float(failed.std())
        self.posterior = Posterior(coordinates, theta, x, standardised(failed.astype(float)))

    def log_success(self, x: Array) -> Array:
        """Return the log of the probability that less than half of the trials fail at points (n, d)."""
        from scipy.special import log_ndtr

        mean, sd = self.posterior.at(x)
        return log_ndtr((0.5 - self.mean - self.spread * mean) / (self.spread * sd))


def thinned(known: Observed) -> Observed:
    """Return at most MAX_OBSERVATIONS rows: half the best (those furthest on first), the rest spread."""
    n = len(known.losses)
    if n <= MAX_OBSERVATIONS:
        return known
    return known.only(best_and_spread(np.lexsort((known.losses, -known.resources))))


def best_and_spread(order: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return MAX_OBSERVATIONS of more rows, sorted: half the first in `order`, the rest spread."""
    half = MAX_OBSERVATIONS // 2
    spread = np.linspace(0, len(order) - half - 1, MAX_OBSERVATIONS - half).astype(int)
    return np.sort(np.concatenate([order[:half], np.sort(order[half:])[spread]]))


def _size(domain: Domain) -> int:
    """How many choices there are, 0 if the domain has an order."""
    return domain.size if isinstance(domain, Categorical) else 0
