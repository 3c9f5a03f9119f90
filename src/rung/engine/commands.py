"""What the engine asks an executor to do, once the facts that led to it are logged."""

from __future__ import annotations

from dataclasses import dataclass

from rung.execution.base import AttemptId, Job, Report
from rung.study.events import Verdict


@dataclass(frozen=True, slots=True)
class Submit:
    """Run a job."""

    job: Job


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a report."""

    report: Report
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
