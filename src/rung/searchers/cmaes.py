"""CMA-ES: Hansen (2016), The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError, Error, SpaceError
from rung.searchers._unseen import unseen
from rung.space import Categorical, Config, Space
from rung.study.events import WAITING, Outcome
from rung.study.history import History

if TYPE_CHECKING:
    from cmaes import CMA

_TRIES = 20  # to find a configuration that is allowed and, in a finite space, new


class CMAES:
    """Covariance matrix adaptation: draws from a normal law that moves and turns towards what was good.

    Each `population` results (None: 4 + 3 ln d), in the order in which they come, make a generation and one
    step of the law, which begins in the middle of the unit cube with a standard deviation of `sigma`, in
    (0, 1]. Workers never wait; a draw from the law before counts in the next generation. When the law has
    shrunk to a point, it begins anew elsewhere with twice the population: Auger and Hansen (2005), CEC.

    Good with real numbers that interact, hundreds of trials or more, and noise. Bad with few trials, many
    integers of few values, or a scheduler that pauses trials, since it then learns from their first pause.
    No Categoricals and no conditions. Needs `pip install 'rung[cmaes]'`.
    """

    name: ClassVar[str] = "cmaes"

    def __init__(self, sigma: float = 0.2, population: int | None = None) -> None:
        if not 0 < sigma <= 1:
            raise ArgumentError(
                f"CMAES: sigma={sigma!r}; use a standard deviation in (0, 1] of the unit interval"
            )
        if population is not None and (not isinstance(population, int) or population < 4):
            raise ArgumentError(
                f"CMAES: population={population!r}; use a whole number of at least 4, or None"
            )
        self.sigma, self.population = sigma, population
        self._cache: _Replay | None = None

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return a draw from the law that the results so far make; None if a finite space is exhausted."""
        if self._cache is None or self._cache.history is not history:
            self._cache = _Replay(history, self.sigma, self.population)
        self._cache.update()
        space = history.space
        for _ in range(_TRIES):
            config = space.decode(self._cache.draw(rng))[0]
            if space.allows(config) and not (space.size and history.seen(config)):
                return config
        return unseen(history, rng)

    def check(self, space: Space) -> None:
        """Raise SpaceError for a choice without order or a condition, Error if the package is missing."""
        for name in space:
            if space[name].condition is not None:
                raise SpaceError(f'{name}: {space[name]!r}; cmaes has no conditions, use searcher="tpe"')
            if isinstance(space[name], Categorical) and name in space.varying:
                raise SpaceError(
                    f'{name}: {space[name]!r}; cmaes needs an order, use Ordinal([...]) or searcher="tpe"'
                )
        try:
            import cmaes  # noqa: F401 -- so that its absence is told before the first trial
        except ImportError:
            raise Error(
                "searcher='cmaes' needs the package cmaes, which is not installed: pip install 'rung[cmaes]'"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return the name and the arguments."""
        return {"name": self.name, "sigma": self.sigma, "population": self.population}

    def __repr__(self) -> str:
        return f"CMAES(sigma={self.sigma!r}, population={self.population!r})"


class _Replay:
    """The law after all results of a history: read forward, and the same if read again from the start."""

    def __init__(self, history: History, sigma: float, population: int | None) -> None:
        self.history = history
        self._columns = [j for j, name in enumerate(history.space) if name in history.space.varying]
        self._sigma, self._restarts = sigma, 0
        self._cma = self._begun(population)
        self._reports = self._ends = 0
        self._stands: dict[tuple[int, int], tuple[int, float]] = {}
        """Of each attempt the last resource and the loss there."""
        self._counted: set[int] = set()
        self._generation: list[tuple[int, tuple[bool, int, float]]] = []
        """Trials, and by what they are ranked."""

    def update(self) -> None:
        """Take in what has come since the last time."""
        goals, history = self.history.goals, self.history
        for number, attempt, resource, metrics in history.curve[self._reports :]:
            loss = history.loss(metrics) if goals.feasible(metrics) else math.inf
            self._stands[number, attempt] = resource, loss
        for number, attempt in history.ends[self._ends :]:
            self._end(number, attempt)
        self._reports, self._ends = len(history.curve), len(history.ends)

    def draw(self, rng: Generator) -> NDArray[np.float64]:
        """Draw a point of the unit cube, shape (1, d), by `rng` alone."""
        point = np.full((1, len(self.history.space)), 0.5)
        if self._cma is not None:
            self._cma.reseed_rng(int(rng.integers(2**32)))
            point[:, self._columns] = self._cma.ask()
        return point

    def _end(self, number: int, attempt: int) -> None:
        # Only what never changes is looked at, so that a replay from the start finds the same: the outcome of
        # this attempt, and the metrics of a trial once it is complete.
        trial = self.history.trials[number]
        outcome = trial.attempts[attempt - 1].outcome
        if self._cma is None or number in self._counted or outcome in WAITING:
            return
        resource, loss = self._stands.get((number, attempt), (0, math.inf))
        if outcome == Outcome.COMPLETED:
            loss = self.history.loss(trial.metrics) if trial.feasible else math.inf
        failed = outcome == Outcome.FAILED or loss == math.inf
        self._counted.add(number)
        self._generation.append((number, (failed, 0 if failed else -resource, loss)))
        if len(self._generation) == self._cma.population_size:
            self._step(self._cma)

    def _step(self, cma: CMA) -> None:
        # CMA-ES looks at ranks only, so it is told ranks: losses can be infinite, or of different resources.
        ranks = {key: float(rank) for rank, key in enumerate(sorted({key for _, key in self._generation}))}
        points = self.history.points[:, self._columns]
        cma.tell([(points[number], ranks[key]) for number, key in self._generation])
        self._generation.clear()
        if cma.should_stop():
            self._restarts += 1
            self._cma = self._begun(2 * cma.population_size)

    def _begun(self, population: int | None) -> CMA | None:
        from cmaes import CMA

        d = len(self._columns)
        if not d:
            return None
        mean = self.history.stream("cmaes", self._restarts).random(d) if self._restarts else np.full(d, 0.5)
        return CMA(mean, self._sigma, bounds=np.tile([0.0, 1.0], (d, 1)), population_size=population)
