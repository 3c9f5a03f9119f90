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

from rung.errors import Error
from rung.searchers._extrapolation import extrapolated, rank_correlation, variances
from rung.searchers._observed import Observed
from rung.searchers._surrogates.acquisition import (
    candidates,
    least,
    log_expected_improvement,
    log_reach,
    maximise,
)
from rung.searchers._surrogates.gaussian_process import (
    Hyperparameters,
    Inputs,
    Posterior,
    evidence_of_the_mean,
    fit,
)
from rung.searchers._surrogates.targets import spoilt, standardised, targets
from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher, Suggestion
from rung.searchers.sobol import Sobol
from rung.space import Categorical, Config, Domain, Space
from rung.study.algorithm import Problem
from rung.study.events import Outcome
from rung.study.history import History

Array: TypeAlias = NDArray[np.floating[Any]]

_MOST = 300
"""Observations that the model takes in: its cost grows with their cube."""
_MOST_PENDING = 100
_MARGIN = 1e-2
"""How far below the best that is known, in deviations of the losses, the target lies at least."""
_EARLY = 20
"""Trials until which only the expected improvement is asked; from then on every other time."""
_LEAST_TRUST = 0.5
"""The share of the suggestions that a model makes however badly it foretells."""
_DRAWS = 20
"""Random configurations to find one that no trial has."""
_LATEST = 20
"""Trials of which `explain` says how well they were foretold, if there are at least ..."""
_FEW = 5
_GROWTH = 1.1
_INACTIVE = 0.5
_NO_CHOICE = -1.0


@dataclass(frozen=True)
class GP(Searcher):
    """Bayesian optimisation: where a Gaussian process expects the loss to fall furthest below the best.

    The strongest searcher per trial, up to some hundred trials in up to some twenty dimensions, conditional
    ones and choices among them, with noise or without. A suggestion takes 10 ms after 50 trials and not over
    50 ms after thousands, when the model sees 300 of them. Use Random or TPE if a trial takes less than that.

    The first trial is the middle of the space (the medians of its priors), those up to `n_initial` (at least
    2) a Sobol sequence. From then on the model makes the share of the suggestions that it has earned, by how
    much better each loss is foretold by all others than by their mean; the rest continue the Sobol sequence.

    Trials that are running are taken to give what the model expects. Trials that failed, broke a constraint
    or gave a loss far beyond all others have a second model, of where trials fail: what is expected to
    improve is weighed by the probability that most trials succeed there (Gelbart et al. 2014,
    arXiv:1403.5607), and they count as the worst where most fail, as nothing where it was chance. A trial
    that was stopped early, or is on its way, counts with the loss that others like it reached later, and with
    the variance of such a forecast (_extrapolation.py).

    Snoek et al. (2012) for the method; Hvarfner et al. (2024) for a prior that grows with the dimension; the
    expected improvement of Jones et al. (1998) as Ament et al. (2023, arXiv:2310.20708) compute it, later in
    turns with EST of Wang, Zhou and Jegelka (2016, arXiv:1510.06423), which looks further; Ginsbourger et al.
    (2010), section 4.1, for trials that are running.
    """

    name: ClassVar[str] = "gp"
    n_initial: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.n_initial, int) or self.n_initial < 2:
            raise Error(f"GP: n_initial={self.n_initial!r}; give a whole number of at least 2")

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the configuration of the largest acquisition; None if none is left."""
        n = len(history.trials)
        if n == 0:
            return _of("middle", _middle(history.space))
        fitted = self._fit(history, n)
        if fitted is None or fitted.theta is None or rng.random() > fitted.trust:
            return _of("sobol", _spread(history, rng))
        model, space = _Model(Observed.of(history), fitted), history.space
        first = candidates(space, model.best_first, rng)
        mean, sd = model.at(first)
        criterion, target = log_expected_improvement, model.best - _MARGIN
        if n >= _EARLY and n % 2:
            criterion, target = log_reach, min(least(mean, sd), target)

        def acquisition(points: Array) -> Array:
            return criterion(*model.at(points), target) + model.log_success(points)

        values = criterion(mean, sd, target) + model.log_success(first)
        points = maximise(acquisition, space, first, values, rng)
        for some in (points[:1], points[1:]):  # nearly always the first will do
            for config in space.decode(some):
                if not history.seen(config) and space.allows(config):
                    return _of("model", config)
        return _of("random", unseen(history, rng))

    def recommend(self, history: History) -> Sequence[Expectation]:
        """Return what the model expects of each completed trial, the best first; nothing without a model."""
        fitted = self._fit(history, len(history.trials))
        if fitted is None or fitted.theta is None:
            return ()
        return _Model(Observed.of(history), fitted).expectations(history)

    def foretold(self, history: History) -> tuple[Array, Array]:
        """Return what was expected of the latest completed trials, and their losses: shape (k,) each.

        Made again from the log, by the model as it stood when each trial was decided.
        """
        done = [t.number for t in history.trials[self.n_initial :] if t.status == Outcome.COMPLETED]
        expected, losses = [], []
        for number in done[-_LATEST:]:
            fitted = self._fit(history, number)
            loss = history.loss(history.trials[number].metrics)
            if fitted is None or fitted.theta is None or not math.isfinite(loss):
                continue
            model = _Model(Observed.before(history, number), fitted)
            expected.append(float(model.losses(model.at(history.points[[number]])[0])[0]))
            losses.append(loss)
        return np.array(expected), np.array(losses)

    def explain(self, history: History) -> str:
        """Say how well the model has foretold the losses so far, and those of trials that stopped early."""
        expected, losses = self.foretold(history)
        lines = ["the model has too few trials to say how well it foretells"]
        r = rank_correlation(expected, losses)
        if len(losses) >= _FEW and math.isfinite(r):
            lines = [f"the model foretold the latest {len(losses)} losses with a rank correlation of {r:.2f}"]
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
        """Return the hyperparameters for trial n, None among the initial ones."""
        if n < self.n_initial:
            return None
        # To what was known when a trial was decided: a restarted study fits again to the same.
        trial = _schedule(n, self.n_initial)
        return history.cached((self, trial), lambda history: _Fitted.to(history, trial))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a model expects of a configuration that was tried."""

    trial: int
    loss: float
    """The expected loss, in the unit of the metric; lower is better."""
    observed: float
    """The loss of the trial."""


