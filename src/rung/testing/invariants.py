"""Invariants of a study, checked on its log alone. Each raises AssertionError naming what is broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    FinalReportShown,
    Reported,
    SessionEnded,
    SessionStarted,
    TrialCreated,
)
from rung.study.state import StudyState


def check_log(
    events: Sequence[Event], *, n_trials: int | None = None, capacity: int | None = None
) -> StudyState:
    """Check a whole log and return what it folds to.

    `n_trials` and `capacity`, if given, bound the trials created and the attempts that run at once.
    """
    ids_are_unique(events)
    epochs_never_go_back(events)
    time_never_goes_back(events)
    nothing_follows_the_end(events)
    at_most_one_attempt_per_trial(events, capacity)
    state = StudyState.replay(events)
    check_state(state)
    if n_trials is not None:
        assert state.counted <= n_trials, f"{state.counted} trials where {n_trials} were asked for"
    return state


def check_state(state: StudyState) -> None:
    """Check what a log folded to."""
    assert [t.number for t in state.trials] == list(range(len(state.trials))), "trial numbers have gaps"
    assert set(state.open) == {t.number for t in state.trials if t.status == "running"}, "open attempts"
    assert state.waiting == {t.number for t in state.trials if t.is_waiting}, "waiting trials"
    best_is_the_best(state)


def ids_are_unique(events: Iterable[Event]) -> None:
    """No event is logged twice."""
    seen: set[str] = set()
    for event in events:
        assert event.id not in seen, f"event {event.id} stands in the log twice"
        seen.add(event.id)


def epochs_never_go_back(events: Iterable[Event]) -> None:
    """Each session has a higher epoch than the one before."""
    epochs = [e.epoch for e in events if isinstance(e, SessionStarted)]
    assert all(a < b for a, b in pairwise(epochs)), f"epochs {epochs}"


def time_never_goes_back(events: Sequence[Event]) -> None:
    """The study's clock only goes on."""
    for before, after in pairwise(events):
        assert before.t <= after.t, f"{after.id} at {after.t} follows {before.id} at {before.t}"


def nothing_follows_the_end(events: Sequence[Event]) -> None:
    """After the end of a session there is a new session, or a look at the final report."""
    for before, after in pairwise(events):
        if isinstance(before, SessionEnded):
            assert isinstance(after, SessionStarted | FinalReportShown), f"{after.id} follows {before.id}"


def at_most_one_attempt_per_trial(events: Iterable[Event], capacity: int | None = None) -> None:
    """Attempts of a trial follow one another and end once; no more run at once than there are workers."""
    open_: dict[int, int] = {}
    last: dict[int, int] = {}
    created = 0
    for event in events:
        match event:
            case TrialCreated():
                assert event.trial == created, f"{event.id} is not the next trial"
                created += 1
            case AttemptStarted():
                assert event.trial < created, f"{event.id} before its trial"
                assert event.trial not in open_, f"{event.id} while another attempt runs"
                assert event.attempt == last.get(event.trial, 0) + 1, f"{event.id} is not the next attempt"
                open_[event.trial] = last[event.trial] = event.attempt
            case Reported():
                assert open_.get(event.trial) == event.attempt, f"{event.id} of no running attempt"
            case AttemptEnded():
                assert open_.pop(event.trial, None) == event.attempt, f"{event.id} of no running attempt"
        assert capacity is None or len(open_) <= capacity, f"{len(open_)} attempts run on {capacity} workers"


def best_is_the_best(state: StudyState) -> None:
    """The incumbent equals the best feasible completed trial found by looking at all."""
    metric = state.goals.first
    candidates = [t for t in state.trials if t.status == "completed" and t.feasible]
    if not candidates:
        halted = {"stopped", "paused"}
        assert state.best is None or state.best.status in halted, "an incumbent without a candidate"
        return
    assert state.best is not None, "no incumbent"
    expected = min(metric.loss(t.metrics[metric.name]) for t in candidates)
    assert metric.loss(state.best.metrics[metric.name]) == expected, "the incumbent is not the best"
