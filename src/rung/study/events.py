"""The facts that a study is made of, and their JSON form.

An event's id is chosen by its sender and says what it is about (`t17/a2/r31`: trial 17, attempt 2,
report 31), so a repeated message is recognised. `t` is the study's own clock: seconds during which
a coordinator was running, never going back. Wall-clock time is decoration and stands in
SessionStarted only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

SCHEMA_VERSION = 3
"""2: `Float(step=)` in a space. 3: WorkerStarted has what its backend wrote, not a process's ids."""


class Verdict(StrEnum):
    """The answer to a report: whether the trial goes on.

    Attributes
    ----------
    CONTINUE
        Train on.
    PAUSE
        End this attempt; the scheduler may let the trial go on later, from its checkpoint.
    STOP
        End the trial for good.
    INTERRUPT
        End this attempt, since the study is being stopped; the trial runs again when the study goes on.
    SUPERSEDED
        End this attempt: it is no longer the trial's own, and its reports do not count.
    """

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"
    INTERRUPT = "interrupt"
    SUPERSEDED = "superseded"


class Outcome(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    PAUSED = "paused"
    FAILED = "failed"
    LOST = "lost"
    """Killed from outside; the trial runs again."""
    INTERRUPTED = "interrupted"
    """Ended with its session; the trial runs again."""


def after_verdict(verdict: str) -> Outcome:
    """The outcome of an attempt that was asked to pause or to stop."""
    return Outcome.PAUSED if verdict == Verdict.PAUSE else Outcome.STOPPED


FINAL = frozenset({Outcome.COMPLETED, Outcome.STOPPED, Outcome.FAILED})
"""Outcomes after which a trial never runs again."""
WAITING = frozenset({Outcome.LOST, Outcome.INTERRUPTED})
"""Outcomes after which a trial runs again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact. Subclasses add their fields; `kind` is the class's name."""

    kind: ClassVar[str]
    id: str
    t: float

    def body(self) -> dict[str, Any]:
        """The fields beyond `id` and `t`, as plain types."""
        return {name: _plain(getattr(self, name)) for name in FIELDS[type(self)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCreated(Event):
    """The first event: what the study is, for ever."""

    kind: ClassVar[str] = "StudyCreated"
    space: Mapping[str, Any]
    goals: Mapping[str, Any]
    seed: int
    schema: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """A coordinator took the study; `plan` is what it was asked for."""

    kind: ClassVar[str] = "SessionStarted"
    epoch: int
    wall: float
    """Unix time, seconds: for people; nothing is decided by it."""
    owner: Mapping[str, Any]
    plan: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """The coordinator stopped in order, for `reason`."""

    kind: ClassVar[str] = "SessionEnded"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """A worker is there; should its coordinator die, its backend can find and end what is left of it."""

    kind: ClassVar[str] = "WorkerStarted"
    worker: int
    backend: str
    """The name of the backend that started it."""
    identity: Mapping[str, Any]
    """How that backend recognises it; nobody else reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCreated(Event):
    """A configuration was chosen.

    `origin` is "initial" (configs), "scheduler", "user", "searcher", or the part of a searcher that chose it;
    "imported" if it ran before this study, or in another one.
    """

    kind: ClassVar[str] = "TrialCreated"
    trial: int
    config: Mapping[str, Any]
    origin: str
    parent: int | None = None
    """The trial from whose checkpoint this one begins."""
    repeats: int | None = None
    """The trial whose configuration it runs again, on the fresh seed of the number `repeat`."""
    repeat: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistsChosen(Event):
    """`trials`, the best first, get `runs` fresh runs in all; the winner gets `claim` of them at least."""

    kind: ClassVar[str] = "FinalistsChosen"
    trials: Sequence[int]
    runs: int
    claim: int
    compared: Sequence[int] = ()
    """Trials that are run beside them and can't win."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WinnerChosen(Event):
    """A finalist was chosen by the fresh runs so far; what is run from now on chooses nothing."""

    kind: ClassVar[str] = "WinnerChosen"
    trial: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """A run of a trial's configuration is about to be handed to a worker."""

    kind: ClassVar[str] = "AttemptStarted"
    trial: int
    attempt: int
    target: int | None = None
    """The resource at which the scheduler will look at it again; None is the maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported(Event):
    """The objective reported metrics at a resource (an epoch)."""

    kind: ClassVar[str] = "Reported"
    trial: int
    attempt: int
    number: int
    resource: int
    metrics: Mapping[str, float]
    checkpoint: bool = False
    """Whether the trial had saved a checkpoint by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Event):
    """The objective logged values and files of its own, which nothing is decided by."""

    kind: ClassVar[str] = "Noted"
    trial: int
    attempt: int
    number: int
    values: Mapping[str, Any]
    files: Mapping[str, str]
    """What each file is called in the trial's folder of notes; "" of one that was not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(Event):
    """The scheduler's answer to a report, where it is not to continue."""

    kind: ClassVar[str] = "Judged"
    trial: int
    attempt: int
    number: int
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """An attempt is over; `metrics` holds what it returned and what was measured."""

    kind: ClassVar[str] = "AttemptEnded"
    trial: int
    attempt: int
    outcome: str
    metrics: Mapping[str, float]
    reason: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDropped(Event):
    """A paused trial will not go on: it is stopped."""

    kind: ClassVar[str] = "TrialDropped"
    trial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsImported(Event):
    """Earlier results are taken over: as the trials of origin "imported" that follow, in the same commit."""

    kind: ClassVar[str] = "ResultsImported"
    source: str
    trials: int
    left_out: str
    """What of the source was not taken over, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStudyRead(Event):
    """What an earlier study teaches, on this study's space; it stands before the first trial."""

    kind: ClassVar[str] = "EarlierStudyRead"
    source: str
    """What `learn_from` called it."""
    results: Mapping[str, Any]
    """"configs" and their "losses", lower is better."""
    taken: str
    """How much of it was taken, and how it was changed to fit, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalReportShown(Event):
    """Somebody looked at the metrics that are only reported."""

    kind: ClassVar[str] = "FinalReportShown"
    trial: int


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (StudyCreated, SessionStarted, SessionEnded, WorkerStarted, TrialCreated,
                AttemptStarted, Reported, Noted, Judged, AttemptEnded, TrialDropped, ResultsImported,
                EarlierStudyRead, FinalReportShown, FinalistsChosen, WinnerChosen)
}  # fmt: skip
FIELDS = {cls: tuple(f.name for f in fields(cls) if f.name not in {"id", "t"}) for cls in KINDS.values()}


def _plain(value: Any) -> Any:
    # JSON has no NaN and no infinities: they are written as text and read back by float().
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int | str):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
