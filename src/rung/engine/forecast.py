"""When a study will end: its rest in virtual time, by the engine and the scheduler themselves.

Simulated trials take as long as those so far took, and are worth what those were worth, at random. That is
enough for counts and times, which depend on the trials' ranks, not on the values.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from numpy.random import Generator

from rung import schedulers
from rung.engine.coordinator import act
from rung.engine.engine import Engine
from rung.engine.pace import Pace
from rung.execution.base import AttemptId, Deliver, End, Job, Log, Message, Report
from rung.searchers import Grid, Random, Searcher
from rung.settings import Settings
from rung.space import Config
from rung.study.algorithm import Problem
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.state import StudyState
from rung.study.streams import stream

_MOST_TRIALS = 500
"""Trials to come that are simulated; with more of them the pace so far says enough."""
_MOST_REPORTS = 20_000
_RUNS = 3
"""Forecasts whose mean counts: each is one of many ways that a study may go."""
_AT_ONCE = 2.0
"""Seconds that `rung status` simulates at most."""


@dataclass(frozen=True)
class _Any(Searcher):
    """Proposes the first trial's configuration again: only the number of trials counts."""

    name: ClassVar[str] = "any"

    def suggest(self, history: History, rng: Generator) -> Config | None:
        return history.trials[0].config


@dataclass(slots=True)
class _Run:
    """A simulated attempt."""

    id: AttemptId
    resource: int
    target: int
    end: int
    place: float
    speed: float
    reports: int = 0


class _Workers:
    """An executor in virtual time, on which the attempts that run now go on."""

    deliver: Deliver | None = None

    def __init__(self, state: StudyState, pace: Pace, n_workers: int, now: float, run: int) -> None:
        self._state, self._pace, self.capacity, self._now = state, pace, n_workers, now
        self._again = not state.checkpoints
        """Whether a trial that goes on begins again."""
        self._rng = stream(state.seed, f"forecast {run}", state.events)
        self._queue: list[tuple[float, int, Message]] = []
        self._order = count()
        self._runs: dict[AttemptId, _Run] = {}
        for number, attempt in state.open.items():
            self._go_on(AttemptId(number, attempt.number))

    def _go_on(self, id_: AttemptId) -> None:
        """Take over an attempt that runs."""
        trial = self._state.trials[id_.trial]
        attempt, last = trial.attempts[-1], trial.reports[-1] if trial.reports else None
        mine = last if last is not None and last.attempt == attempt.number else None
        began = self._pace.began(id_.trial, attempt)
        if not self._pace.reporting:
            self._end(id_, began + self._duration(self._now - began))
            return
        run = self._run(id_, attempt.target, trial.resource)
        if run.resource >= run.end:
            self._end(id_, self._now)
        elif mine is None:
            upto = self._pace.next_point(run.resource, run.target)
            begun = 0 if self._again else run.resource
            late = (self._now - began - self._pace.start) / (upto - begun)
            run.speed = max(run.speed, late)
            self._report(run, began, begun, self._pace.start)
        else:
            run.reports = mine.number
            self._report(run, mine.t, run.resource)

    def _run(self, id_: AttemptId, target: int | None, resource: int) -> _Run:
        trial, pace, rng = self._state.trials[id_.trial], self._pace, self._rng
        loss = History(self._state).loss(trial.reports[-1].metrics) if trial.reports else None
        place = float(rng.random()) if loss is None else pace.place(loss, trial.resource)
        end = max(resource, int(rng.choice(pace.ends)))
        run = self._runs[id_] = _Run(id_, resource, target or end, end, place, pace.speed(rng, id_.trial))
        return run

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        pace = self._pace
        if self._rng.random() < pace.failing and job.id.attempt == 1:
            self._end(job.id, self._now + pace.failed_after, Outcome.FAILED)
        elif not pace.reporting:
            self._end(job.id, self._now + self._duration())
        else:
            run = self._run(job.id, job.target_resource, job.start_resource)
            begun = 0 if self._again and job.id.attempt > 1 else run.resource
            self._report(run, self._now, begun, pace.start)

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """See `Executor`."""
        run = self._runs[report.id]
        if verdict is Verdict.CONTINUE and run.resource < run.end:
            self._report(run, self._now, run.resource)
        else:
            outcomes = {Verdict.STOP: Outcome.STOPPED, Verdict.PAUSE: Outcome.PAUSED}
            self._end(report.id, self._now, outcomes.get(verdict, Outcome.COMPLETED))

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """See `Executor`."""
        self._end(attempt, self._now, Outcome.INTERRUPTED)

    def now(self) -> float:
        """See `Executor`."""
        return self._now

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """See `Executor`."""
        if not self._queue:
            return ()
        self._now, _, message = heapq.heappop(self._queue)
        return (message,)

    def interrupt(self) -> None:
        """Nothing blocks."""

    def close(self) -> None:
        """Nothing runs."""

    def _report(self, run: _Run, since: float, begun: int, start: float = 0.0) -> None:
        run.resource = min(run.end, self._pace.next_point(run.resource, run.target))
        run.reports += 1
        when = since + start + run.speed * (run.resource - begun)
        self._plan(when, Report(run.id, run.reports, run.resource, self._metrics(run), checkpoint=False))

    def _metrics(self, run: _Run) -> dict[str, float]:
        goals = self._state.goals
        value = goals.first.loss(self._pace.loss(run.place, run.resource))
        return dict.fromkeys(goals.required, value)

    def _duration(self, so_far: float = 0.0) -> float:
        longer = self._pace.durations[self._pace.durations > so_far]
        return float(self._rng.choice(longer)) if len(longer) else 1.1 * so_far

    def _end(self, id_: AttemptId, when: float, outcome: Outcome = Outcome.COMPLETED) -> None:
        metrics = dict.fromkeys(self._state.goals.required, 0.0) if not self._pace.reporting else {}
        if id_ in self._runs:
            metrics = self._metrics(self._runs[id_])
        self._plan(when, End(id_, outcome, metrics))

    def _plan(self, when: float, message: Message) -> None:
        heapq.heappush(self._queue, (max(when, self._now), next(self._order), message))


