"""Brackets: synchronous successive halving, one bracket after the other, with no worker ever idle.

Trials fill the brackets in order of their numbers, so which trial belongs where needs no memory. While a rung
waits for its last members, free workers take up other brackets and open new ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rung.schedulers.base import Action, Drop, Finish, Resume, Start, Wait
from rung.space import Config
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial

Reached = dict[int, list[tuple[float, int]]]
"""By trial, for each level that it has reached: its loss there, and in which attempt that was."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many trials begin a bracket, and the levels of resource at which they are compared."""

    size: int
    levels: tuple[int, ...]


class Brackets:
    """The brackets as a history tells them, in shapes that come in turn: a cache of what it says."""

    def __init__(self, history: History, shapes: Sequence[Shape], eta: int) -> None:
        self.history = history
        self._shapes, self._eta = shapes, eta
        self._ends = list(accumulate(shape.size for shape in shapes))
        self._reached: Reached = {}
        self._read = 0
        self._newest_level: int | None = None
        """The level that the newest report was the first of its trial to reach."""
        self._open: list[_Bracket] = []
        self._filled = 0
        """The first trial that belongs to no bracket of `_open` or before."""
        self._unfilled: _Bracket | None = None

    def next(self, propose: Callable[[], Config | None]) -> Action:
        """Work on the oldest bracket that can go on, else fill the newest, else go on with what it got."""
        self._update()
        for bracket in self._open:
            if (action := bracket.next(self.history, self._reached)) is not None:
                return action
        if (config := propose()) is not None:
            return Start(config, self._shape(len(self.history.trials)).levels[0])
        if (action := self._incomplete().next(self.history, self._reached)) is not None:
            return action
        return Wait() if self.history.running else Finish()

    def judge(self, trial: Trial) -> Verdict:
        """Pause at each level, but at the last one, the maximum."""
        self._update()
        assert self.history.max_resource is not None
        if self._newest_level is None or trial.resource >= self.history.max_resource:
            return Verdict.CONTINUE
        return Verdict.PAUSE

    def _shape(self, trial: int) -> Shape:
        return self._shapes[bisect_right(self._ends, trial % self._ends[-1])]

    def _update(self) -> None:
        curve = self.history.curve
        while self._read < len(curve):
            trial, attempt, resource, metrics = curve[self._read]
            self._newest_level = self._reach(trial, attempt, resource, self.history.loss(metrics))
            self._read += 1
        while self._filled + (size := self._shape(self._filled).size) <= len(self.history.trials):
            self._open.append(self._bracket(range(self._filled, self._filled + size)))
            self._filled += size
        self._open = [bracket for bracket in self._open if not bracket.is_over(self.history)]

    def _reach(self, trial: int, attempt: int, resource: int, loss: float) -> int | None:
        passed = self._reached.setdefault(trial, [])
        newest = None
        for level in self._shape(trial).levels[len(passed) :]:
            if resource < level:
                break
            newest = level
            passed.append((loss, attempt))
        return newest

    def _bracket(self, trials: range) -> _Bracket:
        return _Bracket(trials, self._shape(trials.start).levels, self._eta)

    def _incomplete(self) -> _Bracket:
        # Made anew whenever it gets another trial, so that nothing is remembered of what it was before.
        trials = range(self._filled, len(self.history.trials))
        if self._unfilled is None or self._unfilled.trials != trials:
            self._unfilled = self._bracket(trials)
        return self._unfilled


class _Bracket:
    """One run of successive halving. Its members all stand at the same rung, or are on their way there."""

    def __init__(self, trials: range, levels: Sequence[int], eta: int) -> None:
        self.trials = trials
        self._levels, self._eta = levels, eta
        self._losers: list[int] = []
        self._rung = 0
        self._enter(list(trials))

    def _enter(self, members: list[int]) -> None:
        self._members = members
        self._awaited = list(members)  # those not known to have reached the level or to have ended
        self._to_resume = list(members) if self._rung else []

    def next(self, history: History, reached: Reached) -> Drop | Resume | None:
        """Drop those that were left behind, or let the next of the best go on; None if it must wait."""
        while self._rung < len(self._levels) - 1 and not self._waits(history, reached):
            self._halve(reached)
        if losers := self._paused_losers(history):
            return Drop(losers)
        number = self._resumable(history, reached)
        return None if number is None else Resume(number, self._levels[self._rung])

    def is_over(self, history: History) -> bool:
        """Whether nothing is left to do for any of its trials."""
        at_top = self._rung == len(self._levels) - 1
        return at_top and all(history.trials[n].is_finished for n in (*self._members, *self._losers))

    def _waits(self, history: History, reached: Reached) -> bool:
        while self._awaited:
            number = self._awaited[-1]
            if not (history.trials[number].is_finished or len(reached.get(number, ())) > self._rung):
                return True
            self._awaited.pop()
        return False

    def _halve(self, reached: Reached) -> None:
        # Algorithm 1 of Hyperband, line 8: top_k(T, L, floor(n_i / eta)). Equal losses keep their order.
        there = [n for n in self._members if len(reached.get(n, ())) > self._rung]
        there.sort(key=lambda n: reached[n][self._rung][0])
        keep = max(1, len(self._members) // self._eta)
        self._losers += there[keep:]
        self._rung += 1
        self._enter(there[:keep])

    def _paused_losers(self, history: History) -> tuple[int, ...]:
        self._losers = [n for n in self._losers if not history.trials[n].is_finished]
        return tuple(n for n in self._losers if history.trials[n].status == Outcome.PAUSED)

    def _resumable(self, history: History, reached: Reached) -> int | None:
        self._to_resume = [n for n in self._to_resume if not self._went_on(history.trials[n], reached)]
        return next((n for n in self._to_resume if history.trials[n].status == Outcome.PAUSED), None)

    def _went_on(self, trial: Trial, reached: Reached) -> bool:
        levels = reached[trial.number]
        _, attempt = levels[self._rung - 1]
        return trial.is_finished or len(levels) > self._rung or len(trial.attempts) > attempt
