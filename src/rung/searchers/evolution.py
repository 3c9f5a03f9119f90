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
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rung.errors import ArgumentError
from rung.searchers._observed import last_observation
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

    Parameters
    ----------
    population : int
        How many are alive: the trials that ended last, however good. As many random ones come first.
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
        alive = _ended_last(history, self.population)  # lines 18 and 20
        if not alive or len(history.trials) < self.population:  # line 3
            return unseen(history, rng)  # line 4
        drawn = [alive[i] for i in rng.integers(len(alive), size=self.sample)]  # lines 11 and 12
        parent = min(drawn, key=lambda trial: _rank(history, trial))  # line 15
        return unseen_near(parent.config, history, rng)  # line 16


def _ended_last(history: History, n: int) -> list[Trial]:
    found: dict[int, Trial] = {}
    for number, attempt in reversed(history.ends):
        trial = history.trials[number]
        if trial.attempts[attempt - 1].outcome not in WAITING and trial.repeats is None:
            found.setdefault(number, trial)
        if len(found) == n:
            break
    return list(found.values())


def _rank(history: History, trial: Trial) -> tuple[bool, int, float]:
    # A trial that was promoted further is ranked higher, whatever its loss: losses of different resources
    # can't be compared.
    loss, resource = last_observation(history, trial) or (math.inf, 0)
    return loss == math.inf, -resource, loss
