"""Grid search: every combination, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rung.searchers.base import Searcher
from rung.space import Config, Float, Space
from rung.study.algorithm import Problem
from rung.study.history import History


@dataclass(frozen=True)
class Grid(Searcher):
    """Grid search in the order of the space, the last hyperparameter changing fastest.

    Good for two or three hyperparameters that are to be shown on a plot; beyond that the number of trials
    explodes, and most of them repeat the same few values of the hyperparameters that matter. A prior is cut
    at equally likely quantiles.

    Parameters
    ----------
    points : int, mapping or None
        The number of values for each Float and each infinite prior that has none of its own; or a mapping
        from names to numbers, which may thin out an Int as well.
    """

    name: ClassVar[str] = "grid"
    points: Mapping[str, int] | int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.points, Mapping):
            object.__setattr__(self, "points", dict(self.points))  # of the caller's mapping a copy

    def __hash__(self) -> int:
        return hash(self.name)  # a dict has none

    def check(self, problem: Problem) -> None:
        """Raise SpaceError if a hyperparameter has infinitely many values and no number of points."""
        self._configs(problem.space)

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the first configuration of the grid that no trial has, or None at the end."""
        walk = history.cached(self, lambda history: _Walk(history, self._configs(history.space)))
        return walk.first_unseen()

    def _configs(self, space: Space) -> Iterator[Config]:
        if not isinstance(self.points, int):
            return space.configs(self.points)
        return space.configs({name: self.points for name in space if _is_open(space, name)})


class _Walk:
    """How far one history has gone through the grid: since trials are never taken back, it only goes on."""

    def __init__(self, history: History, configs: Iterator[Config]) -> None:
        self.history = history
        self._configs = configs
        self._head = next(configs, None)

    def first_unseen(self) -> Config | None:
        # It only moves on where a trial took its place: asked twice, it answers twice the same.
        while self._head is not None and self.history.seen(self._head):
            self._head = next(self._configs, None)
        return self._head


def _is_open(space: Space, name: str) -> bool:
    domain = space[name]
    # A number given for the whole grid counts only where a domain does not say itself how many values it has.
    return domain.size is None and not (isinstance(domain, Float) and domain.points)
