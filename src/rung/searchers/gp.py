"""Bayesian optimisation with a Gaussian process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError
from rung.searchers._extrapolation import extrapolated, rank_correlation, variances
from rung.searchers._observed import Observed
from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher, Suggestion
from rung.searchers.models.acquisition import (
    candidates,
    estimated_minimum,
    log_expected_improvement,
    log_probability_of_improvement,
    maximise,
)
from rung.searchers.models.exact_gp import Posterior, fit, log_density_by_the_mean
from rung.searchers.models.kernels import Coordinates, Hyperparameters
from rung.searchers.models.output_transform import is_outlier, standardised, targets
from rung.searchers.sobol import Sobol
from rung.space import Categorical, Config, Domain, Space
from rung.study.algorithm import Problem
from rung.study.events import Outcome
from rung.study.history import History

Array: TypeAlias = NDArray[np.floating[Any]]

_MAX_OBSERVATIONS = 300
"""Observations that the model takes in: its cost grows with their cube."""
_MAX_PENDING = 100
_MARGIN = 1e-2
"""The improvement that a suggestion is to bring at least, in standard deviations of the losses."""
_EARLY = 20
"""Trials up to which expected improvement alone is maximised; from then on every other time."""
_MIN_MODEL_SHARE = 0.5
"""The share of the suggestions that the model makes even if it predicts badly."""
_INITIAL_SHARE = 0.8
"""The middle part of each range that the initial trials come from: ranges are stated generously, so that the
best value of most hyperparameters lies nearer the middle than the ends."""
_DRAWS = 20
"""Random draws to find a configuration that no trial has."""
_EXPLAINED = 20
"""The latest trials whose predictions `explain` compares with their losses ..."""
_MIN_EXPLAINED = 5
"""... if there are at least so many."""
_GROWTH = 1.1
"""The factor by which trials grow between two fits of the hyperparameters."""
_INACTIVE = 0.5
"""The coordinate of an inactive number."""
_NO_CHOICE = -1.0
"""The coordinate of an inactive choice: none of its values."""


@dataclass(frozen=True)
class GP(Searcher):
    """Bayesian optimisation with a Gaussian process: tries the point of the largest expected improvement.

    The strongest searcher per trial, up to some hundred trials in up to some twenty dimensions, conditional
    ones and choices among them, with noise or without. A suggestion takes 10 ms after 50 trials and not over
    50 ms after thousands, when the model sees 300 of them. Use Random or TPE if a trial takes less than that.

    The first trial is the middle of the space (the medians of its priors); the others up to `n_initial` (at
    least 2) are a Sobol sequence over the middle 80 % of each range. From then on the model makes the share
    of the suggestions that it has earned: by how much the other trials predict each loss better with it than
    by their mean (leave-one-out density). The rest continue the Sobol sequence over the whole ranges.

    Pending trials are imputed by the posterior mean (the kriging believer of Ginsbourger et al. 2010, section
    4.1). Trials that failed, broke a constraint or gave an outlier have a second model, of where trials fail:
    the improvement is weighed by the probability that most trials succeed there (Gelbart et al. 2014,
    arXiv:1403.5607). Where most fail they are imputed by the worst loss, elsewhere left out. A trial that was
    stopped early, or still runs, is imputed by the loss that others like it reached later, with the variance
    of such predictions (_extrapolation.py).

    The method is that of Snoek et al. (2012), with length-scale priors that grow with the dimension as in
    Hvarfner et al. (2024) and log expected improvement as in Ament et al. (2023, arXiv:2310.20708); from
    trial 20 on it takes turns with EST of Wang, Zhou and Jegelka (2016, arXiv:1510.06423), which explores
    more.

    Parameters
    ----------
    n_initial : int
        Trials before the first model, at least 2.
    """

    name: ClassVar[str] = "gp"
    n_initial: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.n_initial, int) or self.n_initial < 2:
            raise ArgumentError(f"GP: n_initial={self.n_initial!r}; give a whole number of at least 2")

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the configuration of the largest acquisition; None if none is left."""
        n = len(history.trials)
        if n == 0:
            return _suggestion("middle", _middle(history.space))
        fitted = self._fit(history, n)
        if fitted is None:
            return _suggestion("sobol", _space_filling(history, rng, _INITIAL_SHARE))
        if fitted.theta is None or rng.random() > fitted.model_share:
            return _suggestion("sobol", _space_filling(history, rng, 1.0))
        model, space = _Model(Observed.of(history), fitted), history.space
        first = candidates(space, model.best_first, rng)
        mean, sd = model.at(first)
        criterion, target = log_expected_improvement, model.best - _MARGIN
        if n >= _EARLY and n % 2:
            criterion, target = log_probability_of_improvement, min(estimated_minimum(mean, sd), target)

        def acquisition(points: Array) -> Array:
            return criterion(*model.at(points), target) + model.log_success(points)

        values = criterion(mean, sd, target) + model.log_success(first)
        points = maximise(acquisition, space, first, values, rng)
        for some in (points[:1], points[1:]):  # nearly always the first will do
            for config in space.decode(some):
                if not history.seen(config) and space.allows(config):
                    return _suggestion("model", config)
        return _suggestion("random", unseen(history, rng))

    def recommend(self, history: History) -> Sequence[Expectation]:
        """Return what the model expects of each completed trial, the best first; empty without a model."""
        fitted = self._fit(history, len(history.trials))
        if fitted is None or fitted.theta is None:
            return ()
        return _Model(Observed.of(history), fitted).expectations(history)

    def past_predictions(self, history: History) -> tuple[Array, Array]:
        """Return the predicted and the true losses of the latest completed trials, shape (k,) each.

        Each prediction is made again from the log, by the model as it was when the trial was suggested.
        """
        done = [t.number for t in history.trials[self.n_initial :] if t.status == Outcome.COMPLETED]
        expected, losses = [], []
        for number in done[-_EXPLAINED:]:
            fitted = self._fit(history, number)
            loss = history.loss(history.trials[number].metrics)
            if fitted is None or fitted.theta is None or not math.isfinite(loss):
                continue
            model = _Model(Observed.before(history, number), fitted)
            expected.append(float(model.losses(model.at(history.points[[number]])[0])[0]))
            losses.append(loss)
        return np.array(expected), np.array(losses)

    def explain(self, history: History) -> str:
        """Say how well the model predicted the losses so far, and those of trials that stopped early."""
        expected, losses = self.past_predictions(history)
        lines = ["too few trials to say how well the model predicts"]
        r = rank_correlation(expected, losses)
        if len(losses) >= _MIN_EXPLAINED and math.isfinite(r):
            lines = [
                f"the model predicted the latest {len(losses)} losses with a rank correlation of {r:.2f}"
            ]
        _, levels = extrapolated(_thinned(Observed.of(history)))
        lines += [
            f"losses at {level.resource} and later agree with a rank correlation of {level.agreement:.2f}"
            f" ({len(level.later)} trials went on)"
            for level in reversed(levels)
            if math.isfinite(level.agreement)
        ]
        return "\n".join(lines)

    def check(self, problem: Problem) -> None:
        """Load what suggestions need, so that no worker waits for that; any space can be searched."""
        for module in ("scipy.linalg.lapack", "scipy.optimize", "scipy.special", "scipy.stats.qmc"):
            import_module(module)

    def _fit(self, history: History, n: int) -> _Fitted | None:
        """Return the hyperparameters that suggest trial n; None among the initial trials."""
        if n < self.n_initial:
            return None
        # Fit to the data of the time when `trial` was suggested, so that a restarted study fits to the same.
        trial = _schedule(n, self.n_initial)
        return history.cached((self, trial), lambda history: _Fitted.to(history, trial))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the model expects of a configuration that was tried."""

    trial: int
    loss: float
    """The expected loss, in the unit of the metric; lower is better."""
    observed: float
    """The loss of the trial."""


def _suggestion(origin: str, config: Config | None) -> Config | None:
    return None if config is None else Suggestion(config, origin)


def _middle(space: Space) -> Config | None:
    config = space.decode(np.full((1, len(space)), 0.5))[0]
    return config if space.allows(config) else space.sample(np.random.default_rng(0))


def _size(domain: Domain) -> int:
    """How many choices there are, 0 if the domain has an order."""
    return domain.size if isinstance(domain, Categorical) else 0


def _space_filling(history: History, rng: Generator, share: float) -> Config | None:
    """Return the next point of a Sobol sequence; where a trial has its configuration, a random one."""
    config = Sobol(share).suggest(history, rng)
    for _ in range(_DRAWS):  # with conditions many a point is the same configuration
        if config is None or not history.seen(config):
            break
        config = unseen(history, rng)
    return config


def _schedule(n: int, first: int) -> int:
    """The last of first, first + 1, ..., growing by a tenth from some point on, that is not above n."""
    trial = first
    while (following := max(trial + 1, math.floor(trial * _GROWTH))) <= n:
        trial = following
    return trial


@dataclass(frozen=True, slots=True)
class _Known:
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
    def of(cls, observed: Observed) -> _Known:
        observed = _thinned(observed)
        losses, levels = extrapolated(observed)
        failed = is_outlier(losses)
        good = losses[~failed]
        if not len(good):
            return cls(observed, failed, good, good, good)
        y = targets(good)
        levels = [replace(level, rows=level.rows[~failed]) for level in levels]
        return cls(observed, failed, good, y, variances(levels, good, y))


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Hyperparameters fitted to what was known when `trial` was suggested: a cache, made from the history."""

    history: History
    trial: int
    encoding: _Encoding
    theta: Hyperparameters | None
    """None while too little was known."""
    model_share: float = 1.0
    """The share of the suggestions that the model makes."""
    failing: Hyperparameters | None = None
    """Of the model of which trials fail; None while none has."""

    @classmethod
    def to(cls, history: History, trial: int) -> _Fitted:
        known = _Known.of(Observed.before(history, trial))
        encoding = _Encoding.of(history.space)
        if len(known.targets) < 2:
            return cls(history, trial, encoding, None)
        x = encoding.at(known.observed.points)
        good, y = x[~known.failed], known.targets
        theta = fit(encoding.coordinates, good, y, known.extra_variance)
        gain = Posterior(
            encoding.coordinates, theta, good, y, known.extra_variance
        ).log_predictive_density() - log_density_by_the_mean(y)
        model_share = max(1 / (1 + math.exp(-np.clip(gain, -30, 30))), _MIN_MODEL_SHARE)
        failing = None
        if known.failed.any():
            failing = fit(encoding.coordinates, x, standardised(known.failed.astype(float)))
        return cls(history, trial, encoding, theta, model_share, failing)


