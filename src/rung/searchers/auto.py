"""The searcher that looks at the space, and at what a trial takes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from rung.searchers.base import Searcher
from rung.searchers.gp import GP
from rung.searchers.local import Local
from rung.searchers.tpe import TPE
from rung.space import Config, Space
from rung.study.history import History

_DIMENSIONS = 100
"""Above so many hyperparameters that are no constants, a Gaussian process is too slow to fit."""
_SHARE = 0.05
"""Of the time of the trials that searching may take ..."""
_GRACE = 30.0
"""... once it has taken so many seconds in all."""
_LATEST = 20


class Auto:
    """A Gaussian process, or what its price leaves.

    GP, the strongest per trial in most of our families of tasks (benchmarks/league.py); TPE in spaces of more
    than 100 hyperparameters. Searching may take half a minute in all, then a twentieth of the
    time of the trials: if these are too short for a model each, some are chosen by it, the others by local
    search around the best. What a suggestion takes is estimated from the number of trials, so that a
    study replayed on another machine asks the same. `explain` says which rule fired.
    """

    name: ClassVar[str] = "auto"

    def __init__(self) -> None:
        self._gp, self._tpe, self._local = GP(), TPE(), Local()

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return what the searcher chosen suggests."""
        return self._chosen(history)[0].suggest(history, rng)

    def check(self, space: Space) -> None:
        """Load what suggestions need; any space can be searched."""
        self._gp.check(space)

    def explain(self, history: History) -> str:
        """Which searcher is at work, and why."""
        searcher, why = self._chosen(history)
        return f"{searcher.name}, since {why}"

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": self.name}

    def __repr__(self) -> str:
        return "Auto()"

    def _chosen(self, history: History) -> tuple[Searcher, str]:
        free = len(history.space.varying)
        model: Searcher = self._tpe if free > _DIMENSIONS else self._gp
        n = len(history.trials)
        part = _affordable(history)
        if math.floor((n + 1) * part) == math.floor(n * part):
            return self._local, (
                f"a trial takes {_seconds(history):.2g} s: {_SHARE:.0%} of that pays for a model at one trial"
                f" in {1 / part:.0f}, and the next one is a change to the best"
            )
        if model is self._tpe:
            return model, f"{free} hyperparameters are too many for a Gaussian process"
        return model, "it is the strongest per trial in most of our families of tasks (benchmarks/league.py)"


def _affordable(history: History) -> float:
    """The share of the suggestions that a model may make."""
    n = len(history.trials)
    cost = 0.01 + 0.04 * min(n / 300, 1.0)
    if n * cost <= _GRACE:
        return 1.0
    return min(1.0, max(_SHARE * _seconds(history) / cost, 1e-3))


def _seconds(history: History) -> float:
    """The median duration of the latest attempts that ended."""
    ended = [history.trials[trial].attempts[attempt - 1] for trial, attempt in history.ends[-_LATEST:]]
    took = [attempt.ended - attempt.started for attempt in ended if attempt.ended is not None]
    return float(np.median(took)) if took else math.inf
