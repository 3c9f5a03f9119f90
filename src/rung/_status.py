"""How a study stands now; few imports, so that `rung status` answers at once."""

from __future__ import annotations

import time
from dataclasses import replace

from rung.storage import Owner
from rung.study.budget import Budget
from rung.study.state import StudyState
from rung.views.summary import Summary, summarise


def summary_of(name: str, state: StudyState, owner: Owner | None) -> Summary:
    """Return how a study stands now, by the clock of its session if it runs."""
    budget = Budget(state.plan.get("n_trials"), state.plan.get("timeout"))
    if owner is None:
        # A session that was cut off runs no more, so there is no time left to show.
        return replace(summarise(name, state, state.t, budget), running=())
    session = state.sessions[-1] if state.sessions else None
    now = session.t + time.time() - session.wall if session else 0.0
    now = max(now, state.t)
    return summarise(name, state, now, budget, _end(state, now))


def _end(state: StudyState, now: float) -> float | None:
    if state.plan.get("n_trials") is None or not (state.ends or state.curve):
        return None
    from rung.engine.forecast import end_of  # loads numpy

    return end_of(state, now)


def state_of(state: StudyState, owner: Owner | None) -> str:
    """Return whether a study runs, or how its last session ended."""
    if owner is not None:
        return "running"
    if not state.sessions:
        return "new"
    return state.ended or "killed"
