"""Successive halving: Karnin et al. (2013), ICML; Jamieson & Talwalkar (2016), AISTATS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rung.schedulers._brackets import Brackets, Shape
from rung.schedulers._rungs import check_levels, levels
from rung.schedulers.base import Action
from rung.space import Config
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


class SuccessiveHalving:
    """Train many a little, let the best 1/eta go on, and so on up to `max_resource`.

    A bracket begins with eta^K trials, where K + 1 is the number of rungs: min_resource * eta^k epochs, and
    at last `max_resource`. When all members of a rung have reached it or ended, the best 1/eta go on from
    their checkpoints and the others are stopped. Meanwhile free workers open the next bracket, as in section
    19.4 of Dive into Deep Learning, so none is ever idle. The last bracket works with the trials it got.

    Good where early epochs tell something and a decision should see the whole rung. With many workers and
    trials of very different speed, "asha" gets to whole trials sooner. Bad where curves cross late: use a
    larger `min_resource`, or "hyperband", and not where n_trials is much below eta^K. Wants checkpoints:
    without them each rung trains again from the start.
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
        check_levels("successive-halving", max_resource, self.min_resource, self.eta)

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "successive-halving", "min_resource": self.min_resource, "eta": self.eta}

    def shapes(self, max_resource: int) -> tuple[Shape]:
        """All brackets are alike: n_0 = eta^K trials."""
        rungs = levels(self.min_resource, max_resource, self.eta)
        return (Shape(self.eta ** (len(rungs) - 1), rungs),)

    def _brackets(self, history: History) -> Brackets:
        if self._cache is None or self._cache.history is not history:
            assert history.max_resource is not None
            self._cache = Brackets(history, self.shapes(history.max_resource), self.eta)
        return self._cache
