"""Run objectives in this thread, one after another: for debuggers, and for what can't travel to a process."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from time import monotonic  # bound now: an objective may patch the module
from typing import TYPE_CHECKING

from rung.execution.base import AttemptId, Deliver, End, Job, Log, Message, Report
from rung.objectives.attempt import run_attempt
from rung.objectives.checkpoints import CheckpointStore
from rung.objectives.ended import TrialInterrupted
from rung.objectives.function import Objective
from rung.study.events import Outcome, Verdict

if TYPE_CHECKING:
    from rung.execution.worker.children import ChildGuard

logger = logging.getLogger("rung")


class _CutOff(TrialInterrupted, KeyboardInterrupt):
    """Ctrl-C inside the objective, which may catch it as it would any."""


class Inline:
    """One worker, which is this thread.

    `poll` runs the objective, and a report made inside it re-enters the coordinator by `deliver`: the
    report is logged and answered while the objective waits, as it is with worker processes.
    """

    capacity = 1
    deliver: Deliver | None = None

    def __init__(
        self, objective: Objective, store: CheckpointStore | None = None, *, guarded: bool = False
    ) -> None:
        # `guarded`: what the objective starts is ended if this process is killed.
        self._guard = self._starting = _guard() if guarded else None
        self._objective = objective
        self._store = store
        self._jobs: deque[Job] = deque()
        self._verdict = Verdict.CONTINUE
        self._in_objective = False
        self._reports = False
        """Whether the objective is one that reports."""
        self._interrupted = False
        self._error: BaseException | None = None

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return monotonic()

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        self._jobs.append(job)

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """See `Executor`."""
        self._verdict = verdict

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """Do nothing: code in this thread can't be ended by force; its next report gets the verdict."""

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """Run the next job to its end."""
        if not self._jobs:
            return ()
        # The log knows the guard before code runs that may start processes.
        starting, self._starting = self._starting, None
        if starting is not None and (up := starting.watch()):
            return (up,)
        end = self._run(self._jobs.popleft())
        if self._error is not None:
            raise self._error
        return (end,)

    def interrupt(self) -> None:
        """Let an objective that reports reach its next report; the second time, or any other, cut it off.

        The coordinator's own code is never cut short.
        """
        again, self._interrupted = self._interrupted, True
        if self._in_objective and (again or not self._reports):
            raise _CutOff("KeyboardInterrupt")

    def close(self) -> None:
        """See `Executor`."""
        if self._guard is not None:
            self._guard.close()

    def _run(self, job: Job) -> End:
        self._reports = job.max_resource is not None
        self._in_objective = True
        try:
            if self._interrupted:  # since this job was submitted
                raise _CutOff("KeyboardInterrupt")
            return run_attempt(self._objective, job, self._send, self._store)
        except KeyboardInterrupt:  # it came just before the objective began, or just after it ended
            return End(job.id, Outcome.INTERRUPTED, reason="KeyboardInterrupt")
        finally:
            self._in_objective = False

    def _send(self, report: Report | Log) -> Verdict:
        assert self.deliver is not None  # set before the first job
        self._in_objective = False
        try:
            self.deliver((report,))
        except BaseException as error:  # noqa: BLE001
            # The coordinator's trouble is not the objective's: it ends, and `poll` raises the error.
            self._error = self._error or error
            raise TrialInterrupted(f"{report.id}/r{report.number} could not be stored") from None
        self._in_objective = self._reports = True
        return Verdict.INTERRUPT if self._interrupted else self._verdict


def _guard() -> ChildGuard | None:
    from rung.execution.worker.children import ChildGuard

    try:
        return ChildGuard()
    except OSError as error:
        logger.warning("what the objective starts may outlive a kill of this process: %s", error)
        return None
