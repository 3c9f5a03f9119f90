"""Population based training: Jaderberg et al. (2017), arXiv:1711.09846.

Algorithm 1, whose lines are cited below:

    1   procedure train(P)
    2       for (theta, h, p, t) in P (asynchronously in parallel) do
    3           while not end of training do
    4               theta <- step(theta | h)
    5               p <- eval(theta)
    6               if ready(p, t, P) then
    7                   h', theta' <- exploit(h, theta, p, P)
    8                   if theta != theta' then
    9                       h, theta <- explore(h', theta', P)

| paper | here |
| --- | --- |
| P | a `_Population`; `population` members |
| theta | the checkpoint of a trial |
| h | its configuration |
| p | its latest loss |
| t | its resource |
| a member that takes theta' and h' | is stopped, and a copy of another one takes its place |
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from rung.errors import ArgumentError
from rung.schedulers.base import Action, Propose, Resume, Scheduler, Start, wait_or_finish
from rung.space import Config, Distribution, Domain, Float, Int, Ordinal, Space
from rung.study.algorithm import Problem
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial

_TRIES = 100  # to find a configuration that is not forbidden


@dataclass(frozen=True)
class PBT(Scheduler):
    """Train a population side by side; the worst go on from copies of the best, with changed configurations.

    Every `perturb_every` epochs a trial that is among the worst `quantile` of its population is stopped, and
    a new trial takes its place: it begins from the checkpoint of one of the best `quantile` (exploit), with
    that one's configuration changed (explore). So the winner's last configuration is one of a schedule; those
    before it are its parents'. With fewer workers than members these train in turns. When members end,
    another population begins, until the budget is used up; `n_trials` counts members and copies alike.

    Good for hyperparameters that may change during training (learning rate, regularisation), with about as
    many workers as members. Bad for those that may not, such as the number of layers, since the copied
    checkpoint must fit; and greedy: it prefers what helps soon. Needs checkpoints.

    Parameters
    ----------
    population : int
        How many train side by side.
    perturb_every : int or None
        Epochs between two looks at a trial; None is a tenth of `max_resource`.
    quantile : float
        The share of the best, and that of the worst, in (0, 0.5].
    resample : float
        The probability that a hyperparameter of a copy is drawn from its prior. Otherwise a number is
        multiplied by 0.8 or 1.2, an Ordinal goes one up or down, and a Categorical stays.
    """

    name: ClassVar[str] = "pbt"
    first_objective_only: ClassVar[bool] = True
    population: int = 10
    perturb_every: int | None = None
    quantile: float = 0.25
    resample: float = 0.25

    def check(self, problem: Problem) -> None:
        """Raise ArgumentError unless the arguments make sense with `max_resource`."""
        if problem.max_resource is None:
            raise ArgumentError('scheduler="pbt" needs max_resource=, the epochs of a whole trial')
        if not isinstance(self.population, int) or self.population < 2:
            raise ArgumentError(f"pbt: population={self.population!r}; give a whole number of at least 2")
        every, below = self.every(problem.max_resource), problem.max_resource
        if not isinstance(every, int) or not 1 <= every < below:
            raise ArgumentError(
                f"pbt: perturb_every={every!r}; use a whole number from 1, below max_resource={below}"
            )
        if not 0 < self.quantile <= 0.5:
            raise ArgumentError(f"pbt: quantile={self.quantile!r}; a share that is replaced lies in (0, 0.5]")
        if not 0 <= self.resample <= 1:
            raise ArgumentError(f"pbt: resample={self.resample!r}; a probability lies in [0, 1]")

    @property
    def pauses(self) -> bool:
        """Whether it pauses trials: where the population waits for its last members."""
        return True

    def next(self, history: History, propose: Propose) -> Action:
        """Start a copy where a member was lost, else a new member, else go on with the longest-paused one.

        A place that got free after that one paused waits until it has gone on.
        """
        members = self._members(history)
        paused = members.longest_paused()
        room = self.population - len(members.alive)
        if room > 0 and members.trials_left():
            # First come, first served: between a place that waits for a copy and a member that waits to go
            # on.
            until = math.inf if paused is None or paused.ended is None else paused.ended
            for population in members.training:
                parents, _ = members.selected(population)
                if parents and population.places and population.places[0] <= until:
                    rng = history.stream("pbt", len(history.trials))
                    parent = history.trials[parents[rng.integers(len(parents))]]  # line 7: theta', h'
                    changed = explored(history.space, parent.config, self.resample, rng)  # line 9
                    return Start(changed, members.next_look(parent.resource), parent.number)
        kept = 0 if paused is None else members.places()  # for copies, unless the worker would be idle
        if room > kept and (config := propose()) is not None:
            return Start(config, members.next_look(0))  # line 2
        if paused is not None:
            return Resume(paused.number, members.next_look(paused.resource))  # line 4
        return wait_or_finish(history)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Every `perturb_every` epochs: stop if among the worst, pause if others wait for a worker."""
        members = self._members(history)
        if not members.newest_is_ready or trial.resource >= history.full_resource:  # line 6
            return Verdict.CONTINUE
        parents, worst = members.selected(members.population_of[trial.number])
        # A member is only stopped if the budget still has a trial for its copy, after those promised already.
        promised = members.places() + sum(map(members.is_leaving, members.alive))
        if trial.number in worst and parents and members.trials_left(promised):
            return Verdict.STOP  # line 7: theta' is another one; `next` makes the copy
        # Pausing helps only if another member would use this worker.
        missing = self.population - len(members.alive) - members.places()
        others_wait = members.longest_paused() is not None or (missing > 0 and members.trials_left())
        return Verdict.PAUSE if others_wait else Verdict.CONTINUE

    def every(self, max_resource: int) -> int:
        """Return `perturb_every`, or its default."""
        return max(1, max_resource // 10) if self.perturb_every is None else self.perturb_every

    def _members(self, history: History) -> _Members:
        return history.cached(self, lambda history: _Members(history, self)).update()


@dataclass(eq=False)
class _Population:
    """One population: so many members begin it, and a copy takes the place of each that was lost."""

    alive: list[int] = field(default_factory=list)
    """Trials that have not ended."""
    begun: int = 0
    """Members without a parent."""
    lost: list[float] = field(default_factory=list)
    """When members were stopped or failed, sorted."""
    copies: int = 0
    """Each takes the place that got free longest ago."""

    @property
    def places(self) -> list[float]:
        """When each place that waits for a copy got free."""
        return self.lost[self.copies :]


class _Members:
    """Who is alive, in which population, and where it stands after the events of a history, read forward."""

    def __init__(self, history: History, pbt: PBT) -> None:
        self.history, self.pbt, self.every = history, pbt, pbt.every(history.full_resource)
        self.population_of: list[_Population] = []
        """By trial."""
        self.training: list[_Population] = []
        """Populations with living members, the oldest first."""
        self.newest_is_ready = False
        """Whether the newest report ended its trial's `every` epochs."""
        self._latest: dict[int, float] = {}
        self._ready_at: dict[int, int] = {}
        self._newest = _Population()
        self._imported = _Population()
        """Of earlier results and repeats, which are no members: it has no living ones."""
        self._own = 0
        self._read = 0

    @property
    def alive(self) -> list[int]:
        """Trials that have not ended: at most `population`, not counting those of `Study.ask(config)`."""
        return [number for population in self.training for number in population.alive]

    def update(self) -> _Members:
        """Read the new trials, ends and reports; return itself."""
        trials, curve = self.history.trials, self.history.curve
        for trial in trials[len(self.population_of) :]:
            if trial.is_imported or trial.repeats is not None:
                self.population_of.append(self._imported)
                continue
            self._own += 1
            if trial.parent is not None:
                own = self.population_of[trial.parent]
                own.copies += 1
            else:
                if self._newest.begun == self.pbt.population:
                    self._newest = _Population()
                own = self._newest
                own.begun += 1
            if not own.alive:
                self.training.append(own)
            own.alive.append(trial.number)
            self.population_of.append(own)
        for population in self.training:
            ended = [trials[n] for n in population.alive if trials[n].is_finished]
            for trial in ended:
                population.alive.remove(trial.number)
                if trial.status != Outcome.COMPLETED:
                    insort(population.lost, trial.ended or 0.0)
        self.training = [population for population in self.training if population.alive]
        for number, _, resource, metrics in curve[self._read :]:
            self._latest[number] = self.history.loss(metrics)  # line 5
            # A copy goes on where its parent stood, an epoch before its own first report.
            stood = 0 if trials[number].parent is None else resource - 1
            self.newest_is_ready = resource >= self._ready_at.setdefault(number, stood + self.every)
            if self.newest_is_ready:
                self._ready_at[number] = resource + self.every
        self._read = len(curve)
        return self

    def longest_paused(self) -> Trial | None:
        """Return the member that has waited longest to go on."""
        paused = [t for n in self.alive if (t := self.history.trials[n]).status == Outcome.PAUSED]
        return min(paused, key=lambda trial: (trial.ended, trial.number), default=None)

    def next_look(self, resource: int) -> int:
        """Return where a trial that stands at `resource` is looked at again."""
        return min(resource + self.every, self.history.full_resource)

    def places(self) -> int:
        """Return how many places wait for a copy."""
        return sum(len(population.places) for population in self.training)

    def trials_left(self, promised: int = 0) -> bool:
        """Whether the budget has room for another trial after those promised."""
        n_trials = self.history.n_trials
        return n_trials is None or self._own + promised < n_trials

    def is_leaving(self, number: int) -> bool:
        """Whether a trial is to stop, but its attempt has yet to end."""
        return self.history.trials[number].attempts[-1].verdict == Verdict.STOP

    def selected(self, population: _Population) -> tuple[list[int], list[int]]:
        """Truncation selection (section 4.1.1): whom to copy, and whom to replace, by their latest values.

        Members that were stopped and not replaced yet are still among the worst. Nobody is copied before the
        population has begun, or with fewer than `every` epochs left to train.
        """
        staying = [n for n in population.alive if n in self._latest and not self.is_leaving(n)]
        ranked = sorted(staying, key=lambda n: (self._latest[n], n))  # ties by number: a replay ranks alike
        gone = sum(map(self.is_leaving, population.alive)) + len(population.places)
        n = len(ranked) + gone
        # At most half of them, so that no member is both copied and replaced.
        share = min(math.ceil(self.pbt.quantile * n), n // 2)
        worst = ranked[len(ranked) - max(0, share - gone) :]
        if population.begun < self.pbt.population:
            return [], worst
        last = self.history.full_resource - self.every
        return [n for n in ranked[:share] if self.history.trials[n].resource <= last], worst


def explored(space: Space, config: Config, resample: float, rng: Generator) -> Config:
    """Return `config` with each hyperparameter drawn or perturbed (section 4.1.1, explore).

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
    """Return where 0.8 or 1.2 times `value` lies in the unit interval; a step away if it is the same."""
    if isinstance(domain, Float | Int | Distribution):
        # Section 4.1.1: perturbed by a factor of 1.2 or 0.8; a value beyond the bounds is clipped to them.
        factor = (0.8, 1.2)[rng.integers(2)]
        scaled = float(np.clip(domain.encode([value * factor])[0], 0, 1))
        if domain.decode(scaled) != value:
            return scaled
    elif not isinstance(domain, Ordinal):
        return place
    return float(domain.encode([domain.move(value, rng)])[0])
