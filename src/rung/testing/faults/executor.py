"""An executor in virtual time whose workers die, fail and do not listen, over a network that errs."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from rung.errors import WorkerError
from rung.execution.base import AttemptId, Deliver, End, Job, Log, Message, Report, WorkerUp
from rung.storage.base import Lease
from rung.study.events import Outcome, Verdict
from rung.testing.faults import invariants
from rung.testing.faults.invariants import LATEST, LEASE, LONGEST

if TYPE_CHECKING:
    from rung.testing.faults.world import World


class NoWorker(WorkerError):
    """An error that the simulation made."""


class Died(BaseException):
    """The coordinator's process is gone."""


class Clock:
    """What a session takes for the time: it never goes back, but it stalls and it jumps ahead."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = world.time
        self._reading = float(world.clock_rng.uniform(0.0, 1e6))
        self._stalls_until = 0.0

    def now(self) -> float:
        """Seconds since some moment."""
        if self._world.time >= self._stalls_until:
            self._reading += self._world.time - self._seen
        self._seen = self._world.time
        return self._reading

    def err(self) -> None:
        """Stall, or jump, now and then."""
        self.now()
        chance = self._world.clock_rng.random()
        if chance < 0.05:
            self._stalls_until = self._world.time + float(self._world.clock_rng.exponential(5.0))
        elif chance > 0.95:
            self._reading += float(self._world.clock_rng.exponential(1000.0))


@dataclass(slots=True)
class _Run:
    """An attempt that a worker is at."""

    job: Job
    epoch: int
    saves: bool
    reports: int = 0


class FaultyExecutor:
    """The workers of one session."""

    deliver: Deliver | None = None

    def __init__(self, world: World, lease: Lease) -> None:
        self._world, self._lease = world, lease
        self._clock = Clock(world)
        self.stop_session: Callable[[str], None]
        """What Ctrl-C calls."""
        self._order = count()
        self._queue: list[tuple[float, int, Message]] = []
        """What will arrive, and when."""
        self._workers = count()
        self.runs: dict[AttemptId, _Run] = {}
        """Attempts at work, as far as the executor knows."""
        self.over: dict[AttemptId, float] = {}
        """When other attempts ended."""
        for message in world.in_flight:
            self._arrive(float(world.rng.exponential(2.0)), message)
        world.in_flight.clear()
        for _ in range(self.capacity):
            self._worker_up()

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        return self._world.setting.capacity

    def now(self) -> float:
        """See `Executor`."""
        return self._clock.now()

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        self._world.point("before a submit")
        invariants.nothing_starts_unlogged(self._world, job)
        # A stale owner's last command: it can log nothing of it. What it would do on the disk is left out.
        saves = self._world.setting.checkpoints and not self._world.is_stale(self._lease)
        begun = self._world.disk.begin(job) if saves else 0
        if saves:
            invariants.it_goes_on_where_it_stood(self._world, job, begun)
        self.runs[job.id] = _Run(job, begun, saves)
        self._advance(self.runs[job.id])
        self._world.point("after a submit")

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """See `Executor`."""
        assert isinstance(report, Report)  # its trials log nothing of their own
        self._world.point("before an answer")
        self._world.say("answer", report.id, report.number, verdict)
        if verdict is not Verdict.SUPERSEDED:
            invariants.nothing_is_acknowledged_unlogged(self._world, report)
        run = self.runs.get(report.id)
        if run is not None:
            self._hear(run, report, verdict)
        self._world.point("after an answer")

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """See `Executor`."""
        self._arrive(grace, End(attempt, Outcome.INTERRUPTED))

    def discard(self, trial: int) -> None:
        """Delete the checkpoints of a trial, as the coordinator asks."""
        self._world.point("before a discard")
        self._world.disk.discard(trial)

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """See `Executor`. The step before is over: the invariants are checked."""
        self._world.after_step(self)
        self._world.point("in a poll")
        if self._world.happens("no worker"):
            raise NoWorker("no worker can be started")
        if self._world.happens("stop"):
            self.stop_session("interrupted")
        if self._world.setting.clock:
            self._clock.err()
        until = None if timeout is None else self._world.time + timeout
        if until is not None and (not self._queue or self._queue[0][0] > until):
            self._world.time = until + 1e-6  # no wait is shorter than a clock can tell
            return ()
        if not self._queue and self._world.is_stale(self._lease):
            raise Died("waiting for workers that its successor killed")
        assert self._queue, "the study hangs: it waits, and nothing will ever arrive"
        return self._arrived()

    def interrupt(self) -> None:
        """See `Executor`: nothing blocks."""

    def close(self) -> None:
        """See `Executor`: what is under way may still reach the next session."""
        self.kill_workers()
        late = [message for _, _, message in self._queue if not isinstance(message, WorkerUp)]
        self._world.in_flight += [m for m in late if self._world.happens("late")]
        self._queue.clear()

    def kill_workers(self) -> None:
        """As recovery does with the workers of another session."""
        self.runs.clear()

    # ---- the network

    def _arrived(self) -> list[Message]:
        when, _, message = heapq.heappop(self._queue)
        messages = [message]
        if self._world.happens("reordered"):
            until = when + float(self._world.rng.random())
            while self._queue and self._queue[0][0] <= until:
                when, _, message = heapq.heappop(self._queue)
                messages.append(message)
            self._world.rng.shuffle(messages)
        self._world.time = max(self._world.time, when)
        for message in messages:
            self._world.say("arrives", message)
            if isinstance(message, End):
                self._leave(message.id)
        return messages

    def _arrive(self, delay: float, message: Message) -> None:
        heapq.heappush(self._queue, (self._world.time + delay, next(self._order), message))

    def _send(self, delay: float, message: Report | End) -> None:
        if self._world.happens("late"):
            delay += min(LATEST, float(self._world.rng.exponential(LEASE)))
        if self._world.happens("lost"):
            self._declare_dead(message.id, delay + LEASE, "not heard of for a while")
            return
        self._arrive(delay, message)
        if self._world.happens("doubled"):
            self._arrive(delay + min(LATEST, float(self._world.rng.exponential(LEASE))), message)
        if self._world.happens("false death"):
            # What it has sent is still under way: the attempt speaks after its own end.
            self._declare_dead(message.id, delay * float(self._world.rng.random()), "seemed dead")

    def _declare_dead(self, attempt: AttemptId, delay: float, reason: str) -> None:
        self._leave(attempt)
        self._arrive(delay, End(attempt, Outcome.LOST, reason=reason))
        self._worker_up()

    # ---- the workers

    def _worker_up(self) -> None:
        if not self._world.setting.processes:
            return
        number = next(self._workers)
        up = WorkerUp(number, "processes", {"number": number})
        self._arrive(float(self._world.rng.exponential(0.1)), up)
        if self._world.happens("doubled"):
            self._arrive(float(self._world.rng.exponential(LEASE)), up)

    def _leave(self, attempt: AttemptId) -> None:
        if self.runs.pop(attempt, None) is not None:
            self.over[attempt] = self._world.time

    def _hear(self, run: _Run, report: Report, verdict: Verdict) -> None:
        assert report.number == run.reports, f"{report} is answered twice"
        world = self._world
        if (
            run.saves and report.resource != run.job.max_resource
        ):  # of the last one the epoch before is kept to the end
            world.disk.settle(report.id.trial)
        if verdict is Verdict.CONTINUE or world.happens("deaf"):
            self._advance(run)
            return
        outcomes = {Verdict.STOP: Outcome.STOPPED, Verdict.PAUSE: Outcome.PAUSED}
        self._end(run, End(report.id, outcomes.get(verdict, Outcome.INTERRUPTED)))

    def _advance(self, run: _Run) -> None:
        world, attempt = self._world, run.job.id
        if world.happens("death"):
            self._declare_dead(attempt, float(world.rng.uniform(0.0, LEASE)), "killed")
        elif world.happens("failure"):
            self._end(run, End(attempt, Outcome.FAILED, reason="ValueError"))
        elif world.happens("broken code"):
            self._end(run, End(attempt, Outcome.FAILED, reason="NameError", broken="code"))
        elif world.happens("interrupt"):
            self._end(run, End(attempt, Outcome.INTERRUPTED, reason="KeyboardInterrupt"))
        elif run.epoch == run.job.max_resource:
            bad = {"y": float("nan")} if world.happens("nan") else {}
            self._end(run, End(attempt, Outcome.COMPLETED, bad))
        else:
            self._train(run)

    def _train(self, run: _Run) -> None:
        run.epoch += 1
        run.reports += 1
        if run.saves:
            self._world.disk.save(run.job.id.trial, run.epoch)
        noise = float(self._world.rng.normal(0.0, 0.2))
        metrics = {"y": round(run.job.config["x"] + 1 / run.epoch + noise, 1)}
        self._send(self._seconds(), Report(run.job.id, run.reports, run.epoch, metrics, checkpoint=run.saves))

    def _end(self, run: _Run, end: End) -> None:
        if run.saves and end.outcome == Outcome.COMPLETED:
            self._world.disk.settle(run.job.id.trial)
        self._send(self._seconds(), end)
        self._leave(run.job.id)

    def _seconds(self) -> float:
        return min(LONGEST, float(self._world.rng.exponential(1.0)))
