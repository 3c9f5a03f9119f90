"""What a scheduler is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rung.space import Config
from rung.study.algorithm import Algorithm
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
    """No work left; running trials may still create some."""


Action = Start | Resume | Drop | Wait | Finish
Propose = Callable[[], Config | None]
"""Asks the searcher for a configuration; None means that nothing is left to try."""


@dataclass(frozen=True)
class Scheduler(Algorithm, ABC):
    """Decides which trials run, and for how long.

    Both methods are functions of the history: asked twice, they answer twice the same. One that needs chance
    takes it from `history.stream(name, index)`, so that a replay decides alike.
    """

    @property
    def pauses(self) -> bool:
        """Whether it pauses trials, so that these need checkpoints that each worker sees."""
        return False

    @abstractmethod
    def next(self, history: History, propose: Propose) -> Action:
        """Return what a free worker does."""

    @abstractmethod
    def judge(self, history: History, trial: Trial) -> Verdict:
        """Return whether `trial`, whose report is the newest, goes on: CONTINUE, PAUSE or STOP."""

    def rungs(self, max_resource: int) -> Sequence[int]:
        """Return the resources at which trials are compared, in order; none if they lie anywhere."""
        return ()


def judged(scheduler: Scheduler, history: History, trial: Trial) -> Verdict:
    """Return the verdict on `trial`, whose report is the newest.

    Whatever the scheduler, it is STOP once a metric that only rises is above its bound.
    """
    if history.goals.constraints and breaks_for_good(history, trial):
        return Verdict.STOP
    return scheduler.judge(history, trial)


def breaks_for_good(history: History, trial: Trial) -> bool:
    """Whether the newest report shows a bound broken that no later one can keep."""
    last = trial.reports[-1]
    known = dict(last.metrics)
    # No report holds the seconds of training, but so many have passed for certain.
    first = next((r.t for r in trial.reports if r.attempt == last.attempt), last.t)
    known.setdefault("train_seconds", trial.metrics.get("train_seconds", 0.0) + last.t - first)
    return any(
        bound.relation in {"<", "<="} and bound.name in history.rising and bound.excess(known) > 0
        for bound in history.goals.constraints
    )


def train_to_the_end(history: History, propose: Propose) -> Action:
    """Start what the searcher proposes, after what another scheduler paused: for those that never pause."""
    if (paused := history.first_paused) is not None:
        return Resume(paused)
    if (config := propose()) is not None:
        return Start(config)
    return wait_or_finish(history)


def wait_or_finish(history: History) -> Wait | Finish:
    """Return what is to do where no trial can be started or resumed."""
    return Wait() if history.running else Finish()
