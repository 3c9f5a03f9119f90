"""Hyperband: Li et al. (2018), Hyperband: A Novel Bandit-Based Approach ..., JMLR 18(185).

The outer loop of Algorithm 1; the inner one, successive halving, is in `_brackets.py`:

    0  s_max = floor(log_eta(R)), B = (s_max + 1) R
    1  for s in {s_max, ..., 0} do
    2      n = ceil(B / R * eta^s / (s + 1)), r = R eta^-s

| paper | here |
| --- | --- |
| R, eta | `max_resource`, `eta` |
| r = 1, the least resource | `min_resource` |
| n, (r_0, ..., r_s) | `Shape.size`, `Shape.levels` |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rung.schedulers._brackets import BracketScheduler, Shape


@dataclass(frozen=True)
class Hyperband(BracketScheduler):
    """Successive halving with several answers to "how early may a trial be judged", in turn.

    Bracket s = s_max, ..., 0 begins with ceil((s_max + 1) / (s + 1) * eta^s) trials, first compared at
    max_resource * eta^-s epochs (rounded down, never below `min_resource`); bracket 0 trains all to the end.
    After bracket 0 it begins again. While a rung waits for its members, free workers open the next bracket.

    Good where it is unknown whether early epochs predict the last: it costs at most a factor s_max + 1
    against the best choice. Where they do, "asha" or "successive-halving" spend less on brackets that judge
    late.
    Bad with few trials: one round of R = 81, eta = 3 takes 143. Wants checkpoints: without them each rung
    trains again from the start.

    Parameters
    ----------
    min_resource : int
        No rung lies below, in epochs.
    eta : int
        One trial of eta goes on.
    """

    name: ClassVar[str] = "hyperband"

    def shapes(self, max_resource: int) -> list[Shape]:
        """Return the brackets of one round, in whole numbers."""
        s_max = 0  # the initialisation
        while self.min_resource * self.eta ** (s_max + 1) <= max_resource:
            s_max += 1
        shapes = []
        for s in reversed(range(s_max + 1)):  # line 1
            n = -(-(s_max + 1) * self.eta**s // (s + 1))  # line 2, where B / R = s_max + 1
            r = tuple(max_resource // self.eta ** (s - i) for i in range(s + 1))  # lines 2 and 6
            shapes.append(Shape(n, r))
        return shapes
