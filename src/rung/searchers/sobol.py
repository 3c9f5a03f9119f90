"""Quasi-random search: a scrambled Sobol sequence over the unit cube of the space."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError
from rung.searchers._unseen import unseen
from rung.space import Categorical, Config, Space
from rung.study.history import History


class Sobol:
    """Quasi-random search: trial n tries point n of a scrambled Sobol sequence.

    Covers the space more evenly than Random at equal cost, so it is the better choice for a few dozen
    trials in up to some ten dimensions; like Random it learns nothing from results. A point that is
    forbidden, or taken in a finite space, is replaced by a random draw. Owen (1998), J. Complexity
    14:466-489, for the scrambling.

    `share`, in (0, 1], is the part of each number's prior, about its median, that points come from: below 1
    where ranges are wider than anyone expects the best value to need.
    """

    name: ClassVar[str] = "sobol"

    def __init__(self, share: float = 1.0) -> None:
        if not isinstance(share, int | float) or not 0 < share <= 1:
            raise ArgumentError(f"Sobol: share={share!r}; give a number above 0 and at most 1")
        self.share = float(share)

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the next point of the sequence, or None if a finite space is exhausted."""
        space = history.space
        point = _point(history)
        if self.share < 1:
            ordered = [not isinstance(space[name], Categorical) for name in space.names]
            point = np.where(ordered, 0.5 + self.share * (point - 0.5), point)
        config = space.decode(point)[0]
        taken = space.size is not None and history.seen(config)
        return config if space.allows(config) and not taken else unseen(history, rng)

    def check(self, space: Space) -> None:
        """Do nothing: any space can be decoded from the unit cube."""

    def to_json(self) -> dict[str, Any]:
        """Return the name and share."""
        return {"name": self.name, "share": self.share}

    def __repr__(self) -> str:
        return f"Sobol(share={self.share:g})"


def _point(history: History) -> NDArray[np.float64]:
    from scipy.stats import qmc

    # Built anew each time: that takes half a millisecond, and a cache would need to know its history.
    # From a number, since qmc wants to spawn children of a generator, which a Philox made by key can't.
    seed = int(history.stream("sobol").integers(2**63))
    sequence = qmc.Sobol(len(history.space), seed=seed)
    if history.trials:  # scipy can't go forward by nothing
        sequence.fast_forward(len(history.trials))
    return sequence.random(1)
