"""Local search: mostly small changes to the best configuration so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.random import Generator

from rung.errors import ArgumentError
from rung.searchers._unseen import unseen, unseen_near
from rung.space import Config, Space
from rung.study.history import History


@dataclass(frozen=True, slots=True)
class Local:
    """Local search: with probability `p_local` a neighbour of the best trial, otherwise a random draw.

    Good when the best region is known roughly and trials are cheap; it can stay in a local optimum, which
    the random draws are there to leave. `p_local` is in [0, 1]; 0 is random search. From exercise 2 of
    section 19.2 of Dive into Deep Learning.
    """

    name: ClassVar[str] = "local"
    p_local: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.p_local <= 1:
            raise ArgumentError(f"Local: p_local={self.p_local!r}; a probability lies in [0, 1]")

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return an untried neighbour of the best configuration or a random one; None if none is left."""
        best = history.best
        if best is not None and rng.random() < self.p_local:
            return unseen_near(best.config, history, rng)
        return unseen(history, rng)

    def check(self, space: Space) -> None:
        """Do nothing: any space has neighbours."""

    def to_json(self) -> dict[str, Any]:
        """Return the name and p_local."""
        return {"name": self.name, "p_local": self.p_local}
