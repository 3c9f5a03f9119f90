"""Hyperband: Li et al. (2018), Hyperband: A Novel Bandit-Based Approach ..., JMLR 18(185)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rung.schedulers._brackets import Brackets, Shape
from rung.schedulers._rungs import check_levels
from rung.schedulers.base import Action
from rung.space import Config
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


class Hyperband:
    """Successive halving with several answers to "how early may a trial be judged", in turn.

    Bracket s = s_max, ..., 0 begins with ceil((s_max + 1) / (s + 1) * eta^s) trials, first compared at
    max_resource * eta^-s epochs (rounded down, never below `min_resource`); bracket 0 trains all to the end.
    After bracket 0 it begins again. While a rung waits for its members, free workers open the next bracket.

    Good where nobody knows whether early epochs tell something: it costs at most a factor s_max + 1 against
    the best choice. Where they do, "asha" or "successive-halving" spend less on brackets that judge late.
    Bad with few trials: one round of R = 81, eta = 3 takes 143. Wants checkpoints: without them each rung
    trains again from the start.
    """

    def __init__(self, min_resource: int = 1, eta: int = 3) -> None:
        self.min_resource, self.eta = min_resource, eta
        self._cache: Brackets | None = None

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """Let one of the best of a complete rung go on; else start a new trial."""
        return self._brackets(history).next(propose)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Pause at a rung below the top."""
        return self._brackets(history).judge(trial)

    def check(self, max_resource: int | None) -> None:
        """Raise ArgumentError unless the arguments make rungs below `max_resource`."""
        check_levels("hyperband", max_resource, self.min_resource, self.eta)

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "hyperband", "min_resource": self.min_resource, "eta": self.eta}

    def shapes(self, max_resource: int) -> list[Shape]:
        """The brackets of Algorithm 1, lines 1 to 7, in whole numbers."""
        s_max = 0
        while self.min_resource * self.eta ** (s_max + 1) <= max_resource:
            s_max += 1
        return [self._bracket(s, s_max, max_resource) for s in reversed(range(s_max + 1))]

    def _bracket(self, s: int, s_max: int, max_resource: int) -> Shape:
        n = -(-(s_max + 1) * self.eta**s // (s + 1))  # line 3: ceil(B / R * eta^s / (s + 1))
        return Shape(n, tuple(max_resource // self.eta ** (s - i) for i in range(s + 1)))  # line 7: r_i

    def _brackets(self, history: History) -> Brackets:
        if self._cache is None or self._cache.history is not history:
            assert history.max_resource is not None
            self._cache = Brackets(history, self.shapes(history.max_resource), self.eta)
        return self._cache
