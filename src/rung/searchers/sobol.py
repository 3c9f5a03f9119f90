"""Quasi-random search: a Sobol sequence, scrambled after Owen (1998), J. Complexity 14:466-489."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError
from rung.searchers._sobol_sequence import sobol_point
from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher
from rung.space import Categorical, Config
from rung.study.history import History


@dataclass(frozen=True)
class Sobol(Searcher):
    """Quasi-random search: trial n tries point n of a scrambled Sobol sequence over the unit cube.

    Covers the space more evenly than Random at equal cost, so it is the better choice for a few dozen
    trials in up to some ten dimensions; like Random it learns nothing from results. A point that is
    forbidden, or taken in a finite space, is replaced by a random draw.

    Parameters
    ----------
    share : float
        The part of each number's prior, about its median, that points come from, in (0, 1]: below 1 where
        ranges are wider than anyone expects the best value to need.
    """

    name: ClassVar[str] = "sobol"
    share: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.share, int | float) or not 0 < self.share <= 1:
            raise ArgumentError(f"Sobol: share={self.share!r}; give a number above 0 and at most 1")

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the next point of the sequence, or None if a finite space is exhausted."""
        space = history.space
        point = _point(history)
        if self.share < 1:
            # A quantile u becomes 1/2 + share (u - 1/2); a choice has no median to shrink to.
            ordered = [not isinstance(space[name], Categorical) for name in space.names]
            point = np.where(ordered, 0.5 + self.share * (point - 0.5), point)
        config = space.decode(point)[0]
        taken = space.size is not None and history.seen(config)
        return config if space.allows(config) and not taken else unseen(history, rng)


def _point(history: History) -> NDArray[np.float64]:
    seed = int(history.stream("sobol").integers(2**63))
    return sobol_point(len(history.trials), len(history.space), seed)[None]
