"""The rungs of a study: where its trials were compared."""

from __future__ import annotations

from rung import schedulers
from rung.study.algorithm import Problem
from rung.study.events import Outcome
from rung.study.state import StudyState

_HALTED = {Outcome.STOPPED, Outcome.PAUSED}


def levels(state: StudyState) -> list[int]:
    """Return the resources at which the scheduler compares trials, as far as one has got.

    Of a scheduler without rungs, those at which trials were to be looked at, or were stopped or paused, and
    where the furthest completed: one may end before its maximum.
    """
    full, furthest = state.plan.get("max_resource"), max((t.resource for t in state.trials), default=0)
    scheduler = schedulers.stored(state.plan.get("scheduler", {}), Problem(state.space, state.goals, full))
    if scheduler is not None and (rungs := schedulers.rungs_of(scheduler, full)):
        return [rung for rung in rungs if rung <= furthest]
    found = {max((t.resource for t in state.trials if t.status == Outcome.COMPLETED), default=0)} - {0}
    for trial in state.trials:
        found |= {attempt.target for attempt in trial.attempts if attempt.target is not None}
        if trial.reports and trial.status in _HALTED:
            found.add(trial.resource)
    return sorted(found)
