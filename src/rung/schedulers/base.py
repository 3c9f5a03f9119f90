"""What a scheduler is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rung.space import Config
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a new trial; `target` is the resource at which the scheduler will look at it again."""

    config: Config
    target: int | None = None
    parent: int | None = None
    """Begin from a copy of that trial's checkpoint; the configuration is the scheduler's own."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a paused trial, up to `target`."""

    trial: int
    target: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Stop paused trials for good; the scheduler is asked again at once."""

    trials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before another report or end arrives."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing will ever be to do, unless trials that run now change that."""


Action = Start | Resume | Drop | Wait | Finish


def resume_first(history: History) -> Resume | None:
    """Go on with the first paused trial: for schedulers that never pause, after one that did."""
    number = history.first_paused
    return None if number is None else Resume(number)


class Scheduler(Protocol):
    """Decides which trials run, and for how long. A function of history, without state.

    One that needs chance takes it from `history.stream(name, index)`, so that a replay decides alike.
    """

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """What a free worker does; `propose` asks the searcher, None means nothing left to try."""
        ...

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Whether `trial` goes on after its latest report: CONTINUE, PAUSE or STOP."""
        ...

    def check(self, max_resource: int | None) -> None:
        """Raise ArgumentError if the scheduler can't work with this maximum resource."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        ...
