"""Regularised evolution: Real et al. (2019), Regularized Evolution for Image Classifier..., AAAI 33.

Algorithm 1, aging evolution, whose lines are cited below:

    3   while |population| < P do
    4       model.arch <- RandomArchitecture()
    9   while |history| < C do
    11      while |sample| < S do
    12          candidate <- random element from population
    15      parent <- highest-accuracy model in sample
    16      child.arch <- Mutate(parent.arch)
    18      add child to right of population
    20      remove dead from left of population

| paper | here |
| --- | --- |
| population, P | the trials that ended last, `population` |
| sample, S | `drawn`, `sample` |
| accuracy | `_rank`, lower is better |
| Mutate | `unseen_near`: one hyperparameter changes |
| history | the trials; C, how many there may be, is the budget |

With several objectives or constraints it is NSGA-II: Deb et al. (2002), IEEE Transactions on Evolutionary
Computation 6, section III-C, one child at a time. The population P_{t+1} is the best of all trials, by
constrained domination (section VI), layer and crowding (III-B); parents win binary tournaments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from rung.errors import ArgumentError
from rung.searchers._observed import Observed, last_observation, ranked
from rung.searchers._unseen import unseen, unseen_near
from rung.searchers.base import Searcher
from rung.space import Config
from rung.study.events import WAITING
from rung.study.history import History
from rung.study.trial import Trial


@dataclass(frozen=True)
class Evolution(Searcher):
    """Regularised (aging) evolution: a changed copy of the best of a few, of which the oldest die.

    Good in large discrete and conditional spaces (architectures), with hundreds of trials and any number of
    workers, and where results are noisy: a lucky trial dies of old age. Bad with few trials and for the last
    digits of a real number; "tpe" learns faster there.

    With several objectives or constraints it is NSGA-II: a mixture of two of the best is changed. Those are
    better that break bounds less, then those in an earlier layer, then those in a less crowded part of it.

    Parameters
    ----------
    population : int
        How many are alive: the trials that ended last, however good; with several objectives the best. As
        many random ones come first.
    sample : int
        How many of them are drawn, with replacement, to find a parent.
    """

    name: ClassVar[str] = "evolution"
    population: int = 20
    sample: int = 10

    def __post_init__(self) -> None:
        most, drawn = self.population, self.sample
        if not isinstance(most, int) or most < 2:
            raise ArgumentError(f"Evolution: population={most!r}; use a whole number of at least 2")
        if not isinstance(drawn, int) or not 1 <= drawn <= most:
            raise ArgumentError(
                f"Evolution: sample={drawn!r}; use a whole number from 1 to population={most}"
            )

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return an untried neighbour of the parent or a random draw; None if a finite space is exhausted."""
        if not history.goals.plain:
            return self._suggest_by_nsga2(history, rng)
        alive = _ended_last(history, self.population)  # lines 18 and 20
        if not alive or len(history.trials) < self.population:  # line 3
            return unseen(history, rng)  # line 4
        drawn = [alive[i] for i in rng.integers(len(alive), size=self.sample)]  # lines 11 and 12
        parent = min(drawn, key=lambda trial: _rank(history, trial))  # line 15
        return unseen_near(parent.config, history, rng)  # line 16

    def _suggest_by_nsga2(self, history: History, rng: Generator) -> Config | None:
        best = _best(history, self.population)
        if not best or len(history.trials) < self.population:
            return unseen(history, rng)
        winners = rng.integers(len(best), size=(2, 2)).min(axis=1)  # of two tournaments: the best come first
        one, other = np.nan_to_num(history.points[[best[i].number for i in winners]], nan=0.5)
        mixed = np.where(rng.random(len(one)) < 0.5, one, other)[None, :]  # uniform crossover
        (child,) = history.space.decode(history.space.snap(mixed))
        return unseen_near(child, history, rng)


def _best(history: History, n: int) -> list[Trial]:
    """The n best of the trials that ended; of those that got further first."""
    observed = ranked(history, Observed.of(history))
    order = np.lexsort((observed.losses, -observed.resources, observed.losses == math.inf))
    trials = (history.trials[int(number)] for number in observed.numbers[order])
    return [trial for trial in trials if trial.is_finished][:n]


def _ended_last(history: History, n: int) -> list[Trial]:
    found: dict[int, Trial] = {}
    for number, attempt in reversed(history.ends):
        trial = history.trials[number]
        if trial.attempts[attempt - 1].outcome not in WAITING:
            found.setdefault(number, trial)
        if len(found) == n:
            break
    return list(found.values())


def _rank(history: History, trial: Trial) -> tuple[bool, int, float]:
    # A trial that was promoted further is ranked higher, whatever its loss: losses of different resources
    # can't be compared.
    loss, resource = last_observation(history, trial) or (math.inf, 0)
    return loss == math.inf, -resource, loss
