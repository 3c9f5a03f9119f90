"""An executor in virtual time: a month on a thousand workers passes in seconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from rung.execution.base import AttemptId, Deliver, End, Job, Log, Message, Report
from rung.study.events import Outcome, Verdict

Curve = Callable[[Job], Iterator[tuple[float, Mapping[str, float] | End]]]
"""What a job does: pairs of seconds until something happens, and the metrics it reports then. The first
report is that of the epoch after `job.start_resource`.

An End in the place of metrics ends the attempt as it says (a loss, a failure); when the pairs run out
the attempt has completed with what it last reported.
"""


@dataclass(slots=True)
class _Run:
    """An attempt that runs: what is still to come of it, and where it stands."""

    events: Iterator[tuple[float, Mapping[str, float] | End]]
    epoch: int
    reports: int = 0


class Simulator:
    """A peer of the real executors, whose clock is an event queue.

    Every trial can go on where it stopped, as with checkpoints, at no cost.
    """

    deliver: Deliver | None = None

    def __init__(self, curve: Curve, capacity: int = 1) -> None:
        self._capacity = capacity
        self._curve = curve
        self._clock = 0.0
        self._order = count()  # equal moments come in the order in which they were planned
        self._queue: list[tuple[float, int, AttemptId, Message]] = []
        self._running: dict[AttemptId, _Run] = {}
        self._epochs: dict[int, int] = {}
        """How far each trial has got."""

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        return self._capacity

    def now(self) -> float:
        """Virtual seconds."""
        return self._clock

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        if job.parent is not None:  # its checkpoint is a copy of its parent's until it saves one
            begun = self._epochs.get(job.id.trial, self._epochs.get(job.parent, 0))
            job = replace(job, start_resource=max(job.start_resource, begun))
        self._epochs[job.id.trial] = job.start_resource
        self._running[job.id] = _Run(self._curve(job), job.start_resource)
        self._advance(job.id)

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """Let the job go on, or end it where it stands."""
        if report.id not in self._running:
            return
        if verdict is Verdict.CONTINUE:
            self._advance(report.id)
            return
        outcomes = {Verdict.STOP: Outcome.STOPPED, Verdict.PAUSE: Outcome.PAUSED}
        self._finish(report.id, outcomes.get(verdict, Outcome.INTERRUPTED))

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """End the attempt `grace` seconds from now, unless it ends before."""
        self._plan(grace, attempt, End(attempt, Outcome.INTERRUPTED))

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """Jump to the next event and return it, or to the end of the timeout."""
        while self._queue:
            when, _, attempt, message = self._queue[0]
            if timeout is not None and when > self._clock + timeout:
                break
            heapq.heappop(self._queue)
            if attempt not in self._running:
                continue
            self._clock = when
            if isinstance(message, End):
                del self._running[attempt]
            elif isinstance(message, Report):
                self._epochs[attempt.trial] = message.resource
            return (message,)
        self._clock += timeout or 0.0
        return ()

    def interrupt(self) -> None:
        """Nothing blocks."""

    def close(self) -> None:
        """Nothing runs."""

    def _plan(self, seconds: float, attempt: AttemptId, message: Message) -> None:
        heapq.heappush(self._queue, (self._clock + seconds, next(self._order), attempt, message))

    def _advance(self, attempt: AttemptId) -> None:
        run = self._running[attempt]
        seconds, event = next(run.events, (0.0, End(attempt, Outcome.COMPLETED)))
        if isinstance(event, End):
            self._plan(seconds, attempt, event)
            return
        run.reports += 1
        run.epoch += 1
        self._plan(seconds, attempt, Report(attempt, run.reports, run.epoch, event, checkpoint=True))

    def _finish(self, attempt: AttemptId, outcome: Outcome) -> None:
        self._plan(0.0, attempt, End(attempt, outcome))
