"""Local search: exercise 2 of section 19.2 of Dive into Deep Learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rung.errors import ArgumentError
from rung.searchers._unseen import unseen, unseen_near
from rung.searchers.base import Searcher
from rung.space import Config
from rung.study.history import History


@dataclass(frozen=True)
class Local(Searcher):
    """Local search: mostly small changes to the best configuration so far.

    Good when the best region is known roughly and trials are cheap; it can stay in a local optimum, which
    the random draws are there to leave.

    Parameters
    ----------
    p_local : float
        The probability of a neighbour of the best trial, in [0, 1]; else a random draw. 0 is random search.
    """

    name: ClassVar[str] = "local"
    first_objective_only: ClassVar[bool] = True
    p_local: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.p_local <= 1:
            raise ArgumentError(f"Local: p_local={self.p_local!r}; a probability lies in [0, 1]")

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return an untried neighbour of the best configuration or a random one; None if none is left."""
        # Feasible and complete, or before there is one, of those that got furthest: see `History.best`.
        best = history.best
        # Before the first result there is nothing to be near to.
        if best is not None and rng.random() < self.p_local:
            return unseen_near(best.config, history, rng)
        return unseen(history, rng)  # what leaves a local optimum
