"""Bayesian optimisation with a Gaussian process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import Error
from rung.searchers._observed import Observed
from rung.searchers._surrogates.acquisition import candidates, least, maximise, reach
from rung.searchers._surrogates.gaussian_process import Hyperparameters, Inputs, Posterior, fit
from rung.searchers._surrogates.targets import spoilt, standardised, targets
from rung.searchers._unseen import unseen
from rung.searchers.sobol import Sobol
from rung.space import Config, Space
from rung.space.choices import Categorical
from rung.study.history import History

Array: TypeAlias = NDArray[np.floating[Any]]

_MOST = 300
"""Observations that the model takes in: its cost grows with their cube."""
_MOST_PENDING = 100
_MARGIN = 1e-2
"""How far below the best that is known, in deviations of the losses, the target lies at least."""
_GROWTH = 1.1
_INACTIVE = 0.5
_NO_CHOICE = -1.0


class GP:
    """Bayesian optimisation: what most likely reaches the least loss that a Gaussian process hopes for.

    The strongest searcher per trial, up to some hundred trials in up to some twenty dimensions, conditional
    ones and choices among them. A suggestion takes 10 ms after 50 trials and not over 50 ms after thousands,
    when the model sees 300 of them. Use Random or TPE if a trial takes less than that.

    The first trial is the middle of the space (the medians of its laws), those up to `n_initial` (at least 2)
    a Sobol sequence. Trials that are running are taken to give what the model expects. A trial
    that failed, broke a constraint or gave a loss far beyond all others counts as the worst if it lies where
    trials fail, by a second model, and as nothing if that was chance. When trials report as they go, the
    resource is an input of the model (Klein et al. 2020, arXiv:2003.10865), which foretells the loss at the
    largest one that more than d trials have reached (as BOHB asks of its models: Falkner et al. 2018).

    Snoek et al. (2012) for the method, Hvarfner et al. (2024) for the priors, Wang, Zhou and Jegelka (2016,
    arXiv:1510.06423; 2017, arXiv:1703.01968) for the acquisition, Ginsbourger et al. (2010), section 4.1, for
    trials that are running.
    """

    name: ClassVar[str] = "gp"

    def __init__(self, n_initial: int = 3) -> None:
        if not isinstance(n_initial, int) or n_initial < 2:
            raise Error(f"GP: n_initial={n_initial!r}; give a whole number of at least 2")
        self.n_initial = n_initial
        self._fitted: _Fitted | None = None

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the configuration of the largest acquisition; None if none is left."""
        n = len(history.trials)
        if n == 0:
            return _middle(history.space)
        fitted = self._fit(history, _schedule(n, self.n_initial)) if n >= self.n_initial else None
        if fitted is None or fitted.theta is None:
            return Sobol().suggest(history, rng)
        model = _Model(history, fitted, fitted.theta)
        first = candidates(history.space, model.best_first, rng)
        known = model.at(first)
        target = min(least(*known), model.best - _MARGIN)
        values = reach(*known, target)
        points = maximise(lambda p: reach(*model.at(p), target), history.space, first, values, rng)
        for some in (points[:1], points[1:]):  # nearly always the first will do
            for config in history.space.decode(some):
                if not history.seen(config) and history.space.allows(config):
                    return config
        return unseen(history, rng)

    def check(self, space: Space) -> None:
        """Load what suggestions need, so that no worker waits for that; any space can be searched."""
        for module in ("scipy.linalg.lapack", "scipy.optimize", "scipy.special", "scipy.stats.qmc"):
            import_module(module)

    def to_json(self) -> dict[str, Any]:
        """Return the name and n_initial."""
        return {"name": self.name, "n_initial": self.n_initial}

    def __repr__(self) -> str:
        return f"GP(n_initial={self.n_initial})"

    def _fit(self, history: History, trial: int) -> _Fitted:
        # To what was known when that trial was decided: a restarted study fits again to the same.
        if self._fitted is None or self._fitted.history is not history or self._fitted.trial != trial:
            self._fitted = _Fitted.to(history, trial)
        return self._fitted


def _middle(space: Space) -> Config | None:
    config = space.decode(np.full((1, len(space)), 0.5))[0]
    return config if space.allows(config) else space.sample(np.random.default_rng(0))