class Forecast:
    """The rest of a study in virtual time, a step at a time."""

    def __init__(self, state: StudyState, settings: Settings, now: float, pace: Pace, run: int) -> None:
        """`state` is the forecast's own: see `StudyState.copy`."""
        finite = state.space.size is not None
        searcher = (
            settings.searcher if isinstance(settings.searcher, Grid) else Random() if finite else _Any()
        )
        rest = settings.but(
            searcher=searcher, timeout=None, trial_timeout=None, max_failures=2**31, keep_checkpoints="all",
            initial_configs=(), on_error="continue",
        )  # fmt: skip
        self._engine = Engine(state, rest, grace=0.0)
        self._workers = _Workers(state, pace, settings.n_workers, now, run)
        self._messages: Sequence[Message] = ()

    @property
    def reached(self) -> float:
        """Up to when it is simulated, on the study's clock."""
        return self._workers.now()

    def step(self) -> bool:
        """Take in what comes next; returns whether the study has ended."""
        workers = self._workers
        step = self._engine.handle(self._messages, now=workers.now(), capacity=workers.capacity)
        act(step, workers)
        self._messages = workers.poll(None)
        return step.finished or not self._messages


class TimeLeft:
    """Forecasts when a study will end, a little at a time, for what shows it while it runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state: StudyState | None = None
        """A copy of the study as it was when it was last looked at, while it is simulated."""
        self._forecast: Forecast | None = None
        self._ends: list[float] = []
        """Of the forecasts for that state so far."""
        self._seen = 0
        self.end: float | None = None
        """When the trials will be done, on the study's clock; None if nothing says so yet."""

    def look(self, state: StudyState, now: float) -> None:
        """Take in how a study stands `now`, unless a forecast is still at work.

        `state` must not change meanwhile: it takes a moment.
        """
        n_trials = self._settings.n_trials
        if n_trials is None or self._state is not None or state.events <= self._seen or not state.trials:
            return
        self._seen = state.events
        begun, left = len(state.trials), n_trials - len(state.trials)
        if left > _MOST_TRIALS or len(state.curve) > _MOST_REPORTS:
            self.end = now + left * now / begun
        else:
            self._state, self._now = state.copy(), now

    def work(self, seconds: float) -> None:
        """Simulate for so long; others may change the study meanwhile."""
        until = time.perf_counter() + seconds
        while self._state is not None and time.perf_counter() < until:
            if self._forecast is None and (pace := self._pace(self._state)).known:
                self._forecast = Forecast(
                    self._state.copy(), self._settings, self._now, pace, len(self._ends)
                )
            if self._forecast is None:
                self._state = None
            elif self._forecast.step():
                self._add(self._forecast.reached)

    def _pace(self, state: StudyState) -> Pace:
        max_resource = self._settings.max_resource
        return Pace(state, max_resource, schedulers.rungs_of(self._settings.scheduler, max_resource))

    def _add(self, end: float) -> None:
        self._ends.append(end)
        self._forecast = None
        if self.end is None or len(self._ends) == _RUNS:
            self.end = sum(self._ends) / len(self._ends)
        if len(self._ends) == _RUNS:
            self._state = None
            self._ends.clear()


def end_of(state: StudyState, now: float) -> float | None:
    """When the trials of a stored study that runs will be done, on its clock; None if nothing says so."""
    plan, goals = state.plan, state.goals
    problem = Problem(state.space, goals, plan.get("max_resource"))
    scheduler = schedulers.stored(plan.get("scheduler", {}), problem)
    if scheduler is None:
        return None
    settings = Settings.of(
        **goals.to_json(), scheduler=scheduler, searcher="random", max_resource=plan.get("max_resource"),
        n_trials=plan.get("n_trials"), n_workers=min(plan.get("n_workers", 1), _MOST_TRIALS),
        storage=":memory:",
    )  # fmt: skip
    time_left = TimeLeft(settings)
    time_left.look(state, now)
    time_left.work(_AT_ONCE)
    return time_left.end
