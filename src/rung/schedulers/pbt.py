"""Population based training: Jaderberg et al. (2017), arXiv:1711.09846."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from rung.errors import ArgumentError
from rung.schedulers.base import Action, Finish, Resume, Start, Wait
from rung.space import Config, Distribution, Domain, Float, Int, Ordinal, Space
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial

_TRIES = 100  # to find a configuration that is not forbidden


class Pbt:
    """Train a population side by side; the worst go on from copies of the best, with changed configurations.

    Every `perturb_every` epochs (None: a tenth of `max_resource`) a trial that is among the worst `quantile`
    of its population is stopped, and a new trial takes its place: it begins from the checkpoint of one of
    the best `quantile` (exploit), with that one's configuration changed (explore): each hyperparameter is
    drawn anew with probability `resample`, otherwise a number is multiplied by 0.8 or 1.2, an Ordinal goes
    one up or down, and a Categorical stays. So the winner's last configuration is one of a schedule; those
    before it are its parents'. With fewer workers than members these train in turns. When members end,
    another population begins, until the budget is used up; `n_trials` counts members and copies alike.

    Good for hyperparameters that may change during training (learning rate, regularisation), with about as
    many workers as members. Bad for those that may not, such as the number of layers, since the copied
    checkpoint must fit; and greedy: it prefers what helps soon. Needs checkpoints.
    """

    def __init__(
        self,
        population: int = 10,
        perturb_every: int | None = None,
        quantile: float = 0.25,
        resample: float = 0.25,
    ) -> None:
        self.population, self.perturb_every = population, perturb_every
        self.quantile, self.resample = quantile, resample
        self._cache: _Members | None = None

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """Replace a member or go on with one, whichever waits longest; begin one where one is missing."""
        members = self._members(history)
        waits = members.longest_paused()
        if (clone := self._clone(history, members, waits)) is not None:
            return clone
        missing = members.missing() if waits is not None else self.population - len(members.alive)
        if missing > 0 and (config := propose()) is not None:
            return Start(config, members.target(0))
        if waits is not None:
            return Resume(waits.number, members.target(waits.resource))
        return Wait() if history.running else Finish()

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Every `perturb_every` epochs: stop if among the worst, pause if others wait for a worker."""
        members = self._members(history)
        if not members.newest_is_ready or trial.resource >= members.max_resource:
            return Verdict.CONTINUE
        generation = members.generation[trial.number]
        _, worst = members.best_and_worst(generation, self.quantile)
        may_clone = members.trials_left(members.owed()) and members.parents(generation, self.quantile)
        if trial.number in worst and may_clone:
            return Verdict.STOP
        return Verdict.PAUSE if members.others_wait() else Verdict.CONTINUE

    def check(self, max_resource: int | None) -> None:
        """Raise ArgumentError unless the arguments make sense with `max_resource`."""
        if max_resource is None:
            raise ArgumentError('scheduler="pbt" needs max_resource=, the epochs of a whole trial')
        if not isinstance(self.population, int) or self.population < 2:
            raise ArgumentError(f"pbt: population={self.population!r}; give a whole number of at least 2")
        every = self._every(max_resource)
        if not isinstance(every, int) or not 1 <= every < max_resource:
            raise ArgumentError(
                f"pbt: perturb_every={every!r}; use a whole number from 1, below max_resource={max_resource}"
            )
        if not 0 < self.quantile <= 0.5:
            raise ArgumentError(f"pbt: quantile={self.quantile!r}; a share that is replaced lies in (0, 0.5]")
        if not 0 <= self.resample <= 1:
            raise ArgumentError(f"pbt: resample={self.resample!r}; a probability lies in [0, 1]")

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "pbt", "population": self.population, "perturb_every": self.perturb_every,
                "quantile": self.quantile, "resample": self.resample}  # fmt: skip

    def _every(self, max_resource: int) -> int:
        return max(1, max_resource // 10) if self.perturb_every is None else self.perturb_every

    def _clone(self, history: History, members: _Members, waits: Trial | None) -> Start | None:
        # Algorithm 1 of the paper, lines 6 to 8: exploit, then explore.
        if len(members.alive) >= self.population or not members.trials_left():
            return None
        for generation in members.vacant(before=waits):
            if parents := members.parents(generation, self.quantile):
                rng = history.stream("pbt", len(history.trials))
                parent = history.trials[parents[rng.integers(len(parents))]]
                config = explored(history.space, parent.config, self.resample, rng)
                return Start(config, members.target(parent.resource), parent.number)
        return None

    def _members(self, history: History) -> _Members:
        if self._cache is None or self._cache.history is not history:
            assert history.max_resource is not None
            self._cache = _Members(history, self.population, self._every(history.max_resource))
        self._cache.update()
        return self._cache


class _Members:
    """Who is alive, in which population, and where it stands: a cache of what a history tells."""

    def __init__(self, history: History, population: int, every: int) -> None:
        assert history.max_resource is not None
        self.history, self.max_resource = history, history.max_resource
        self._population, self._every = population, every
        self.generation: list[int] = []
        """By trial: which population it belongs to."""
        self.alive: list[int] = []
        """Trials that have not ended; at most `population`, but for a user's own."""
        self.newest_is_ready = False
        """Whether the newest report ended its trial's `every` epochs."""
        self._begun = 0  # trials without a parent
        self._lost: dict[int, list[float]] = {}  # by population: when members were stopped or failed
        self._clones: Counter[int] = Counter()  # by population; each replaces the one lost longest ago
        self._latest: dict[int, float] = {}
        self._ready_at: dict[int, int] = {}
        self._read = 0

    def update(self) -> None:
        """Read what is new."""
        trials = self.history.trials
        for number in range(len(self.generation), len(trials)):
            self._begin(trials[number])
        for number in self.alive:
            if trials[number].status in {Outcome.STOPPED, Outcome.FAILED}:
                self._lose(trials[number])
        self.alive = [n for n in self.alive if not trials[n].is_finished]
        curve = self.history.curve
        while self._read < len(curve):
            number, _, resource, metrics = curve[self._read]
            self._latest[number] = self.history.loss(metrics)
            self.newest_is_ready = self._is_ready(number, resource)
            self._read += 1

    def _begin(self, trial: Trial) -> None:
        self.alive.append(trial.number)
        if trial.parent is not None:
            self.generation.append(self.generation[trial.parent])
            self._clones[self.generation[-1]] += 1
        else:
            self.generation.append(self._begun // self._population)
            self._begun += 1

    def _lose(self, trial: Trial) -> None:
        assert trial.ended is not None
        insort(self._lost.setdefault(self.generation[trial.number], []), trial.ended)

    def _is_ready(self, number: int, resource: int) -> bool:
        began_at = 0 if self.history.trials[number].parent is None else resource - 1
        if resource < self._ready_at.setdefault(number, began_at + self._every):
            return False
        self._ready_at[number] = resource + self._every
        return True

    def target(self, resource: int) -> int:
        """Where a trial that stands at `resource` is looked at again."""
        return min(resource + self._every, self.max_resource)

    def longest_paused(self) -> Trial | None:
        """The member that has waited longest to go on."""
        trials = (self.history.trials[n] for n in self.alive)
        paused = (t for t in trials if t.status == Outcome.PAUSED)
        return min(paused, key=lambda t: (t.ended, t.number), default=None)

    def vacant(self, before: Trial | None = None) -> list[int]:
        """The populations that still train and have lost a member, with `before` only if before it paused."""
        until = math.inf if before is None or before.ended is None else before.ended
        training = sorted({self.generation[n] for n in self.alive})
        return [g for g in training if (lost := self._unreplaced(g)) and lost[0] <= until]

    def _unreplaced(self, generation: int) -> list[float]:
        return self._lost.get(generation, [])[self._clones[generation] :]

    def _places(self) -> int:
        return sum(len(self._unreplaced(g)) for g in self.vacant())

    def missing(self) -> int:
        """How many more members there may be, places kept for clones."""
        return self._population - len(self.alive) - self._places()

    def owed(self) -> int:
        """How many clones are still to be made, those of trials that are just ending included."""
        return self._places() + sum(map(self._is_leaving, self.alive))

    def trials_left(self, owed: int = 0) -> bool:
        """Whether the budget has room for another trial after `owed` more."""
        most = self.history.n_trials
        return most is None or len(self.history.trials) + owed < most

    def others_wait(self) -> bool:
        """Whether a member could use the worker of one that pauses."""
        return self.longest_paused() is not None or (self.missing() > 0 and self.trials_left())

    def best_and_worst(self, generation: int, quantile: float) -> tuple[list[int], list[int]]:
        """Truncation selection (section 4.1.1): the two ends of a population by its latest values.

        Those that were stopped and not replaced yet are still among the worst.
        """
        here = [n for n in self.alive if self.generation[n] == generation]
        staying = [n for n in here if n in self._latest and not self._is_leaving(n)]
        ranked = sorted(staying, key=lambda n: (self._latest[n], n))
        gone = sum(map(self._is_leaving, here)) + len(self._unreplaced(generation))
        share = min(math.ceil(quantile * (len(ranked) + gone)), (len(ranked) + gone) // 2)
        return ranked[:share], ranked[len(ranked) - max(0, share - gone) :]

    def parents(self, generation: int, quantile: float) -> list[int]:
        """The best of a population that has begun, where a copy has `every` epochs left to train."""
        if self._begun < (generation + 1) * self._population:
            return []
        best, _ = self.best_and_worst(generation, quantile)
        return [n for n in best if self.history.trials[n].resource + self._every <= self.max_resource]

    def _is_leaving(self, number: int) -> bool:
        return self.history.trials[number].attempts[-1].verdict == Verdict.STOP


def explored(space: Space, config: Config, resample: float, rng: Generator) -> Config:
    """Draw each hyperparameter anew with probability `resample`, or perturb it (section 4.1.1, explore).

    What becomes active by that is drawn; a configuration that is forbidden is not taken.
    """
    places = space.encode([config])[0]
    for _ in range(_TRIES):
        point = np.array([
            rng.random() if name not in config or rng.random() < resample
            else _perturbed(space[name], config[name], place, rng)
            for name, place in zip(space.names, places, strict=True)
        ])  # fmt: skip
        other = space.decode(point[None])[0]
        if space.allows(other):
            return other
    return dict(config)


def _perturbed(domain: Domain, value: Any, place: float, rng: Generator) -> float:
    """Where 0.8 or 1.2 times `value` lies in the unit interval; a step away if that is no other value."""
    if isinstance(domain, Float | Int | Distribution):
        factor = (0.8, 1.2)[rng.integers(2)]
        scaled = float(np.clip(domain.encode([value * factor])[0], 0, 1))
        if domain.decode(scaled) != value:
            return scaled
    elif not isinstance(domain, Ordinal):
        return place
    return float(domain.encode([domain.move(value, rng)])[0])
