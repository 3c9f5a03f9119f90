"""CMA-ES: Hansen (2016), The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772.

The equations are those of its figure 6; the package `cmaes` computes them.

| paper | here |
| --- | --- |
| n | `d`, the hyperparameters that are no constants |
| lambda | `population`; its default is equation (48) |
| sigma, m | `sigma`, `mean`, at the start; then of `CMA` |
| x_k = m + sigma y_k, (38) to (40) | `_Replay.draw` |
| g, a generation | `_Replay.generation`: lambda results in order of arrival |
| x_{i:lambda}, (41) to (47) | `_Replay._step` |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import ArgumentError, Error, SpaceError
from rung.searchers._unseen import unseen
from rung.searchers.base import Searcher
from rung.space import Categorical, Config
from rung.study.algorithm import Problem
from rung.study.events import WAITING, Outcome
from rung.study.history import History

if TYPE_CHECKING:
    from cmaes import CMA

_TRIES = 20  # to find a configuration that is allowed and, in a finite space, new


@dataclass(frozen=True)
class CMAES(Searcher):
    """Covariance matrix adaptation: samples from a normal distribution whose mean and covariance adapt.

    Each `population` results, in the order in which they come, make a generation and one step of the
    distribution, which begins in the middle of the unit cube. Workers never wait; a draw from the
    distribution before counts in the next generation. On convergence it restarts at a random mean with twice
    the population (IPOP): Auger and Hansen (2005), CEC.

    Good with real numbers that interact, hundreds of trials or more, and noise. Bad with few trials, many
    integers of few values, or a scheduler that pauses trials, since it then learns from their first pause.
    No Categoricals and no conditions. Needs `pip install 'rung[cmaes]'`.

    Parameters
    ----------
    sigma : float
        The standard deviation at the start, in (0, 1] of the unit interval.
    population : int or None
        How many results make a step; None is 4 + 3 ln d.
    """

    name: ClassVar[str] = "cmaes"
    first_objective_only: ClassVar[bool] = True
    sigma: float = 0.2
    population: int | None = None

    def __post_init__(self) -> None:
        sigma, population = self.sigma, self.population
        if not 0 < sigma <= 1:
            raise ArgumentError(
                f"CMAES: sigma={sigma!r}; use a standard deviation in (0, 1] of the unit interval"
            )
        if population is not None and (not isinstance(population, int) or population < 4):
            raise ArgumentError(
                f"CMAES: population={population!r}; use a whole number of at least 4, or None"
            )

    def check(self, problem: Problem) -> None:
        """Raise SpaceError for a choice without order or a condition, Error if the package is missing."""
        space = problem.space
        for name in space:
            if space[name].condition is not None:
                raise SpaceError(f'{name}: {space[name]!r}; cmaes has no conditions, use searcher="tpe"')
            if isinstance(space[name], Categorical) and name in space.varying:
                raise SpaceError(
                    f'{name}: {space[name]!r}; cmaes needs an order, use Ordinal([...]) or searcher="tpe"'
                )
        try:
            import cmaes  # noqa: F401 -- so that its absence is known before the first trial
        except ImportError:
            raise Error(
                "searcher='cmaes' needs the package cmaes, which is not installed: pip install 'rung[cmaes]'"
            ) from None

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return a draw from the distribution as it is by now; None if a finite space is exhausted."""
        replay = history.cached(self, lambda history: _Replay(history, self.sigma, self.population)).update()
        space = history.space
        # Infeasible points are drawn again (appendix B.5), which keeps the distribution of those that are
        # left.
        for _ in range(_TRIES):
            config = space.decode(replay.draw(rng))[0]
            if space.allows(config) and not (space.size and history.seen(config)):
                return config
        return unseen(history, rng)


class _Replay:
    """The distribution after all results of a history, read forward."""

    def __init__(self, history: History, sigma: float, population: int | None) -> None:
        self.history, self.sigma = history, sigma
        self.generation: list[tuple[int, tuple[bool, int, float]]] = []
        """Trials, and by what they are ranked."""
        # A constant would be a direction without variance: C must stay positive definite.
        self._columns = [j for j, name in enumerate(history.space) if name in history.space.varying]
        self._restarts = self._reports = self._ends = 0
        self._cma = self._begun(population)
        self._last: dict[tuple[int, int], tuple[int, float]] = {}
        """(trial, attempt) -> (last resource, loss at it)."""
        self._counted: set[int] = set()

    def _begun(self, population: int | None) -> CMA | None:
        from cmaes import CMA

        d = len(self._columns)
        if not d:
            return None
        # A mean of the study's own for each restart: a replay restarts at the same one.
        mean = self.history.stream("cmaes", self._restarts).random(d) if self._restarts else np.full(d, 0.5)
        return CMA(mean, self.sigma, bounds=np.tile([0.0, 1.0], (d, 1)), population_size=population)

    def draw(self, rng: Generator) -> NDArray[np.float64]:
        """Draw a point of the unit cube, shape (1, d), by `rng` alone: (38) to (40)."""
        point = np.full((1, len(self.history.space)), 0.5)
        if self._cma is not None:
            # `CMA` has a generator of its own; so a draw depends on this decision's `rng`, not on draws
            # before it.
            self._cma.reseed_rng(int(rng.integers(2**32)))
            point[:, self._columns] = self._cma.ask()
        return point

    def update(self) -> _Replay:
        """Read the new reports and ends; return itself."""
        goals, history = self.history.goals, self.history
        for number, attempt, resource, metrics in history.curve[self._reports :]:
            loss = history.loss(metrics) if goals.feasible(metrics) else math.inf
            self._last[number, attempt] = resource, loss
        for number, attempt in history.ends[self._ends :]:
            self._end(number, attempt)
        self._reports, self._ends = len(history.curve), len(history.ends)
        return self

    def _end(self, number: int, attempt: int) -> None:
        # Only what never changes is looked at, so that a replay from the start finds the same: the outcome of
        # this attempt, and the metrics of a trial once it is complete.
        trial = self.history.trials[number]
        outcome = trial.attempts[attempt - 1].outcome
        if self._cma is None or number in self._counted or outcome in WAITING or trial.repeats is not None:
            return
        resource, loss = self._last.get((number, attempt), (0, math.inf))
        if outcome == Outcome.COMPLETED:
            loss = self.history.loss(trial.metrics) if trial.feasible else math.inf
        failed = outcome == Outcome.FAILED or loss == math.inf
        self._counted.add(number)
        # Ranked by resource before loss: losses at different resources can't be compared, and a trial
        # that was promoted further was better. Those that failed are last.
        self.generation.append((number, (failed, 0 if failed else -resource, loss)))
        if len(self.generation) == self._cma.population_size:
            self._step(self._cma)

    def _step(self, cma: CMA) -> None:
        # (41) to (47) know the order x_{1:lambda}, x_{2:lambda}, ... only, so `CMA` gets ranks for losses:
        # these can be infinite, or of different resources.
        ranks = {key: float(rank) for rank, key in enumerate(sorted({key for _, key in self.generation}))}
        points = self.history.points[:, self._columns]
        cma.tell([(points[number], ranks[key]) for number, key in self.generation])
        self.generation.clear()
        if cma.should_stop():  # the criteria of appendix B.3
            self._restarts += 1
            self._cma = self._begun(2 * cma.population_size)
