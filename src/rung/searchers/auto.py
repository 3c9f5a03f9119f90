"""The searcher that looks at the space, and at what a trial takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from rung.searchers.base import Searcher
from rung.searchers.evolution import Evolution
from rung.searchers.gp import GP
from rung.searchers.local import Local
from rung.searchers.tpe import TPE
from rung.space import Config
from rung.study.algorithm import Problem
from rung.study.history import History

_DIMENSIONS = 100
"""Above so many hyperparameters that are no constants, a Gaussian process is too slow to fit."""
_SHARE = 0.05
"""Of the time of the trials that searching may take ..."""
_GRACE = 30.0
"""... once it has taken so many seconds in all."""
_LATEST = 20


@dataclass(frozen=True)
class Auto(Searcher):
    """A Gaussian process, or local search where fitting one would cost more than 5 % of the trials' time.

    GP, the strongest per trial in most of our families of tasks (benchmarks/league); TPE in spaces of more
    than 100 hyperparameters. Searching may take half a minute in all, then a twentieth of the
    time of the trials: if these are too short for a model each, some are chosen by it, the others by local
    search around the best, or by evolution with several objectives or constraints. What a suggestion takes is
    estimated from the number of trials, so that a study replayed on another machine asks the same. `explain`
    names the rule that applies.
    """

    name: ClassVar[str] = "auto"

    def check(self, problem: Problem) -> None:
        """Load what suggestions need; any space can be searched."""
        GP().check(problem)

    def learns(self, problem: Problem) -> bool:
        """Whether `learn_from` is used: where a Gaussian process is, with one objective."""
        return len(problem.space.varying) <= _DIMENSIONS and GP().learns(problem)

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return what the searcher chosen suggests."""
        return _chosen(history)[0].suggest(history, rng)

    def explain(self, history: History) -> str:
        """Return which searcher is at work, and why."""
        searcher, why = _chosen(history)
        return f"{searcher.name}, since {why}"


def _chosen(history: History) -> tuple[Searcher, str]:
    n, part, free = len(history.trials), _affordable(history), len(history.space.varying)
    # The share `part` of the trials spread evenly: a model wherever the whole number moves on.
    if math.floor((n + 1) * part) == math.floor(n * part):
        return Local() if history.goals.plain else Evolution(), (
            f"a trial takes {_seconds(history):.2g} s: {_SHARE:.0%} of that pays for a model at one trial"
            f" in {1 / part:.0f}, and the next one is a change to the best"
        )
    if free > _DIMENSIONS:
        return TPE(), f"{free} hyperparameters are too many for a Gaussian process"
    return GP(), "it is the strongest per trial in most of our families of tasks (benchmarks/league)"


def _affordable(history: History) -> float:
    """Return the share of the suggestions that a model may make."""
    n = len(history.trials)
    # Seconds of a suggestion, by the number of trials: a formula and no clock, for a study replayed on
    # another machine, or resumed, must choose alike.
    cost = (0.01 + 0.04 * min(n / 300, 1.0)) * len(history.goals.required)
    if n * cost <= _GRACE:  # more than all suggestions so far have taken
        return 1.0
    return min(1.0, max(_SHARE * _seconds(history) / cost, 1e-3))


def _seconds(history: History) -> float:
    """Return the median duration of the latest attempts that ended."""
    # The latest, since trials get slower or faster as the search turns to other models.
    latest = ((history.trials[trial], attempt) for trial, attempt in history.ends[-_LATEST:])
    ended = [trial.attempts[attempt - 1] for trial, attempt in latest if not trial.is_imported]
    took = [attempt.ended - attempt.started for attempt in ended if attempt.ended is not None]
    return float(np.median(took)) if took else math.inf
