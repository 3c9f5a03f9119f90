"""What the coordinator and an executor say to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from rung.study.events import Verdict


class AttemptId(NamedTuple):
    """Which run of which trial."""

    trial: int
    attempt: int

    def __str__(self) -> str:
        return f"t{self.trial}/a{self.attempt}"


@dataclass(frozen=True, slots=True)
class Job:
    """An attempt to run."""

    id: AttemptId
    config: Mapping[str, Any]
    seed: int
    max_resource: int | None = None
    start_resource: int = 0
    """The last resource that was reported before."""
    target_resource: int | None = None
    """The resource at which the trial is looked at again; None is `max_resource`."""
    parent: int | None = None
    """The trial whose checkpoint this one begins from."""
    resource: str = "epoch"
    """What the resource is called: the keyword of `report`."""
    timeout: float | None = None
    """Seconds that the attempt may run; then it has failed. None is no limit."""
    memory: int | None = None
    """Bytes that its process and all below it may hold; beyond them it has failed."""


@dataclass(frozen=True, slots=True)
class WorkerUp:
    """A worker process has started."""

    worker: int
    pid: int
    guard: int
    started: float
    """Seconds after the boot."""
    boot: str


@dataclass(frozen=True, slots=True)
class Report:
    """The objective reported; it waits for the answer."""

    id: AttemptId
    number: int
    resource: int
    metrics: Mapping[str, float]
    checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """An attempt is over. `outcome` is one of `rung.study.events.Outcome`."""

    id: AttemptId
    outcome: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    traceback: str = ""
    broken: Literal["", "metric", "code", "disk"] = ""
    """The objective itself seems wrong, in what it returns or in its code, or the disk is full: another
    configuration would do no better."""


Message = WorkerUp | Report | End


Deliver = Callable[[Sequence[Message]], object]
"""Hands messages to the coordinator at once."""


class Executor(Protocol):
    """Runs jobs somewhere. The clock is the executor's: nobody else asks for the time."""

    deliver: Deliver
    """Set by the coordinator before the first job. An executor whose `poll` runs an objective in the
    coordinator's own thread calls it with each report, and `answer` is called before it returns; others
    return their reports from `poll`."""

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        ...

    def now(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def submit(self, job: Job) -> None:
        """Take a job; returns at once."""
        ...

    def answer(self, report: Report, verdict: Verdict) -> None:
        """Let the objective that waits after `report` go on with `verdict`."""
        ...

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """End an attempt: at its next report, or by force `grace` seconds from now."""
        ...

    def discard(self, trial: int) -> None:
        """Delete the checkpoint of a trial that never runs again."""
        ...

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """Wait for messages, at most `timeout` seconds: the only call that blocks."""
        ...

    def interrupt(self) -> None:
        """Make a blocking `poll` return soon; called from a signal handler.

        Called again once the time for a report is over: an objective in the coordinator's own thread is then
        cut off.
        """
        ...

    def close(self) -> None:
        """End everything that still runs; no process is left behind. Called again if Ctrl-C cut it short."""
        ...
