"""The caller is the executor: what `Study.ask` and `Study.tell` run on."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic  # bound now: an objective may patch the module

from rung.execution.base import AttemptId, Deliver, Job, Log, Message, Report
from rung.study.events import Verdict


class Manual:
    """Keeps what the engine asked for until the caller fetches it."""

    capacity = 0
    deliver: Deliver | None = None

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.verdict = Verdict.CONTINUE

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return monotonic()

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        self.jobs.append(job)

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """See `Executor`."""
        self.verdict = verdict

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """The caller sees the verdict at the next report."""

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """Nothing arrives by itself."""
        return ()

    def interrupt(self) -> None:
        """Nothing blocks."""

    def close(self) -> None:
        """Nothing runs."""
