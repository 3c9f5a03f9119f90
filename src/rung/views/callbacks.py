"""What `tune(callbacks=[...])` gets: stored facts, in a thread of its own.

The loop puts what it has stored into a bounded queue, and never waits for its reader.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Thread
from time import monotonic  # bound now: an objective may patch the module
from typing import Any, Literal

from rung._text import visible
from rung.study.events import (
    FINAL,
    AttemptEnded,
    AttemptStarted,
    Event,
    Reported,
    SessionEnded,
    TrialDropped,
)
from rung.study.state import StudyState

logger = logging.getLogger("rung")

_QUEUE = 1000
"""Updates that wait for slow callbacks; more are dropped."""
_PATIENCE = 5.0
"""Seconds that the end of a study waits for its callbacks."""


@dataclass(frozen=True, slots=True)
class Update:
    """What has just been stored of a study: the argument of each of `tune(callbacks=[...])`.

    All values are plain ones, and copies.

    Attributes
    ----------
    kind : {"started", "reported", "halted", "ended", "study ended"}
        A trial has begun to run, has reported, is paused or interrupted and may go on, or has completed,
        failed or been stopped for good; or the study has stopped.
    study : str
        Its name.
    seconds : float
        On the study's clock, which stands still between two sessions.
    trial : int or None
        The trial's number; None of "study ended".
    attempt : int
        Which run of the trial.
    config : dict
        Its configuration.
    resource : int
        The epoch that it has reported last, 0 before the first.
    metrics : dict of str to float
        Those of the report, or the trial's result; never those of `report_only`.
    value : float or None
        The tuned metric among them (of several, the first).
    status : str
        As `Trial.status`.
    reason : str
        Why the trial ended as it did, or the study.
    best_trial : int or None
        The best completed trial so far.
    best_value : float or None
        Its value.
    """

    kind: Literal["started", "reported", "halted", "ended", "study ended"]
    study: str
    seconds: float
    trial: int | None = None
    attempt: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    resource: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    value: float | None = None
    status: str = ""
    reason: str = ""
    best_trial: int | None = None
    best_value: float | None = None


Callback = Callable[[Update], object]


@contextmanager
def telling(
    study: str, callbacks: Sequence[Callback]
) -> Iterator[Callable[[StudyState, Sequence[Event]], None]]:
    """Give what hands stored events to the callbacks; at the end they have a few seconds for the rest."""
    if not callbacks:
        yield lambda _state, _events: None
        return
    thread = _Thread(study, callbacks)
    try:
        yield thread.tell
    finally:
        thread.close()


class _Thread:
    """The queue and the thread that reads it."""

    def __init__(self, study: str, callbacks: Sequence[Callback]) -> None:
        self._study = study
        self._callbacks = callbacks
        self._queue: Queue[Update | None] = Queue(_QUEUE)
        self._dropped = 0
        self._failed: set[int] = set()
        self._over = False
        self._at_work = _name(callbacks[0])
        self._thread = Thread(target=self._run, name="rung callbacks", daemon=True)
        self._thread.start()

    def tell(self, state: StudyState, events: Sequence[Event]) -> None:
        """Queue what was stored; drop it if the queue is full."""
        for event in events:
            update = _update(self._study, state, event)
            if update is None:
                continue
            try:
                self._queue.put_nowait(update)
            except Full:
                if not self._dropped:
                    logger.warning("callback %s lags behind: updates are dropped until it has caught up",
                                   self._at_work)  # fmt: skip
                self._dropped += 1

    def close(self) -> None:
        """Let the thread work off its queue for a few seconds."""
        deadline = monotonic() + _PATIENCE
        try:
            self._queue.put(None, timeout=_PATIENCE)
            self._thread.join(max(0.0, deadline - monotonic()))
        except Full:
            pass
        finally:
            self._over = True
        if self._thread.is_alive():
            left = self._emptied()
            logger.warning("callback %s has not returned within %g s of the study's end and is left",
                           self._at_work, _PATIENCE)  # fmt: skip
            self._dropped += left
        if self._dropped:
            logger.warning("callbacks got all updates of study %r but %d", self._study, self._dropped)

    def _emptied(self) -> int:
        left = 0
        while True:
            try:
                left += self._queue.get_nowait() is not None
            except Empty:
                return left

    def _run(self) -> None:
        while (update := self._queue.get()) is not None:
            for number, callback in enumerate(self._callbacks):
                if self._over:
                    return
                self._at_work = _name(callback)
                try:
                    callback(update)
                except BaseException:  # noqa: BLE001 -- whatever it raises is its own affair
                    if number not in self._failed:
                        self._failed.add(number)
                        logger.warning("callback %s raised; that is said once, and it is called again\n%s",
                                       self._at_work, traceback.format_exc())  # fmt: skip


def _name(callback: Callback) -> str:
    return visible(str(getattr(callback, "__name__", type(callback).__name__)))[:100]


def _update(study: str, state: StudyState, event: Event) -> Update | None:
    best = state.incumbent
    known: dict[str, Any] = {
        "study": study,
        "seconds": event.t,
        "best_trial": best and best.number,
        "best_value": best and best.value,
    }
    if isinstance(event, SessionEnded):
        return Update("study ended", reason=event.reason, **known)
    if not isinstance(event, AttemptStarted | Reported | AttemptEnded | TrialDropped):
        return None
    trial, metric = state.trials[event.trial], state.goals.first.name
    known |= {"trial": trial.number, "attempt": len(trial.attempts), "config": dict(trial.config),
              "resource": trial.resource}  # fmt: skip
    match event:
        case AttemptStarted():
            return Update("started", status="running", **known)
        case Reported():
            held_back = state.goals.report_only
            metrics = {name: value for name, value in event.metrics.items() if name not in held_back}
            known |= {"attempt": event.attempt, "resource": event.resource}
            return Update("reported", metrics=metrics, value=metrics.get(metric), status="running", **known)
        case AttemptEnded():
            known |= {"attempt": event.attempt, "reason": event.reason, "status": str(event.outcome)}
            return Update("ended" if event.outcome in FINAL else "halted", metrics=dict(trial.metrics),
                          value=trial.value, **known)  # fmt: skip
    return Update("ended", metrics=dict(trial.metrics), value=trial.value, status="stopped", **known)
