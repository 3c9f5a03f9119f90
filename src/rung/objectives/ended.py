"""The exceptions by which an attempt ends before its objective returns."""

from __future__ import annotations

from rung.study.events import Outcome, Verdict


class TrialEnded(BaseException):
    """Raised inside an objective to end it; not an Exception, so that ``except Exception`` lets it pass."""

    outcome = Outcome.INTERRUPTED
    traceback = ""
    """What is kept beside its text."""


class DiskFull(TrialEnded):
    """The disk takes no checkpoint: the study stops, and the trial runs again once there is room."""


class TrialStopped(TrialEnded):
    """The scheduler stopped this trial for good."""

    outcome = Outcome.STOPPED


class TrialPaused(TrialEnded):
    """The scheduler paused this trial; it may go on later from its checkpoint."""

    outcome = Outcome.PAUSED


class TrialInterrupted(TrialEnded):
    """The study is being stopped; the trial runs again when it goes on."""


class TrialDiverged(TrialEnded):
    """A tuned metric was reported as NaN or infinite; the trial has failed."""

    outcome = Outcome.FAILED


class ProgramFailed(TrialEnded):
    """The program of a `rung.Command` ended with an exit code; `output` is what it said last."""

    outcome = Outcome.FAILED

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(reason)
        self.traceback = output


ENDED_BY: dict[Verdict, type[TrialEnded]] = {
    Verdict.STOP: TrialStopped,
    Verdict.PAUSE: TrialPaused,
    Verdict.INTERRUPT: TrialInterrupted,
    Verdict.SUPERSEDED: TrialInterrupted,
}
"""What `report` raises for each verdict but to continue."""
