"""A log replayed: each decision in it is the one that an unbroken run would have made."""

from __future__ import annotations

from collections.abc import Sequence

from rung.schedulers.base import Resume, Scheduler, Start, judged
from rung.study.events import AttemptStarted, Event, Judged, Reported, TrialCreated
from rung.study.history import History
from rung.study.state import StudyState
from rung.study.trial import IMPORTED


def check_decisions(events: Sequence[Event], scheduler: Scheduler) -> int:
    """Feed a log to a scheduler that never died and compare its decisions with those logged.

    `scheduler` is a fresh one with the study's arguments. However often the coordinator was killed, and on
    however many workers the trials ran: with the same order of arrival the promotions, pauses and stops are
    the same. Returns how many decisions were compared; raises AssertionError at the first that differs.
    """
    state = StudyState.replay(events[:1])
    history = History(state)
    compared = 0
    for i, event in enumerate(events[1:], 1):
        if isinstance(event, TrialCreated) and event.origin not in {"user", "confirm", IMPORTED}:
            _check_start(event, history, scheduler)
            compared += 1
        elif isinstance(event, AttemptStarted) and not isinstance(events[i - 1], TrialCreated):
            compared += _check_resume(event, state, history, scheduler)
        state.apply(event)
        searched = isinstance(event, Reported) and state.trials[event.trial].repeats is None
        if searched and isinstance(event, Reported) and _is_judged(event, state):
            _check_verdict(event, events[i + 1 : i + 2], history, scheduler)
            compared += 1
    return compared


def _is_judged(event: Reported, state: StudyState) -> bool:
    return state.open[event.trial].verdict is None and not state.trials[event.trial].is_imported


def _check_start(event: TrialCreated, history: History, scheduler: Scheduler) -> None:
    config = history.space.config_from_json(event.config)
    action = scheduler.next(history, lambda: config)
    assert isinstance(action, Start), f"{event.id} was created; replayed, the scheduler says {action}"
    assert action.parent == event.parent, f"{event.id} has parent {event.parent}; replayed, {action.parent}"


def _check_resume(event: AttemptStarted, state: StudyState, history: History, scheduler: Scheduler) -> int:
    if state.waiting:
        assert event.trial == min(state.waiting), f"{event.id}, though trial {min(state.waiting)} waits"
        return 0
    action = scheduler.next(history, lambda: None)
    assert action == Resume(event.trial, event.target), f"{event.id} went on; replayed, it is {action}"
    return 1


def _check_verdict(event: Reported, after: Sequence[Event], history: History, scheduler: Scheduler) -> None:
    verdict = judged(scheduler, history, history.trials[event.trial])
    logged = [e.verdict for e in after if isinstance(e, Judged) and e.id == f"{event.id}/v"]
    assert logged == ([] if verdict == "continue" else [verdict]), (
        f"{event.id}: {logged}; replayed, {verdict}"
    )