def _schedule(n: int, first: int) -> int:
    """The last of first, first + 1, ..., growing by a tenth from some point on, that is not above n."""
    trial = first
    while (following := max(trial + 1, math.floor(trial * _GROWTH))) <= n:
        trial = following
    return trial


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Hyperparameters fitted to what was known when a trial was decided: a cache of what a history tells."""

    history: History
    trial: int
    rows: _Rows
    theta: Hyperparameters | None
    """None while too little was known."""
    failing: Hyperparameters | None = None
    """Of the model of which trials fail; None while none has."""

    @classmethod
    def to(cls, history: History, trial: int) -> _Fitted:
        known = _thinned(Observed.before(history, trial))
        rows = _Rows.of(history, known)
        failed = spoilt(known.losses)
        if (~failed).sum() < 2:
            return cls(history, trial, rows, None)
        x = rows.at(known.points, known.resources)
        theta = fit(rows.inputs, x[~failed], targets(known.losses[~failed]))
        failing = fit(rows.inputs, x, standardised(failed.astype(float))) if failed.any() else None
        return cls(history, trial, rows, theta, failing)


@dataclass(frozen=True, slots=True)
class _Rows:
    """How configurations become inputs of the model: without constants, with the resource if it differs."""

    free: NDArray[np.bool_]
    inputs: Inputs
    most: int
    """The largest resource, or 0 if the resource is no input."""

    @classmethod
    def of(cls, history: History, known: Observed) -> _Rows:
        space = history.space
        free = [name in space.varying for name in space.names]
        domains = [space[name] for name in space.varying]
        choices = [domain.size if isinstance(domain, Categorical) else 0 for domain in domains]
        differ = len(np.unique(known.resources)) > 1
        most = max(int(known.resources.max()), history.max_resource or 1) if differ else 0
        return cls(np.array(free), Inputs((*choices, 0) if differ else tuple(choices)), most)

    def at(self, points: Array, resources: NDArray[np.int64]) -> Array:
        """Return the inputs of encoded points (n, d) at these resources (n,)."""
        x = points[:, self.free]
        inactive = np.where(self.inputs.unordered[: x.shape[1]], _NO_CHOICE, _INACTIVE)
        x = np.where(np.isnan(x), inactive, x)
        if not self.most:
            return x
        level = np.log1p(self._told(resources)) / math.log1p(self.most)
        return np.column_stack([x, np.minimum(level, 1.0)])

    def comparable(self, resources: NDArray[np.int64]) -> int:
        """The largest of the resources (n,) that as many trials have reached as the model has inputs.

        At a larger one the model is unsure of whatever is always stopped before, and would ask for that.
        """
        return int(np.sort(self._told(resources))[-len(self.inputs.choices) :][0])

    def _told(self, resources: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(resources > 0, resources, self.most)  # without a report: what holds at the end


class _Model:
    """What is expected of a configuration, at a resource at which it can be compared with others."""

    def __init__(self, history: History, fitted: _Fitted, theta: Hyperparameters) -> None:
        known = _thinned(Observed.of(history))
        self.rows = fitted.rows
        failed = spoilt(known.losses)
        points, every = known.points[~failed], self.rows.at(known.points, known.resources)
        x, y = every[~failed], targets(known.losses[~failed])
        self.posterior = Posterior(self.rows.inputs, theta, x, y)
        self.resource = self.rows.comparable(known.resources[~failed])
        expected = self.at(points)[0] if self.rows.most else y
        self.best = float(expected.min())
        self.best_first = points[np.argsort(expected, kind="stable")]
        if fitted.failing and failed.any():
            bad = every[_expected_to_fail(self.rows.inputs, fitted.failing, every, failed)]
            x, y = np.concatenate([x, bad]), np.concatenate([y, np.full(len(bad), y.max())])
            self.posterior = Posterior(self.rows.inputs, theta, x, y)
        if len(pending := known.pending[-_MOST_PENDING:]):
            waiting = self._inputs(pending)
            believed = self.posterior.at(waiting)[0]
            self.best = min(self.best, float(believed.min()))
            x, y = np.concatenate([x, waiting]), np.concatenate([y, believed])
            self.posterior = Posterior(self.rows.inputs, theta, x, y, exact=len(waiting))

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the loss, as the model sees it, at encoded points (n, d)."""
        return self.posterior.at(self._inputs(points))

    def _inputs(self, points: Array) -> Array:
        return self.rows.at(points, np.full(len(points), self.resource))


def _expected_to_fail(
    inputs: Inputs, theta: Hyperparameters, x: Array, failed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the points x (n, d) failed where a regression of the failures has more than a half."""
    rate, spread = float(failed.mean()), float(failed.std())
    mean, _ = Posterior(inputs, theta, x, standardised(failed.astype(float))).at(x)
    return failed & (rate + spread * mean > 0.5)


def _thinned(known: Observed) -> Observed:
    """Return the best half of at most _MOST observations, those furthest on first, and some of the others."""
    n = len(known.losses)
    if n <= _MOST:
        return known
    order = np.lexsort((known.losses, -known.resources))
    half = _MOST // 2
    others = np.sort(order[half:])[np.linspace(0, n - half - 1, _MOST - half).astype(int)]
    rows = np.sort(np.concatenate([order[:half], others]))
    return Observed(known.points[rows], known.losses[rows], known.resources[rows], known.pending)
