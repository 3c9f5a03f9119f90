"""What a study's trials are worth so far: read forward, since views ask several times a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.study.events import Outcome
from rung.study.metrics import Goals
from rung.study.trial import Trial

if TYPE_CHECKING:
    from rung.study.state import StudyState


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best so far: a completed trial, or before there is one, the best report of any other."""

    trial: Trial
    value: float
    resource: int | None = None
    """The resource of the report; None if the trial has completed."""


class Standing:
    """The incumbent of one objective, the front of several."""

    def __init__(self, state: StudyState) -> None:
        self._state = state
        self._ends = self._reports = 0
        """How many of each were read."""
        self._front: list[Trial] = []
        self._row: int | None = None
        """Of the best report."""
        self._improvements: list[tuple[float, float]] = []
        self._improved = 0
        """How many ends were read for them."""

    @property
    def best(self) -> Incumbent | None:
        """The incumbent; None if there is none, and with several objectives."""
        if len(self._state.goals.metrics) > 1:
            return None
        completed = self._state.incumbent
        if completed is not None and completed.value is not None:
            return Incumbent(completed, completed.value)
        return self._best_report()

    @property
    def improvements(self) -> list[tuple[float, float]]:
        """When (seconds of the study's clock) the best completed trial changed, and its value.

        Empty with several objectives.
        """
        state, metric, found = self._state, self._state.goals.first, self._improvements
        if len(state.goals.metrics) > 1:
            return []
        for number, _ in state.ends[self._improved :]:
            trial = state.trials[number]
            if may_be_in_front(trial, state.goals) and trial.ended is not None:
                value = trial.metrics[metric.name]
                if not found or metric.better(value, found[-1][1]):
                    found.append((trial.ended, value))
        self._improved = len(state.ends)
        return found

    def _best_report(self) -> Incumbent | None:
        state, metric = self._state, self._state.goals.first
        if self._row is not None and self._failed(self._row):
            self._row, self._reports = None, 0
        value = None if self._row is None else state.curve[self._row][3][metric.name]
        for row in range(self._reports, len(state.curve)):
            metrics = state.curve[row][3]
            new = metrics.get(metric.name)
            # A comparison with NaN is false.
            good = new is not None and (new == new if value is None else metric.better(new, value))  # noqa: PLR0124
            if good and state.goals.feasible(metrics) and not self._failed(row):
                self._row, value = row, new
        self._reports = len(state.curve)
        if self._row is None or value is None:
            return None
        return Incumbent(state.trials[state.curve.trial[self._row]], value, state.curve.resource[self._row])

    def _failed(self, row: int) -> bool:
        trial = self._state.trials[self._state.curve.trial[row]]
        return trial.status == Outcome.FAILED or trial.repeats is not None

    @property
    def front(self) -> list[Trial]:
        """The feasible completed trials that no other one beats in every objective."""
        state = self._state
        for number, _ in state.ends[self._ends :]:
            trial = state.trials[number]
            if may_be_in_front(trial, state.goals):
                self._enter(trial)
        self._ends = len(state.ends)
        return self._front

    def _enter(self, new: Trial) -> None:
        losses = self._losses(new)
        if not any(_dominates(self._losses(trial), losses) for trial in self._front):
            self._front = [t for t in self._front if not _dominates(losses, self._losses(t))] + [new]

    def _losses(self, trial: Trial) -> tuple[float, ...]:
        return tuple(m.loss(trial.metrics[m.name]) for m in self._state.goals.metrics)


def may_be_in_front(trial: Trial, goals: Goals) -> bool:
    """Whether it is a feasible completed trial of the search, with all that the goals require."""
    chosen_from = trial.status == Outcome.COMPLETED and trial.feasible and trial.repeats is None
    return chosen_from and not goals.missing(trial.metrics)


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def remark(trial: Trial, state: StudyState) -> str:
    """Why a trial ended as it did, at which resource, and which constraints it breaks; or ""."""
    where = f"at {state.resource} {trial.resource}"
    text = trial.reason
    if text in {"", "pause", "stop"} and trial.reports and trial.attempts:
        if trial.status == Outcome.PAUSED:
            text = where
        elif trial.status == Outcome.STOPPED:
            paused = trial.attempts[-1].outcome == Outcome.PAUSED
            text = f"paused {where}, not continued" if paused else where
    ended = trial.status in {Outcome.COMPLETED, Outcome.STOPPED, Outcome.PAUSED}
    broken = state.goals.broken(trial.metrics) if ended else ()
    return ", ".join(filter(None, [text, *(f"breaks {constraint}" for constraint in broken)]))
