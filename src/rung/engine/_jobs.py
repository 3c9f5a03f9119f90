"""What a worker is handed for an attempt: where the trial stands, and what is left of its limits."""

from __future__ import annotations

from pathlib import Path

from rung.execution.base import AttemptId, Job
from rung.settings import Settings
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.streams import derived_seed
from rung.study.trial import Trial


def job_for(
    state: StudyState, settings: Settings, attempt: AttemptId, target: int | None, folder: Path | None
) -> Job:
    """The job of an attempt that has been logged."""
    trial = state.trials[attempt.trial]
    fresh = ("trial", attempt.trial) if trial.repeat is None else ("repeat", trial.repeat)
    seed = derived_seed(state.seed, *fresh)
    return Job(attempt, trial.config, seed, settings.max_resource, _begun(state, trial), target, trial.parent,
               settings.resource, _seconds_left(settings, trial), settings.trial_memory, folder,
               trial.repeat, _reported(state, trial))  # fmt: skip


def _reported(state: StudyState, trial: Trial) -> dict[int, int]:
    """Where the log has each attempt of a trial: the last resource it reported, or that at which it began."""
    last = {report.attempt: report.resource for report in trial.reports}
    stands = 0 if trial.parent is None else _clone(state, trial, trial.parent)
    return {attempt.number: (stands := last.get(attempt.number, stands)) for attempt in trial.attempts[:-1]}


def _seconds_left(settings: Settings, trial: Trial) -> float | None:
    if settings.trial_timeout is None:
        return None
    # What a lost or interrupted attempt did is done again, so its time does not count.
    paused = (a for a in trial.attempts if a.outcome == Outcome.PAUSED and a.ended is not None)
    used = sum((a.ended or a.started) - a.started for a in paused)
    return max(0.0, settings.trial_timeout - used)


def _begun(state: StudyState, trial: Trial) -> int:
    if trial.reports or trial.parent is None:
        return trial.resource
    return _clone(state, trial, trial.parent)


def _clone(state: StudyState, trial: Trial, parent: int) -> int:
    # A clone that has not reported yet stands where its parent stood when it was made.
    curve, (then, _) = state.curve, state.known[trial.number]
    rows = curve.rows(state.trials[parent].reports.last)
    return max((curve.resource[row] for row in rows if row < then), default=0)
