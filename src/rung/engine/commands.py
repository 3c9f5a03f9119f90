"""What the engine asks an executor to do, once the facts that led to it are logged."""

from __future__ import annotations

from dataclasses import dataclass, field

from rung.execution.base import AttemptId, Job, Log, Report
from rung.study.events import Event, Verdict


@dataclass(frozen=True, slots=True)
class Submit:
    """Run a job."""

    job: Job


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a report."""

    report: Report | Log
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Stop:
    """End an attempt."""

    attempt: AttemptId
    grace: float


@dataclass(frozen=True, slots=True)
class Discard:
    """Delete a checkpoint."""

    trial: int


Command = Submit | Answer | Stop | Discard


@dataclass(slots=True)
class Step:
    """What `Engine.handle` decided: facts to log, then commands to execute."""

    events: list[Event] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the user is to know."""
    wait: float | None = None
    """Seconds until the engine wants to be asked again without a message; None: no need."""
    finished: bool = False
