"""Brackets: synchronous successive halving, one bracket after the other, with no worker ever idle.

Trials fill the brackets in order of their numbers, so the bracket of a trial follows from its number. While a
rung waits for its last members, free workers take up other brackets and open new ones.

The inner loop of Algorithm 1 of Hyperband (Li et al. 2018), which is successive halving:

    3  T = get_hyperparameter_configuration(n)
    4  for i in {0, ..., s} do
    5      n_i = floor(n eta^-i)
    6      r_i = r eta^i
    7      L = {run_then_return_val_loss(t, r_i) : t in T}
    8      T = top_k(T, L, floor(n_i / eta))

| paper | here |
| --- | --- |
| n, (r_0, ..., r_s) | `Shape.size`, `Shape.levels` |
| i | `_Bracket.rung` |
| T, |T| = n_i | `_Bracket.members` |
| L | `Reached`: the results of all trials at all levels |
| top_k | `ranked`: by loss, or as in MO-ASHA |
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rung.schedulers._levels import check_levels
from rung.schedulers._ranking import Result, ranked
from rung.schedulers.base import Action, Drop, Propose, Resume, Scheduler, Start, wait_or_finish
from rung.study.algorithm import Problem
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial

Reached = dict[int, list[tuple[Result, int]]]
"""By trial, for each level that it has reached: its result there, and in which attempt that was."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many trials begin a bracket, and the levels of resource at which they are compared."""

    size: int
    levels: tuple[int, ...]


