"""How an attempt ended for its trial: what it returned, or that its worker was lost."""

from __future__ import annotations

from collections.abc import Mapping

from rung.errors import MetricError
from rung.execution.base import End
from rung.study.events import Outcome
from rung.study.metrics import MEASURED, Goals, Metric
from rung.study.state import StudyState


def of_result(end: End, state: StudyState) -> tuple[str, str, MetricError | None]:
    """Outcome and reason of an attempt that returned, and what stops the study if no trial has completed."""
    reports = state.trials[end.id.trial].reports
    metrics: Mapping[str, float] = {**reports[-1].metrics, **end.metrics} if reports else end.metrics
    is_first = not state.counts["completed"]
    if missing := state.goals.missing(metrics):
        if not is_first:
            return Outcome.FAILED, missing, None
        return Outcome.INTERRUPTED, missing, MetricError(f"trial {end.id.trial}: {missing}")
    cost = state.plan.get("cost")
    if cost and is_first and cost not in MEASURED and cost not in metrics:
        missing = Goals((Metric(cost),)).missing(metrics)
        return Outcome.INTERRUPTED, missing, MetricError(f"trial {end.id.trial}: cost: {missing}")
    held_back = reports[-1].held_back if reports else {}
    typo = state.goals.unreported({**metrics, **held_back})
    if typo and is_first:
        return Outcome.INTERRUPTED, typo, MetricError(f"trial {end.id.trial}: {typo}")
    if problem := state.goals.problem(metrics):
        return Outcome.FAILED, problem, None
    return Outcome.COMPLETED, end.reason, None


def after_loss(end: End, state: StudyState, retries: int) -> tuple[str, str]:
    """Outcome and reason of an attempt whose worker was lost: the trial fails after so many retries."""
    attempts = state.trials[end.id.trial].attempts
    losses = 1 + sum(a.outcome == Outcome.LOST for a in attempts)
    if losses <= retries:
        return Outcome.LOST, end.reason
    return Outcome.FAILED, f"{end.reason} ({losses} times)" if losses > 1 else end.reason
