"""Which trials are run again, and when the winner is chosen: a pure function of the history.

The finalists are the best feasible trials at full resource by what was observed. They run on equal fresh
seeds in two rounds: all of them, then the better half. The winner, chosen by the mean of its fresh runs
alone, gets the rest: runs that chose nothing. Each round waits for the one before, so the result is the
same however many workers there are and however often the study is interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rung.confirmation.actions import Action, Choose, Done, Elect, Repeat, Wait
from rung.confirmation.posterior import Posterior
from rung.confirmation.statistics import Noise, Runs
from rung.study.confirmations import NO_NOISE, Confirmation
from rung.study.events import Outcome
from rung.study.history import History
from rung.study.pareto import crowding, nondominated
from rung.study.trial import Trial

_CLAIM = 0.3
"""The share of the runs that the winner gets after it was chosen."""
_FEWEST = 3
"""Of these, at least."""
_SETTLED = 0.01
"""Of the interval's width: a choice whose expected loss is less is not worth another run."""


def choose(history: History, runs: int, most: int, compared: Sequence[int] = ()) -> Choose | Done:
    """The finalists, at most `most`, if there is a trial to confirm and there are runs enough."""
    others = tuple(dict.fromkeys(compared))
    if len(history.goals.metrics) > 1:
        return _choose_front(history, runs, others)
    finalists = tuple(t.number for t in _candidates(history) if t.number not in others)
    finalists = finalists[: max(1, min(most, (runs - len(others)) // 3))]
    if not finalists:
        return Done()
    return Choose(finalists, runs, min(runs, max(_FEWEST, round(_CLAIM * runs))), others)


def _choose_front(history: History, runs: int, compared: tuple[int, ...]) -> Choose | Done:
    """As many points of the front as get some runs each, the widest apart; equal runs, as none is to win."""
    found = [trial.number for trial in _candidates(history) if trial.number not in compared]
    candidates = np.array(found, dtype=int)
    front = candidates[nondominated(history.losses[candidates])]
    most = max(1, runs // _FEWEST - len(compared))
    if len(front) > most:
        widest = np.argsort(-crowding(history.losses[front]), kind="stable")[:most]
        front = front[np.sort(widest)]
    each = runs // max(1, len(front) + len(compared))
    if not len(front) or not each:
        return Done()
    return Choose(tuple(map(int, front)), each * (len(front) + len(compared)), 0, compared)


def _candidates(history: History) -> list[Trial]:
    """Whole trials from scratch, the best first, a configuration once."""
    completed = [
        trial
        for trial in history.trials
        if trial.status == Outcome.COMPLETED and trial.feasible
        if trial.repeats is None and trial.parent is None and math.isfinite(history.loss(trial.metrics))
        # An earlier result may be one of fewer epochs.
        if not trial.is_imported or trial.resource in {0, history.max_resource or trial.resource}
    ]
    completed.sort(key=lambda trial: (history.loss(trial.metrics), trial.number))
    distinct: dict[str, Trial] = {}
    for trial in completed:
        distinct.setdefault(history.space.key(trial.config), trial)
    return list(distinct.values())


def go_on(history: History, current: Confirmation) -> Action:
    """What is to be done next in a confirmation that has begun."""
    fresh = Fresh(history, current)
    if current.winner is None:
        return _choosing(fresh) if current.claim else _equal_runs(fresh)
    if current.reason == NO_NOISE:
        return Wait() if fresh.running else Done()
    if len(current.choosing) + len(current.claiming) < current.runs:
        return Repeat(current.winner, fresh.next_number)
    return Wait() if fresh.running else Done()


def is_over(history: History, current: Confirmation) -> bool:
    """Whether nothing of it is left to be done."""
    return isinstance(go_on(history, current), Done)


def _choosing(fresh: Fresh) -> Action:
    current = fresh.current
    if fresh.without_noise:
        return Elect(current.finalists[0], NO_NOISE)
    if len(current.finalists) == 1 and not current.compared:
        return Elect(current.finalists[0], "only one")
    first, second = allocation(current)
    everyone = (*current.finalists, *current.compared)
    if (action := fresh.round(everyone, 0, first)) is not None:
        return action
    half = fresh.ranked(current.first + first)[: _half(len(current.finalists))]
    if not half:  # all of them have failed
        return Done()
    if fresh.settled(half[0], first):
        return Elect(half[0], "settled")
    if (action := fresh.round((*half, *current.compared), first, second)) is not None:
        return action
    return Elect(next(number for number in fresh.ranked() if number in half), "rounds")


def _equal_runs(fresh: Fresh) -> Action:
    current = fresh.current
    if fresh.without_noise:
        return Elect(current.finalists[0], NO_NOISE)
    everyone = (*current.finalists, *current.compared)
    return fresh.round(everyone, 0, current.runs // len(everyone)) or Done()


def allocation(current: Confirmation) -> tuple[int, int]:
    """How many runs each gets in the first round, and each of those that are left in the second."""
    k, m = len(current.finalists), len(current.compared)
    choosing = current.runs - current.claim
    first = max(1, round(choosing / 2 / (k + m)))
    half = _half(k)
    return first, max(0, (choosing - first * (k + m)) // (half + m))


def _half(k: int) -> int:
    """How many finalists are left for the second round: two at least, as one would be no choice."""
    return min(k, max(2, math.ceil(k / 2)))


@dataclass(frozen=True)
class Fresh:
    """The fresh runs of a confirmation so far."""

    history: History
    current: Confirmation

    def trials(self, of: int) -> list[Trial]:
        """The repeats of a trial."""
        return [t for t in map(self.history.trials.__getitem__, self.current.repeats) if t.repeats == of]

    @property
    def running(self) -> bool:
        """Whether a repeat is not over."""
        return any(not self.history.trials[number].is_finished for number in self.current.repeats)

    @property
    def next_number(self) -> int:
        """The number of the first seed that no repeat has had."""
        numbers = [self.history.trials[number].repeat or 0 for number in self.current.repeats]
        return max(numbers, default=self.current.first - 1) + 1

    def completed(self, of: int) -> list[Trial]:
        """The repeats of a trial that gave a result."""
        return [trial for trial in self.trials(of) if trial.status == Outcome.COMPLETED]

    def losses(self, of: int, first: int | None = None) -> Runs:
        """The loss of each completed repeat by the number of its seed; of the `first` ones, if given."""
        until = math.inf if first is None else self.current.first + first
        by_seed = ((trial.repeat or 0, trial) for trial in self.completed(of))
        return {n: self.history.loss(trial.metrics) for n, trial in by_seed if n < until}

    def round(self, who: Sequence[int], after: int, each: int) -> Repeat | Wait | None:
        """The next of `each` runs of all these, after so many before; None when they are over."""
        numbers = range(self.current.first + after, self.current.first + after + each)
        wanted = [(trial, number) for number in numbers for trial in who]
        if not after:  # two runs of the leader come first: they tell whether there is noise at all
            wanted.sort(key=lambda pair: pair[0] != who[0] or pair[1] > self.current.first + 1)
        repeats = map(self.history.trials.__getitem__, self.current.repeats)
        over = {(trial.repeats, trial.repeat): trial.is_finished for trial in repeats}
        missing = next((pair for pair in wanted if pair not in over), None)
        if missing is not None:
            return Repeat(*missing)
        return None if all(over[pair] for pair in wanted) else Wait()

    @property
    def without_noise(self) -> bool:
        """Whether two fresh runs of the leader, and no other one of it, gave exactly what the search saw."""
        leader, names = self.current.finalists[0], self.history.goals.tuned
        fresh = [[trial.metrics[name] for name in names] for trial in self.completed(leader)]
        seen = [self.history.trials[leader].metrics[name] for name in names]
        return len(fresh) >= 2 and all(values == seen for values in fresh)

    def ranked(self, until: float = math.inf) -> list[int]:
        """The finalists that gave a result, the best first, by seeds whose number is below `until`."""
        keys = {number: self._key(number, until) for number in self.current.finalists}
        return sorted((n for n, key in keys.items() if key is not None), key=lambda n: keys[n] or ())

    def _key(self, of: int, until: float) -> tuple[int, bool, float] | None:
        trials = [t for t in self.trials(of) if (t.repeat or 0) < until and t.is_finished]
        completed = [t for t in trials if t.status == Outcome.COMPLETED]
        if not completed:
            return None
        mean = sum(self.history.loss(t.metrics) for t in completed) / len(completed)
        return len(trials) - len(completed), not self.feasible(completed), mean

    def feasible(self, completed: Sequence[Trial]) -> bool:
        """Whether the means of these keep the constraints."""
        # Of the means: one run in ten that is a little too slow does not make a configuration infeasible.
        goals = self.history.goals
        names = {c.name for c in goals.constraints}
        return goals.feasible({n: sum(t.metrics[n] for t in completed) / len(completed) for n in names})

    def settled(self, leader: int, first: int) -> bool:
        """Whether after a first round of so many runs no other finalist could be better by what matters."""
        # Once that round is over, it is a constant of the log.
        key = ("confirm", self.current.first)
        return self.history.cached(key, lambda _: self._settled(leader, first))

    def _settled(self, leader: int, first: int) -> bool:
        who = [number for number in self.current.finalists if self.losses(number, first)]
        runs = [self.losses(number, first) for number in who]
        noise = Noise.of(runs)
        width = noise.interval(who.index(leader), 0.9, len(self.current.finalists)).width
        if len(who) == 1 or math.isinf(width):
            return len(who) == 1
        return bool(self.posterior(runs).expected_loss[who.index(leader)] <= _SETTLED * width)

    def posterior(self, runs: Sequence[Runs]) -> Posterior:
        """What is believed of the finalists; the same at every call."""
        return Posterior.of(runs, self.history.stream("confirm", self.current.first))
