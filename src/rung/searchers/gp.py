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

from rung._text import visible
from rung.errors import ArgumentError
from rung.searchers._costs import CostFit, Costs
from rung.searchers._extrapolation import extrapolated, rank_correlation
from rung.searchers._observed import Observed
from rung.searchers._several import Fits, Models, predictions, wanted
from rung.searchers._surrogate import Encoding, Expectation, Fitted, Known, Model, thinned
from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher, Suggestion
from rung.searchers.earlier import best_of_earlier, earlier_models
from rung.searchers.models.acquisition import (
    candidates,
    estimated_minimum,
    log_expected_improvement,
    log_probability_of_improvement,
    maximise,
)
from rung.searchers.sobol import Sobol
from rung.space import Config, Space
from rung.study.algorithm import Problem
from rung.study.events import Outcome
from rung.study.history import History

Array: TypeAlias = NDArray[np.floating[Any]]

_MARGIN = 1e-2
"""The improvement that a suggestion is to bring at least, in standard deviations of the losses."""
_EARLY = 20
"""Trials up to which expected improvement alone is maximised; from then on every other time."""
_INITIAL_SHARE = 0.8
"""The middle part of each range that the initial trials come from: ranges are stated generously, so that the
best value of most hyperparameters lies nearer the middle than the ends."""
_STARTS = 3
"""Trials of a portfolio of earlier studies, at most, before there is a model beside theirs."""
_DISTRUST = 0.95
"""Earlier studies count unless the median of what is misranked with them is above this quantile without."""
_DRAWS = 20
"""Random draws to find a configuration that no trial has."""
_EXPLAINED = 20
"""The latest trials whose predictions `explain` compares with their losses ..."""
_MIN_EXPLAINED = 5
"""... if there are at least so many."""
_GROWTH = 1.1
"""The factor by which trials grow between two fits of the hyperparameters."""


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

    Several objectives and constraints have a model for each metric, and an acquisition of their own, which
    searches the whole front (models/several.py).

    With earlier studies (`learn_from`) up to three trials are a portfolio of theirs, and from then on their
    models are basis functions beside the process (models/transfer.py). From trial `n_initial` on they are
    left aside where they mislead: where the process with them puts more pairs of losses in the wrong order,
    each left out in turn, than 95 % of samples of the process alone (Feurer et al. 2018, arXiv:1802.02219).

    Pending trials are imputed by the posterior mean (the kriging believer of Ginsbourger et al. 2010, section
    4.1). Trials that failed or gave an outlier have a second model, of where trials fail:
    the improvement is weighed by the probability that most trials succeed there (Gelbart et al. 2014,
    arXiv:1403.5607). Where most fail they are imputed by the worst loss, elsewhere left out. A trial that was
    stopped early, or still runs, is imputed by the loss that others like it reached later, with the variance
    of such predictions (_extrapolation.py).

    Where the study has a `cost`, improvement counts per unit of it, the less the nearer the end of the budget
    (_costs.py), and the model begins after half as many trials.

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
        if history.earlier:
            warm = self._warm_fit(history, n)
            early = n < _STARTS or (warm is None and n < self.n_initial)
            if early and (found := _next_of_portfolio(history, rng)):
                return found
            if warm is not None and rng.random() < warm.model_share:
                return _suggestion("transfer", _suggestion_of(warm, history, rng, self._costs(history)))
        if n == 0:
            return _suggestion("middle", _middle(history.space))
        if not history.goals.plain:
            return self._suggest_by_several(history, rng)
        fitted = self._fit(history, n)
        if fitted is None:
            return _suggestion("sobol", _space_filling(history, rng, _INITIAL_SHARE))
        if fitted.theta is None or rng.random() > fitted.model_share:
            return _suggestion("sobol", _space_filling(history, rng, 1.0))
        return _suggestion_of(fitted, history, rng, self._costs(history))

    def _suggest_by_several(self, history: History, rng: Generator) -> Config | None:
        fits = self._fits(history, len(history.trials))
        if fits is None:
            return _suggestion("sobol", _space_filling(history, rng, _INITIAL_SHARE))
        if rng.random() >= fits.model_share:
            return _suggestion("sobol", _space_filling(history, rng, 1.0))
        models = Models(history, fits)
        if not models.each:  # all metrics are the same in all trials
            return _suggestion("sobol", _space_filling(history, rng, 1.0))
        return _first_unseen(history, models.suggested(history, rng, self._costs(history)), rng)

    def recommend(self, history: History) -> Sequence[Expectation]:
        """Return what the model expects of the completed trials, the best first; empty without a model.

        Of those that keep the constraints, and by the first of several objectives.
        """
        if not history.goals.plain:
            fits = self._fits(history, len(history.trials))
            return Models(history, fits).expectations(history) if fits else ()
        fitted = self._fit(history, len(history.trials))
        if fitted is None or fitted.theta is None:
            return ()
        return Model(Known.of(Observed.of(history)), fitted).expectations(history)

    def past_predictions(self, history: History) -> tuple[Array, Array]:
        """Return the predicted and the true losses of the latest completed trials, shape (k,) each.

        Each prediction is made again from the log, by the model as it was when the trial was suggested; with
        several objectives, of the first.
        """
        if not history.goals.plain:
            return self._predictions_of(history, 0)
        done = self._explained(history)
        expected, losses = [], []
        for number in done:
            fitted = self._fit(history, number)
            loss = history.loss(history.trials[number].metrics)
            if fitted is None or fitted.theta is None or not math.isfinite(loss):
                continue
            model = Model(Known.of(Observed.before(history, number)), fitted)
            expected.append(float(model.losses(model.at(history.points[[number]])[0])[0]))
            losses.append(loss)
        return np.array(expected), np.array(losses)

    def _explained(self, history: History) -> list[int]:
        done = [t.number for t in history.trials[self.n_initial :] if t.status == Outcome.COMPLETED]
        return done[-_EXPLAINED:]

    def _predictions_of(self, history: History, metric: int) -> tuple[Array, Array]:
        fits = [(number, self._fits(history, number)) for number in self._explained(history)]
        return predictions(history, metric, [(number, then) for number, then in fits if then])

    def explain(self, history: History) -> str:
        """Say how well the model predicted the losses so far, and those of trials that stopped early."""
        if not history.goals.plain:
            names = [w.metric.name for w in wanted(history.goals)]
            return "\n".join(
                f"{visible(name)}: {_worth(*self._predictions_of(history, j))}"
                for j, name in enumerate(names)
            )
        lines = [_worth(*self.past_predictions(history))]
        _, levels = extrapolated(thinned(Observed.of(history)))
        lines += [
            f"losses at {level.resource} and later agree with a rank correlation of {level.agreement:.2f}"
            f" ({len(level.later)} trials went on)"
            for level in reversed(levels)
            if math.isfinite(level.agreement)
        ]
        return "\n".join(lines)

    def learns(self, problem: Problem) -> bool:
        """Whether `learn_from` is used: with one objective and no constraints."""
        return problem.goals.plain

    def check(self, problem: Problem) -> None:
        """Load what suggestions need, so that no worker waits for that; any space can be searched."""
        for module in ("scipy.linalg.lapack", "scipy.optimize", "scipy.special"):
            import_module(module)

    def _fit(self, history: History, n: int) -> Fitted | None:
        """Return the hyperparameters that suggest trial n; None among the initial trials."""
        if n < self._first(history):
            return None
        # Fit to the data of the time when `trial` was suggested, so that a restarted study fits to the same.
        trial = _schedule(n, self._first(history))
        return history.cached(
            (self, trial),
            lambda history: Fitted.to(history, trial, Known.of(Observed.before(history, trial))),
        )

    def _first(self, history: History) -> int:
        """The first trial with a model; the earlier, the fewer trials are expensive for nothing."""
        return self.n_initial if history.cost is None else max(2, self.n_initial // 2)

    def _costs(self, history: History) -> Costs:
        if history.cost is None:
            return Costs(history, None)
        trial = _schedule(len(history.trials), self._first(history))
        fitted = history.cached((self, "cost", trial), lambda history: CostFit.to(history, trial))
        return Costs(history, fitted)

    def _warm_fit(self, history: History, n: int) -> Fitted | None:
        """The same beside the models of earlier studies, and the share of the suggestions that it makes."""
        if n < 2:
            return None
        trial = _schedule(n, 2)

        def make(history: History) -> Fitted:
            known = Known.of(Observed.before(history, trial))
            warm, cold = Fitted.to(history, trial, known, earlier_models(history)), self._fit(history, trial)
            if cold is None or warm.misranked is None or cold.misranked is None:
                return warm
            trusted = np.median(warm.misranked) <= np.quantile(cold.misranked, _DISTRUST)
            return replace(warm, model_share=float(trusted))

        warm = history.cached((self, "earlier", trial), make)
        return warm if warm.theta is not None else None

    def _fits(self, history: History, n: int) -> Fits | None:
        """The same for several metrics."""
        if n < self._first(history):
            return None
        trial = _schedule(n, self._first(history))
        return history.cached((self, "several", trial), lambda history: Fits.to(history, trial))


def _suggestion_of(fitted: Fitted, history: History, rng: Generator, costs: Costs) -> Config | None:
    """Return the configuration of the largest acquisition, by a model that is to be made."""
    model, space, n = Model(Known.of(Observed.of(history)), fitted), history.space, len(history.trials)
    first = candidates(space, model.best_first, rng)
    if fitted.earlier is not None:
        first = np.concatenate([first, best_of_earlier(history)])
    mean, sd = model.at(first)
    criterion, target = log_expected_improvement, model.best - _MARGIN
    if (n >= _EARLY or fitted.earlier) and n % 2:
        criterion, target = log_probability_of_improvement, min(estimated_minimum(mean, sd), target)

    def acquisition(points: Array) -> Array:
        return criterion(*model.at(points), target) + model.log_success(points) + costs.log_weight(points)

    values = criterion(mean, sd, target) + model.log_success(first) + costs.log_weight(first)
    return _first_unseen(history, maximise(acquisition, space, first, values, rng), rng)


def _next_of_portfolio(history: History, rng: Generator) -> Config | None:
    """Return the configuration that improves most on the trials so far in the mean over earlier studies.

    None where none of them expects an improvement.
    """
    models, encoding, best = earlier_models(history), Encoding.of(history.space), best_of_earlier(history)
    reached = models.reached(encoding.at(history.points))

    def acquisition(points: Array) -> Array:
        return models.improvement(reached, encoding.at(points))

    first = np.concatenate([candidates(history.space, best, rng), best])
    points = maximise(acquisition, history.space, first, acquisition(first), rng)
    if acquisition(points[:1])[0] < _MARGIN:
        return None
    return _suggestion("portfolio", _first_unseen(history, points, rng))


def _worth(expected: Array, losses: Array) -> str:
    r = rank_correlation(expected, losses)
    if len(losses) < _MIN_EXPLAINED or not math.isfinite(r):
        return "too few trials to say how well the model predicts"
    return f"the model predicted the latest {len(losses)} losses with a rank correlation of {r:.2f}"


def _first_unseen(history: History, points: NDArray[np.float64], rng: Generator) -> Config | None:
    """Return the first of the points that no trial has and the space allows; else a random configuration."""
    for some in (points[:1], points[1:]):  # nearly always the first will do
        for config in history.space.decode(some):
            if not history.seen(config) and history.space.allows(config):
                return _suggestion("model", config)
    return _suggestion("random", unseen(history, rng))


def _suggestion(origin: str, config: Config | None) -> Config | None:
    return None if config is None else Suggestion(config, origin)


def _middle(space: Space) -> Config | None:
    config = space.decode(np.full((1, len(space)), 0.5))[0]
    return config if space.allows(config) else space.sample(np.random.default_rng(0))


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
