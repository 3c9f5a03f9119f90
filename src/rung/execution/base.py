"""What the coordinator and an executor say to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rung.objectives.job import AttemptId, End, Job, Log, Report
from rung.study.events import Verdict

__all__ = ["AttemptId", "Deliver", "End", "Executor", "Job", "Log", "Message", "Report", "WorkerUp"]


@dataclass(frozen=True, slots=True)
class WorkerUp:
    """A worker has started, which may outlive the coordinator. The log keeps this before it runs a trial."""

    worker: int
    """Its number in this session."""
    backend: str
    """The backend's name."""
    identity: Mapping[str, Any]
    """What its backend needs to find it again and to end it; of what JSON has."""


Message = WorkerUp | Report | Log | End


Deliver = Callable[[Sequence[Message]], object]
"""Hands messages to the coordinator at once."""


class Executor(Protocol):
    """Runs jobs somewhere. The clock is the executor's: nobody else asks for the time."""

    deliver: Deliver | None
    """None until the coordinator sets it, before the first job. An executor whose `poll` runs an objective in
    the coordinator's own thread calls it with each report and log, and `answer` is called before it returns;
    others return them from `poll`."""

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

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """Let the objective that waits after `report` go on with `verdict`."""
        ...

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """End an attempt: at its next report, or by force `grace` seconds from now."""
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