@dataclass(frozen=True, slots=True)
class _Encoding:
    """The coordinates of configurations in the model: those of the space without its constants."""

    free: NDArray[np.bool_]
    coordinates: Coordinates

    @classmethod
    def of(cls, space: Space) -> _Encoding:
        free = [name in space.varying for name in space.names]
        return cls(np.array(free), Coordinates(tuple(_size(space[name]) for name in space.varying)))

    def at(self, points: Array) -> Array:
        """Return the coordinates of encoded points (n, d)."""
        x = points[:, self.free]
        return np.where(np.isnan(x), np.where(self.coordinates.unordered, _NO_CHOICE, _INACTIVE), x)


class _Model:
    """The posterior given all trials, failed and pending ones included."""

    def __init__(self, observed: Observed, fitted: _Fitted) -> None:
        assert fitted.theta is not None
        theta = fitted.theta
        self.encoding, self.known = fitted.encoding, _Known.of(observed)
        known, coordinates = self.known, fitted.encoding.coordinates
        every, failed = self.encoding.at(known.observed.points), known.failed
        x, y, extra_variance = every[~failed], known.targets, known.extra_variance
        self.posterior = Posterior(coordinates, theta, x, y, extra_variance)
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
            self.posterior = Posterior(coordinates, theta, x, y, extra_variance)
        if len(pending := known.observed.pending[-_MAX_PENDING:]):
            waiting = self.encoding.at(pending)
            believed = self.posterior.at(waiting)[0]
            self.best = min(self.best, float(believed.min()))
            x, y = np.concatenate([x, waiting]), np.concatenate([y, believed])
            extra_variance = np.concatenate(
                [extra_variance, np.full(len(waiting), -math.inf)]
            )  # without noise
            self.posterior = Posterior(coordinates, theta, x, y, extra_variance)

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


def _thinned(known: Observed) -> Observed:
    """Return at most _MAX_OBSERVATIONS rows: half the best (those furthest on first), the rest spread."""
    n = len(known.losses)
    if n <= _MAX_OBSERVATIONS:
        return known
    order = np.lexsort((known.losses, -known.resources))
    half = _MAX_OBSERVATIONS // 2
    others = np.sort(order[half:])[np.linspace(0, n - half - 1, _MAX_OBSERVATIONS - half).astype(int)]
    rows = np.sort(np.concatenate([order[:half], others]))
    return known.only(rows)
