"""When a session confirms its winner, and with how many runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.confirmation.actions import Action, Choose, Done, Elect
from rung.study.confirmations import NO_NOISE
from rung.study.events import FINAL, Event, FinalistsChosen, Outcome, WinnerChosen
from rung.study.history import History
from rung.study.trial import Trial

if TYPE_CHECKING:
    from rung.settings import Settings

FEWEST = 3
"""Runs of a confirmation, at least."""
_SLACK, _ROUNDS, _MANY = 0.9, 3, 10**9
"""Of the runs that some time has room for, so many are made: runs may take longer than those before."""


@dataclass(frozen=True, slots=True)
class Confirming:
    """How a session confirms its winner: at the end of its search, or without any search.

    The policy itself (`rung.confirmation.policy`) is loaded when it is needed: it takes scipy.
    """

    share: float = 0.0
    """Of the study's budget; 0 if `runs` says it."""
    runs: int = 0
    finalists: int = 4
    compared: tuple[int, ...] = ()
    after: int | None = None
    """Without a search: how many confirmations there were before this one; None with a search."""

    @classmethod
    def of(cls, settings: Settings) -> Confirming | None:
        """What `confirm=` asks for."""
        if settings.confirm is None:
            return None
        return cls(settings.confirm, 0) if settings.confirm < 1 else cls(0.0, int(settings.confirm))

    def reserved(self, n_trials: int) -> int:
        """How many of the study's trials are kept for the finalists."""
        return self.runs or max(FEWEST, round(self.share * n_trials))

    def may_search(self, history: History, settings: Settings) -> bool:
        """Whether the searcher may propose another trial."""
        if self.after is not None:
            return False
        if has_no_noise(history) or settings.n_trials is None:
            return True  # without noise, the runs go back to the search
        return history.counted + self.reserved(settings.n_trials) < settings.n_trials

    def time_left(self, history: History, settings: Settings, now: float) -> float:
        """Seconds until what is left of the timeout is kept for the finalists."""
        if self.after is not None or settings.timeout is None or has_no_noise(history):
            return math.inf
        share = (
            self.share if settings.n_trials is None else self.reserved(settings.n_trials) / settings.n_trials
        )
        return (1 - share) * settings.timeout - now

    def next(self, history: History, settings: Settings, now: float, capacity: int) -> Action:
        """What follows where nothing runs but repeats."""
        from rung.confirmation.policy import choose, go_on

        if is_under_way(history):
            return go_on(history, history.confirmations[-1])
        if not self._is_due(history):
            return Done()
        runs = self._runs(history, settings, now, capacity)
        return Done() if runs < FEWEST else choose(history, runs, self.finalists, self.compared)

    def _is_due(self, history: History) -> bool:
        if self.after is not None:
            return len(history.confirmations) <= self.after
        return not has_no_noise(history) and is_searched_since(history)

    def _runs(self, history: History, settings: Settings, now: float, capacity: int) -> int:
        # A search that something else ended has made fewer trials than it might have.
        searched = [
            t for t in history.trials if t.repeats is None and not t.is_imported and t.status in FINAL
        ]
        runs = self.runs or max(FEWEST, math.ceil(len(searched) * self.share / (1 - self.share)))
        if settings.n_trials is not None:
            runs = min(runs, settings.n_trials - history.counted)
        if settings.timeout is not None:
            runs = min(runs, _room(searched, settings.timeout - now, capacity))
        return runs


def _room(searched: Sequence[Trial], left: float, capacity: int) -> int:
    """How many whole runs these seconds have room for."""
    whole = [sum((a.ended or a.started) - a.started for a in t.attempts)
             for t in searched if t.status == Outcome.COMPLETED]  # fmt: skip
    if not sum(whole):
        return _MANY
    # Each round waits for its last run, while the other workers are idle.
    return math.floor(capacity * _SLACK * left * len(whole) / sum(whole)) - _ROUNDS * (capacity - 1)


def is_under_way(history: History) -> bool:
    """Whether finalists were chosen and not all is done that follows."""
    if not history.confirmations:
        return False
    from rung.confirmation.policy import is_over

    return not is_over(history, history.confirmations[-1])


def has_no_noise(history: History) -> bool:
    """Whether fresh runs have shown that equal configurations give equal values."""
    return any(confirmation.reason == NO_NOISE for confirmation in history.confirmations)


def is_searched_since(history: History) -> bool:
    """Whether a trial was searched for after the last confirmation."""
    return bool(history.trials) and history.trials[-1].repeats is None


def event_of(action: Action, history: History, now: float) -> Event | None:
    """The event that records a choice; None for any other action."""
    number = len(history.confirmations)
    match action:
        case Choose():
            return FinalistsChosen(id=f"confirm{number}", t=now, trials=action.finalists, runs=action.runs,
                                   claim=action.claim, compared=action.compared)  # fmt: skip
        case Elect():
            return WinnerChosen(
                id=f"confirm{number - 1}/winner", t=now, trial=action.trial, reason=action.reason
            )
    return None
