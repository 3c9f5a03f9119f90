"""Random search: Bergstra and Bengio (2012), JMLR 13:281-305."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher
from rung.space import Config
from rung.study.history import History


@dataclass(frozen=True)
class Random(Searcher):
    """Random search: each configuration is drawn from the priors of the space, whatever the others gave.

    Good as a baseline, with any number of workers, and where only few hyperparameters matter; it learns
    nothing from results. A finite space is never drawn twice.
    """

    name: ClassVar[str] = "random"

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return a random configuration, or None if a finite space is exhausted."""
        # `rng` belongs to the number of the trial: in an infinite space trial n is the same on any workers,
        # whatever ended before it.
        return unseen(history, rng)
