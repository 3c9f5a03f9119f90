"""Random search: each configuration is drawn on its own, by the laws of the space."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.random import Generator

from rung.searchers._unseen import unseen
from rung.space import Config, Space
from rung.study.history import History


class Random:
    """Random search.

    Good as a baseline, with any number of workers, and where only few hyperparameters matter; it learns
    nothing from results. A finite space is never drawn twice. Bergstra and Bengio (2012), JMLR 13:281-305.
    """

    name: ClassVar[str] = "random"

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return a random configuration, or None if a finite space is exhausted."""
        return unseen(history, rng)

    def check(self, space: Space) -> None:
        """Do nothing: any space can be drawn from."""

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": self.name}

    def __repr__(self) -> str:
        return "Random()"
