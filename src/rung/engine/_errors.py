"""What the user gets to read when the objective ends the study, or wastes its time."""

from __future__ import annotations

from dataclasses import replace

from rung.errors import Error, MetricError, ObjectiveError, StorageError, TooManyFailures, TrialError
from rung.execution.base import End
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Trial

_LONGEST_REASON = 4_000
_LONGEST_TRACEBACK = 40_000
"""Characters of what is kept of why an attempt ended: an executor or a caller may give any text."""


def bounded(end: End) -> End:
    """The end with no more of its texts than the log keeps."""
    if len(end.reason) <= _LONGEST_REASON and len(end.traceback) <= _LONGEST_TRACEBACK:
        return end
    return replace(end, reason=end.reason[:_LONGEST_REASON], traceback=end.traceback[:_LONGEST_TRACEBACK])


def broken(end: End) -> Error:
    """The objective itself is wrong: no configuration would do better."""
    if end.broken == "metric":
        return MetricError(f"trial {end.id.trial}: {end.reason}")
    return ObjectiveError(
        f"the objective's code seems to be wrong, so the study stopped; trial {end.id.trial} raised "
        f"{end.reason}\n{end.traceback}".rstrip()
    )


def disk_full(end: End) -> Error:
    """The disk took no checkpoint, so it would take none of another trial either."""
    return StorageError(
        f"trial {end.id.trial}: {end.reason}; the study stopped and no trial is lost: "
        "once there is space on a sound disk, run it again"
    )


def raised(end: End) -> Error:
    """A trial raised under `on_error="raise"`."""
    return TrialError(
        f"trial {end.id.trial} raised {end.reason}, so the study stopped; "
        f"the trial runs again when it goes on\n{end.traceback}".rstrip()
    )


def too_many(state: StudyState) -> Error:
    """Trial after trial failed."""
    failed = [t for t in state.trials if t.status == Outcome.FAILED]
    last = failed[-1].attempts[-1]
    return TooManyFailures(
        f"{state.failed_in_a_row} trials in a row failed, so the study stopped; "
        f"the last, trial {failed[-1].number}: {last.reason}\n{last.traceback}".rstrip()
    )


def restarted(trial: Trial, resource: str) -> str:
    """What to know of a trial that begins again."""
    paused = trial.attempts[-2].outcome == Outcome.PAUSED
    instead = ', or use scheduler="auto", which then stops trials and never pauses them' if paused else ""
    return (
        f"trial {trial.number} starts again from {resource} 1: it saved no checkpoint; to go on where it "
        f"stopped, save one by trial.checkpoint() before each report{instead}"
    )
