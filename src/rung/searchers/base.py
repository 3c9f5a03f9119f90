"""What a searcher is: it chooses the next configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from numpy.random import Generator

from rung.space import Config, Value
from rung.study.algorithm import Algorithm, Problem
from rung.study.history import History


class Suggestion(dict[str, Value]):
    """A configuration, and `origin`: from which part of the searcher it came. The log keeps both."""

    __slots__ = ("origin",)

    def __init__(self, config: Config, origin: str) -> None:
        super().__init__(config)
        self.origin = origin


@dataclass(frozen=True)
class Searcher(Algorithm, ABC):
    """Chooses configurations: a function of the history, which knows the space, and a generator."""

    def learns(self, problem: Problem) -> bool:
        """Whether it uses `history.earlier`, the studies of `learn_from`, for such a problem."""
        return False

    @abstractmethod
    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the configuration of the next trial, or None if nothing is left to try.

        `rng` belongs to this decision alone: equal histories give equal answers, now and after a restart.
        A `Suggestion` names the part of the searcher that it came from.
        """
