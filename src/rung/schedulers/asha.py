"""ASHA: Li et al. (2020), A System for Massively Parallel Hyperparameter Tuning, MLSys.

Algorithm 2 decides what a free worker does; its lines are cited below:

    12  function get_job()
    14      for k = floor(log_eta(R / r)) - s - 1, ..., 1, 0 do
    15          candidates = top_k(rung k, |rung k| / eta)
    16          promotable = {t in candidates : t not promoted}
    17          if |promotable| > 0 then
    18              return promotable[0], k + 1
    21      draw a random configuration theta
    22      return theta, 0

| paper | here |
| --- | --- |
| r, R, eta | `min_resource`, `max_resource`, `eta` |
| s, minimum early-stopping rate | the bracket: its first rung lies at r eta^s |
| rung k | `Rung`; a trial reaches it at `level` = r eta^(s + k) and is promoted to `above` |
| theta, t | the configuration of a trial; a trial |
| top_k | by loss; with several objectives, `ranked` in `_ranking.py`: MO-ASHA |
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from dataclasses import KW_ONLY, dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np

from rung.errors import ArgumentError
from rung.schedulers._levels import check_levels, levels
from rung.schedulers._ranking import Result, ranked
from rung.schedulers.base import Action, Propose, Resume, Scheduler, Start, train_to_the_end, wait_or_finish
from rung.study.algorithm import Problem
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.metrics import Metrics
from rung.study.trial import Trial

Form = Literal["promotion", "stopping"]


@dataclass
class Rung:
    """The trials that reached one level of resource."""

    level: int
    above: int
    """The resource to which a promoted trial trains."""
    eta: int
    losses: list[tuple[float, int]] = field(default_factory=list)
    """(loss, order of arrival), sorted: equal losses rank in order of arrival."""
    waiting: list[tuple[float, int, int, int]] = field(default_factory=list)
    """Those not promoted yet, a heap of (loss, order, trial, attempt in which it came here)."""

    def add(self, history: History, trial: int, attempt: int, metrics: Metrics) -> bool:
        """Add a trial; return whether it is in the top 1/eta so far."""
        key = (history.loss(metrics), len(self.losses))
        insort(self.losses, key)
        heappush(self.waiting, (*key, trial, attempt))
        return self.in_top(key)

    def __len__(self) -> int:
        return len(self.losses)

    def in_top(self, key: tuple[float, int]) -> bool:
        """Whether this (loss, order) is a candidate (line 15)."""
        k = len(self.losses) // self.eta
        return k > 0 and key <= self.losses[k - 1]

    def promotable(self, history: History) -> int | None:
        """Return the best candidate that was not promoted and can go on, or None (lines 16 to 18)."""
        kept, found = [], None
        while found is None and self.waiting and self.in_top(self.waiting[0][:2]):
            entry = heappop(self.waiting)
            *_, number, attempt = entry
            trial = history.trials[number]
            if trial.is_finished or len(trial.attempts) > attempt:
                continue  # it was promoted or ended: never promotable again
            kept.append(entry)
            if trial.status == Outcome.PAUSED:  # else its attempt has yet to end
                found = number
        for entry in kept:
            heappush(self.waiting, entry)
        return found


@dataclass
class RungOfSeveral:
    """The same with several objectives, constraints, or both: the candidates are those of MO-ASHA."""

    level: int
    above: int
    eta: int
    results: list[Result] = field(default_factory=list)
    """In order of arrival ..."""
    members: list[tuple[int, int]] = field(default_factory=list)
    """... the trial and the attempt of each."""
    candidates: list[int] = field(default_factory=list)
    """The best 1/eta of them, the best first (line 15)."""

    def add(self, history: History, trial: int, attempt: int, metrics: Metrics) -> bool:
        """Add a trial; return whether it is in the top 1/eta so far."""
        self.results.append(Result.of(history.goals, metrics))
        self.members.append((trial, attempt))
        self.candidates = ranked(self.results, len(self.results) // self.eta)
        return len(self.results) - 1 in self.candidates

    def __len__(self) -> int:
        return len(self.results)

    def promotable(self, history: History) -> int | None:
        """Return the best candidate that was not promoted and can go on, or None (lines 16 to 18)."""
        for number, attempt in (self.members[i] for i in self.candidates):
            trial = history.trials[number]
            if trial.status == Outcome.PAUSED and len(trial.attempts) <= attempt:
                return number
        return None


class Rungs:
    """The rungs of every bracket after the reports of a history, read forward."""

    def __init__(self, history: History, asha: ASHA) -> None:
        self.history, self.asha = history, asha
        every = levels(asha.min_resource, history.full_resource, asha.eta)
        # Bracket s begins s rungs higher. One that begins at R has no rung at all: its trials just run.
        rung: type[Rung | RungOfSeveral] = Rung if history.goals.plain else RungOfSeveral
        self.brackets = [
            [rung(level, above, asha.eta) for level, above in pairwise(every[s:])]
            for s in range(asha.brackets)
        ]
        depths = range(1, len(every))
        # Line 14 over all brackets: first the highest rung of each, since promoting there ends whole trials.
        self.top_down = [rungs[-d] for d in depths for rungs in self.brackets if d <= len(rungs)]
        self.ahead: dict[int, deque[Rung | RungOfSeveral]] = {}
        """By trial, the rungs that it has not reached."""
        self.newest: tuple[Rung | RungOfSeveral, bool] | None = None
        """The rung that the newest report reached, and whether it was in the top there."""
        self.read = 0

    def update(self) -> Rungs:
        """Read the new reports; return itself."""
        for trial, attempt, resource, metrics in self.history.curve[self.read :]:
            # `judge` asks about the newest report; most reports reach no rung.
            self.newest = None
            if self.history.trials[trial].repeats is not None:
                continue
            if trial not in self.ahead:
                self.ahead[trial] = deque(self.brackets[self.asha.bracket(self.history, trial)])
            ahead = self.ahead[trial]
            # One report may reach several rungs, where not every epoch is reported; the highest one decides.
            while ahead and resource >= ahead[0].level:
                rung = ahead.popleft()
                self.newest = rung, rung.add(self.history, trial, attempt, metrics)
        self.read = len(self.history.curve)
        return self


@dataclass(frozen=True)
class ASHA(Scheduler):
    """Let only the best 1/eta of the trials at each rung go on; no worker ever waits for another.

    Rungs lie at min_resource * eta^k epochs, up to the study's `max_resource`. In the form "promotion"
    (Algorithm 2) a trial pauses at its rung and goes on from its checkpoint once it is among the best 1/eta
    there. In the form "stopping" it is stopped at once unless it is among them, and otherwise never pauses:
    for objectives without checkpoints. (The first eta - 1 at a rung all go on.)

    With several objectives it is MO-ASHA: the best are those of the first non-dominated layers, spread over
    the last of them that counts. Trials that break constraints come after all others.

    Good with many workers and where early epochs predict the last. Where curves cross late, or the first
    report comes before training, use more brackets or a larger `min_resource`.

    Parameters
    ----------
    form : {"promotion", "stopping"}
        Whether trials pause or stop at a rung.
    min_resource : int
        The first rung, in epochs.
    eta : int
        One trial of eta goes on.
    brackets : int
        More than 1 are asynchronous Hyperband (section 3.2): bracket s has its first rung at
        min_resource * eta^s, and gets new trials in the proportions of Hyperband's brackets.
    """

    name: ClassVar[str] = "asha"
    form: Form = "promotion"
    _: KW_ONLY
    min_resource: int = 1
    eta: int = 3
    brackets: int = 1

    def __post_init__(self) -> None:
        if self.form not in {"promotion", "stopping"}:
            raise ArgumentError(f'asha: form={self.form!r}; use "promotion" or "stopping"')

    def check(self, problem: Problem) -> None:
        """Raise ArgumentError unless the arguments make rungs below `max_resource`."""
        most = len(check_levels(self.name, self.min_resource, problem.max_resource, self.eta))
        if not isinstance(self.brackets, int) or not 1 <= self.brackets <= most:
            raise ArgumentError(
                f"asha: brackets={self.brackets!r}; give a whole number from 1 to {most}, the rungs there are"
            )

    @property
    def pauses(self) -> bool:
        """Whether it pauses trials: in the form "promotion"."""
        return self.form == "promotion"

    def next(self, history: History, propose: Propose) -> Action:
        """Promote the best promotable trial, from the highest rung down; else start a new one."""
        if self.form == "stopping":
            return train_to_the_end(history, propose)
        rungs = self._rungs(history)
        for rung in rungs.top_down:  # line 14
            if (trial := rung.promotable(history)) is not None:  # lines 15 to 17
                return Resume(trial, rung.above)  # line 18
        if (config := propose()) is None:  # line 21
            return wait_or_finish(history)
        own = rungs.brackets[self.bracket(history, len(history.trials))]
        return Start(config, own[0].level if own else history.full_resource)  # line 22

    def judge(self, history: History, trial: Trial) -> Verdict:
        """At a rung below the top: pause, or stop unless in the top 1/eta."""
        newest = self._rungs(history).newest
        if newest is None or trial.resource >= history.full_resource:
            return Verdict.CONTINUE
        if self.form == "promotion":
            return Verdict.PAUSE
        # Below eta trials, |rung k| / eta is less than one: there is no top yet, and everyone goes on.
        rung, in_top = newest
        return Verdict.CONTINUE if in_top or len(rung) < self.eta else Verdict.STOP

    def rungs(self, max_resource: int) -> tuple[int, ...]:
        """Return min_resource * eta^k below `max_resource`, and that."""
        return levels(self.min_resource, max_resource, self.eta)

    def bracket(self, history: History, trial: int) -> int:
        """Return s of a trial: random, in proportion to Hyperband's n = ceil((s_max + 1) / (s + 1) * eta^s).

        Hyperband counts the other way round: its s_max is bracket 0 here.
        """
        if self.brackets == 1:
            return 0
        rungs = len(levels(self.min_resource, history.full_resource, self.eta))  # s_max + 1
        n = [math.ceil(rungs / (rungs - s) * self.eta ** (rungs - 1 - s)) for s in range(self.brackets)]
        return int(history.stream("bracket", trial).choice(self.brackets, p=np.array(n) / sum(n)))

    def _rungs(self, history: History) -> Rungs:
        return history.cached(self, lambda history: Rungs(history, self)).update()