@dataclass(frozen=True)
class BracketScheduler(Scheduler):
    """Works through brackets of successive halving, whose shapes come in turn."""

    min_resource: int = 1
    eta: int = 3

    @abstractmethod
    def shapes(self, max_resource: int) -> Sequence[Shape]:
        """Return the brackets of one round."""

    def check(self, problem: Problem) -> None:
        """Raise ArgumentError unless the arguments make rungs below `max_resource`."""
        check_levels(self.name, self.min_resource, problem.max_resource, self.eta)

    @property
    def pauses(self) -> bool:
        """Whether it pauses trials: at each rung."""
        return True

    def next(self, history: History, propose: Propose) -> Action:
        """Go on with the oldest bracket that can, else fill the newest, else halve it as it is."""
        brackets = self._brackets(history)
        # The oldest first: it is the nearest to whole trials, and a bracket waits for its own members
        # alone.
        for bracket in brackets.open:
            if (action := bracket.next(history, brackets.reached)) is not None:
                return action
        if (config := propose()) is not None:
            return Start(config, brackets.shape(len(brackets.own)).levels[0])  # line 6: r_0
        # No more trials will come, so this bracket stays smaller than its shape: line 5 with the n that it
        # has.
        if (action := brackets.unfilled().next(history, brackets.reached)) is not None:
            return action
        return wait_or_finish(history)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Pause at each level but the last."""
        at_level = self._brackets(history).newest_at_level and trial.resource < history.full_resource
        return Verdict.PAUSE if at_level else Verdict.CONTINUE

    def rungs(self, max_resource: int) -> tuple[int, ...]:
        """Return the levels of all brackets."""
        return tuple(sorted({level for shape in self.shapes(max_resource) for level in shape.levels}))

    def _brackets(self, history: History) -> Brackets:
        def make(history: History) -> Brackets:
            return Brackets(history, self.shapes(history.full_resource), self.eta)

        return history.cached(self, make).update()


class Brackets:
    """The brackets after the reports of a history, read forward."""

    def __init__(self, history: History, shapes: Sequence[Shape], eta: int) -> None:
        self.history, self.shapes, self.eta = history, shapes, eta
        self.ends = list(accumulate(shape.size for shape in shapes))
        self.reached: Reached = {}
        self.newest_at_level = False
        """Whether the newest report was the first of its trial at a level."""
        self.open: list[_Bracket] = []
        """Full ones in which something is left to do."""
        self.own: list[int] = []
        """The trials that belong to brackets: all but imported ones and repeats."""
        self.filled = 0
        """How many of them belong to full brackets."""
        self._place: dict[int, int] = {}
        """Of each trial in `own`."""
        self._known = 0
        self.read = 0
        self._unfilled: _Bracket | None = None

    def shape(self, place: int) -> Shape:
        """Return the shape of the bracket to which the trial at that place of `own` belongs."""
        return self.shapes[bisect_right(self.ends, place % self.ends[-1])]

    def update(self) -> Brackets:
        """Read the new reports and trials; return itself."""
        for trial in self.history.trials[self._known :]:
            if not trial.is_imported and trial.repeats is None:
                self._place[trial.number] = len(self.own)
                self.own.append(trial.number)
        self._known = len(self.history.trials)
        for number, attempt, resource, metrics in self.history.curve[self.read :]:
            if number not in self._place:
                continue
            passed = self.reached.setdefault(number, [])
            # An objective need not report at each epoch, so one report may pass several levels.
            levels = self.shape(self._place[number]).levels[len(passed) :]
            new = [level for level in levels if level <= resource]
            if new:
                passed += [(Result.of(self.history.goals, metrics), attempt)] * len(new)  # line 7
            self.newest_at_level = bool(new)
        self.read = len(self.history.curve)
        # All trials of a bracket must have begun before it can be halved: n_i counts them, in whatever order
        # they end.
        while self.filled + (size := self.shape(self.filled).size) <= len(self.own):
            self.open.append(self._bracket(self.filled + size))
            self.filled += size
        self.open = [bracket for bracket in self.open if not bracket.is_over(self.history)]
        return self

    def unfilled(self) -> _Bracket:
        """Return the newest bracket with the trials that it has: made again when it gets another one."""
        if self._unfilled is None or self._unfilled.trials != self.own[self.filled :]:
            self._unfilled = self._bracket(len(self.own))
        return self._unfilled

    def _bracket(self, end: int) -> _Bracket:
        return _Bracket(self.own[self.filled : end], self.shape(self.filled).levels, self.eta)


class _Bracket:
    """One run of successive halving. Its members all stand at the same rung, or are on their way there."""

    def __init__(self, trials: Sequence[int], levels: Sequence[int], eta: int) -> None:
        self.trials, self.levels, self.eta = trials, levels, eta
        self.losers: list[int] = []
        """Left behind at a rung, and perhaps not dropped yet."""
        self.rung = 0
        self._enter(list(trials))  # line 3

    def _enter(self, members: list[int]) -> None:
        self.members = members
        self.awaited = list(members)
        """Those not known to have reached the level or to have ended."""
        self.to_resume = list(members) if self.rung else []

    def next(self, history: History, reached: Reached) -> Drop | Resume | None:
        """Drop those that were left behind, or let the next of the best go on; None if it must wait."""
        # Line 4, the next i: once line 7 is done for every member.
        while self.rung < len(self.levels) - 1 and not self._waits(history, reached):
            self._halve(reached)
        # Those outside top_k never go on. They are stopped before others resume, so that their checkpoints
        # go.
        self.losers = [n for n in self.losers if not history.trials[n].is_finished]
        if paused := tuple(n for n in self.losers if history.trials[n].status == Outcome.PAUSED):
            return Drop(paused)
        self.to_resume = [n for n in self.to_resume if not self._went_on(history.trials[n], reached[n])]
        paused = tuple(n for n in self.to_resume if history.trials[n].status == Outcome.PAUSED)
        return Resume(paused[0], self.levels[self.rung]) if paused else None

    def is_over(self, history: History) -> bool:
        """Whether nothing is left to do for any of its trials."""
        at_top = self.rung == len(self.levels) - 1
        return at_top and all(history.trials[n].is_finished for n in (*self.members, *self.losers))

    def _waits(self, history: History, reached: Reached) -> bool:
        while self.awaited:
            number = self.awaited[-1]
            if not (history.trials[number].is_finished or len(reached.get(number, ())) > self.rung):
                return True
            self.awaited.pop()
        return False

    def _halve(self, reached: Reached) -> None:
        # Line 8; those that ended without a loss count in n_i. Equal losses keep their order.
        here = [n for n in self.members if len(reached.get(n, ())) > self.rung]
        order = [here[i] for i in ranked([reached[n][self.rung][0] for n in here])]
        # Fewer than eta members would leave none by line 8; the best one goes on instead.
        k = max(1, len(self.members) // self.eta)
        self.losers += order[k:]
        self.rung += 1
        self._enter(order[:k])

    def _went_on(self, trial: Trial, levels: Sequence[tuple[Result, int]]) -> bool:
        # It paused here in `attempt`; if it has a later one, it was resumed since, even if that one was lost.
        _, attempt = levels[self.rung - 1]
        return trial.is_finished or len(levels) > self.rung or len(trial.attempts) > attempt