def _of(origin: str, config: Config | None) -> Config | None:
    return None if config is None else Suggestion(config, origin)


def _middle(space: Space) -> Config | None:
    config = space.decode(np.full((1, len(space)), 0.5))[0]
    return config if space.allows(config) else space.sample(np.random.default_rng(0))


def _size(domain: Domain) -> int:
    """How many choices there are, 0 if the domain has an order."""
    return domain.size if isinstance(domain, Categorical) else 0


def _spread(history: History, rng: Generator) -> Config | None:
    """Return the next point of a Sobol sequence; where a trial has its configuration, a random one."""
    config = Sobol().suggest(history, rng)
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
    """What the model learns from: inputs and targets, and which trials failed."""

    observed: Observed
    failed: NDArray[np.bool_]
    losses: Array
    """Shape (n,): extrapolated, of those that did not fail."""
    targets: Array
    """Shape (n,): the same, as the model sees them."""
    unsure: Array
    """Shape (n,): the variance of each target beside the noise."""

    @classmethod
    def of(cls, observed: Observed) -> _Known:
        observed = _thinned(observed)
        losses, levels = extrapolated(observed)
        failed = spoilt(losses)
        good = losses[~failed]
        if not len(good):
            return cls(observed, failed, good, good, good)
        y = targets(good)
        levels = [replace(level, rows=level.rows[~failed]) for level in levels]
        return cls(observed, failed, good, y, variances(levels, good, y))


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Hyperparameters fitted to what was known when a trial was decided: a cache of what a history tells."""

    history: History
    trial: int
    rows: _Rows
    theta: Hyperparameters | None
    """None while too little was known."""
    trust: float = 1.0
    """The share of suggestions that the model is to make."""
    failing: Hyperparameters | None = None
    """Of the model of which trials fail; None while none has."""

    @classmethod
    def to(cls, history: History, trial: int) -> _Fitted:
        known = _Known.of(Observed.before(history, trial))
        rows = _Rows.of(history.space)
        if len(known.targets) < 2:
            return cls(history, trial, rows, None)
        x = rows.at(known.observed.points)
        good, y = x[~known.failed], known.targets
        theta = fit(rows.inputs, good, y, known.unsure)
        gain = Posterior(rows.inputs, theta, good, y, known.unsure).evidence() - evidence_of_the_mean(y)
        trust = max(1 / (1 + math.exp(-np.clip(gain, -30, 30))), _LEAST_TRUST)
        failing = None
        if known.failed.any():
            failing = fit(rows.inputs, x, standardised(known.failed.astype(float)))
        return cls(history, trial, rows, theta, trust, failing)


@dataclass(frozen=True, slots=True)
class _Rows:
    """How configurations become inputs of the model: without constants."""

    free: NDArray[np.bool_]
    inputs: Inputs

    @classmethod
    def of(cls, space: Space) -> _Rows:
        free = [name in space.varying for name in space.names]
        return cls(np.array(free), Inputs(tuple(_size(space[name]) for name in space.varying)))

    def at(self, points: Array) -> Array:
        """Return the inputs of encoded points (n, d)."""
        x = points[:, self.free]
        return np.where(np.isnan(x), np.where(self.inputs.unordered, _NO_CHOICE, _INACTIVE), x)


class _Model:
    """What is expected of a configuration."""

    def __init__(self, observed: Observed, fitted: _Fitted) -> None:
        assert fitted.theta is not None
        theta = fitted.theta
        self.rows, self.known = fitted.rows, _Known.of(observed)
        known, inputs = self.known, fitted.rows.inputs
        every, failed = self.rows.at(known.observed.points), known.failed
        x, y, unsure = every[~failed], known.targets, known.unsure
        self.posterior = Posterior(inputs, theta, x, y, unsure)
        self.expected = self.posterior.fitted
        """Shape (n,): of the trials that did not fail."""
        self.best = float(self.expected.min())
        self.best_first = known.observed.points[~failed][np.argsort(self.expected, kind="stable")]
        self.failures = (
            _Failures(inputs, fitted.failing, every, failed) if fitted.failing and failed.any() else None
        )
        if self.failures:
            bad = every[failed & (self.failures.log_rare(every) < math.log(0.5))]
            x, y = np.concatenate([x, bad]), np.concatenate([y, np.full(len(bad), y.max())])
            unsure = np.concatenate([unsure, np.zeros(len(bad))])
            self.posterior = Posterior(inputs, theta, x, y, unsure)
        if len(pending := known.observed.pending[-_MOST_PENDING:]):
            waiting = self.rows.at(pending)
            believed = self.posterior.at(waiting)[0]
            self.best = min(self.best, float(believed.min()))
            x, y = np.concatenate([x, waiting]), np.concatenate([y, believed])
            unsure = np.concatenate([unsure, np.full(len(waiting), -math.inf)])  # without noise
            self.posterior = Posterior(inputs, theta, x, y, unsure)

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the loss, as the model sees it, at encoded points (n, d)."""
        return self.posterior.at(self.rows.at(points))

    def losses(self, targets: Array) -> Array:
        """Return the losses (k,) that stand for such targets; none beyond those that were seen."""
        return np.interp(targets, np.sort(self.known.targets), np.sort(self.known.losses))

    def log_success(self, points: Array) -> Array | float:
        """Return the log of the probability that most trials succeed at encoded points (n, d)."""
        return 0.0 if self.failures is None else self.failures.log_rare(self.rows.at(points))

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
    """A regression of which of the points x (n, d) failed."""

    def __init__(self, inputs: Inputs, theta: Hyperparameters, x: Array, failed: NDArray[np.bool_]) -> None:
        self.mean, self.spread = float(failed.mean()), float(failed.std())
        self.posterior = Posterior(inputs, theta, x, standardised(failed.astype(float)))

    def log_rare(self, x: Array) -> Array:
        """Return the log of the probability that less than half of the trials fail at points (n, d)."""
        from scipy.special import log_ndtr

        mean, sd = self.posterior.at(x)
        return log_ndtr((0.5 - self.mean - self.spread * mean) / (self.spread * sd))


def _thinned(known: Observed) -> Observed:
    """Return the best half of at most _MOST observations, those furthest on first, and some of the others."""
    n = len(known.losses)
    if n <= _MOST:
        return known
    order = np.lexsort((known.losses, -known.resources))
    half = _MOST // 2
    others = np.sort(order[half:])[np.linspace(0, n - half - 1, _MOST - half).astype(int)]
    rows = np.sort(np.concatenate([order[:half], others]))
    return known.only(rows)
