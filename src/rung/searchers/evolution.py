"""Regularised evolution: Real et al. (2019), Regularized Evolution for Image Classifier..., AAAI 33."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.random import Generator

from rung.errors import ArgumentError
from rung.searchers._observed import standing
from rung.searchers._unseen import unseen, unseen_near
from rung.space import Config, Space
from rung.study.events import WAITING
from rung.study.history import History
from rung.study.trial import Trial


@dataclass(frozen=True, slots=True)
class Evolution:
    """Regularised (aging) evolution: a changed copy of the best of a few, of which the oldest die.

    Algorithm 1 of the paper. The population are the `population` trials that ended last, however good; the
    best of `sample` of them, drawn with replacement, is the parent of the next trial, which differs from it
    in one hyperparameter. The first `population` trials are random.

    Good in large discrete and conditional spaces (architectures), with hundreds of trials and any number of
    workers, and where results are noisy: a lucky trial dies of old age. Bad with few trials and for the last
    digits of a real number; "tpe" learns faster there.
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
        alive = _ended_last(history, self.population)
        if not alive or len(history.trials) < self.population:
            return unseen(history, rng)
        drawn = [alive[i] for i in rng.integers(len(alive), size=self.sample)]
        parent = min(drawn, key=lambda trial: _rank(history, trial))
        return unseen_near(parent.config, history, rng)

    def check(self, space: Space) -> None:
        """Do nothing: any space has neighbours."""

    def to_json(self) -> dict[str, Any]:
        """Return the name and the arguments."""
        return {"name": self.name, "population": self.population, "sample": self.sample}


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
    # A scheduler lets the better ones go on, so whoever got further is better than the losses can tell.
    loss, resource = standing(history, trial) or (math.inf, 0)
    return loss == math.inf, -resource, loss
