"""Whether a log proves its winner: each step of a confirmation is the one that its history asked for."""

from __future__ import annotations

from collections.abc import Sequence

from rung.confirmation.actions import Action, Choose, Elect, Repeat
from rung.confirmation.policy import choose, go_on
from rung.study.events import Event, FinalistsChosen, TrialCreated, WinnerChosen
from rung.study.history import History
from rung.study.state import StudyState


def problems(events: Sequence[Event]) -> list[str]:
    """What in a log contradicts its winners, in sentences.

    The finalists are the best that the search had observed, the winner is the best of the fresh runs that
    were over when it was chosen, and the runs that claim its value were created after that.
    """
    if not any(isinstance(event, FinalistsChosen) for event in events):
        return []
    state, found = StudyState.replay(events[:1]), list[str]()
    history = History(state)
    for event in events[1:]:
        if (logged := _decided(event)) is not None:
            expected = _expected(event, history)
            if logged != expected:
                found.append(f"event {event.id}: {logged}, where its history asks for {expected}")
        state.apply(event)
    return found


def _decided(event: Event) -> Action | None:
    match event:
        case FinalistsChosen():
            return Choose(tuple(event.trials), event.runs, event.claim, tuple(event.compared))
        case WinnerChosen():
            return Elect(event.trial, event.reason)
        case TrialCreated(repeats=int() as repeats, repeat=int() as number):
            return Repeat(repeats, number)
    return None


def _expected(event: Event, history: History) -> Action:
    if isinstance(event, FinalistsChosen):
        return choose(history, event.runs, len(event.trials), event.compared)
    return go_on(history, history.confirmations[-1])
