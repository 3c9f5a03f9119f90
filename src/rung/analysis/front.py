"""The trials of several objectives between which one has to choose, and how to choose."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rung._sparkline import svg
from rung._tables import html_table, text_table
from rung._text import brief, visible
from rung.analysis.results import pareto_front
from rung.errors import ArgumentError, NoTrialError
from rung.space.values import did_you_mean
from rung.study.metrics import Constraint, Goals, Metric
from rung.study.pareto import hypervolumes, nondominated
from rung.study.standing import may_be_in_front
from rung.study.state import StudyState
from rung.study.trial import Trial

_BEYOND = 0.1
"""How far the reference point lies beyond the worst of the front, in parts of the front's range."""
_EVEN = 0.05
"""The weight of the sum beside the largest: of equal ones, the trial that is better elsewhere is chosen."""


class Front(Sequence[Trial]):
    """The feasible completed trials that no other one beats in every objective, sorted by the first.

    A sequence of trials, which prints as a table; also in a notebook.

    Parameters
    ----------
    trials : sequence of Trial
        Those of the front.
    goals : Goals
        The objectives and constraints.
    """

    def __init__(self, trials: Sequence[Trial], goals: Goals) -> None:
        self._trials, self._goals = tuple(trials), goals

    @classmethod
    def of(cls, state: StudyState) -> Front:
        """Return the front of a study; it is empty before a feasible trial has completed."""
        return cls(pareto_front(state), state.goals)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> Front: ...
    def __getitem__(self, index: int | slice) -> Trial | Front:
        if isinstance(index, slice):
            return Front(self._trials[index], self._goals)
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)

    def table(self) -> list[list[Any]]:
        """Return the rows of the table, its header first: number, required metrics, hyperparameters."""
        metrics = self._goals.required
        names = list(dict.fromkeys(name for trial in self for name in trial.config))
        header = ["trial", *metrics, *names]
        return [header] + [
            [trial.number, *map(trial.metrics.get, metrics), *map(trial.config.get, names)] for trial in self
        ]

    def __repr__(self) -> str:
        if not self:
            return "no feasible trial has completed yet"
        return text_table(self.table())

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{self!r}</p>"
        first, second = (*self._goals.metrics, self._goals.first)[:2]
        points = [(trial.metrics[first.name], trial.metrics[second.name]) for trial in self]
        title = f"<p>{html.escape(visible(second.name))} over {html.escape(visible(first.name))}</p>"
        curve = svg([points], steps=len(self._goals.metrics) == 2)
        return html_table(self.table()) + (title + curve if curve else "")


# ---- how much it is worth


@dataclass(frozen=True, slots=True)
class Hypervolume:
    """The volume of what some trial beats in all objectives, up to a reference point.

    Attributes
    ----------
    reference : dict of str to float
        The point. Only hypervolumes of the same one can be compared.
    trials : tuple of int
        The feasible completed trials in the order of their ends ...
    times : tuple of float
        ... when each of them ended, in seconds on the study's clock ...
    values : tuple of float
        ... and the hypervolume from then on.
    """

    reference: Mapping[str, float]
    trials: tuple[int, ...]
    times: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, state: StudyState, reference: Mapping[str, float] | None = None) -> Hypervolume:
        """Of the trials so far; the reference point is by default a tenth beyond the worst of their front."""
        ended = sorted(_feasible(state), key=lambda trial: (trial.ended or 0.0, trial.number))
        losses = _losses(ended, state.goals.metrics)
        point = (
            reference_beyond(losses, state.goals)
            if reference is None
            else checked_reference(reference, state.goals)
        )
        stated = {m.name: m.loss(x) for m, x in zip(state.goals.metrics, point.tolist(), strict=True)}
        values = hypervolumes(losses, point).tolist()
        return cls(
            stated, tuple(t.number for t in ended), tuple(t.ended or 0.0 for t in ended), tuple(values)
        )

    @property
    def value(self) -> float:
        """The hypervolume of all trials; 0 without any."""
        return self.values[-1] if self.values else 0.0

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        point = ", ".join(f"{visible(name)} = {x:.4g}" for name, x in self.reference.items())
        return f"hypervolume {self.value:.4g} up to {point}"


def _feasible(state: StudyState) -> list[Trial]:
    return [trial for trial in state.trials if may_be_in_front(trial, state.goals)]


def _losses(trials: Sequence[Trial], metrics: Sequence[Metric]) -> NDArray[np.float64]:
    return np.array([[m.loss_in(t.metrics) for m in metrics] for t in trials]).reshape(-1, len(metrics))


def reference_beyond(losses: NDArray[np.float64], goals: Goals) -> NDArray[np.float64]:
    """Return the point (m,) a tenth beyond the worst of the front of losses (n, m)."""
    if not len(losses):
        return np.zeros(len(goals.metrics))
    low, high = _range(losses[nondominated(losses)])
    return high + _BEYOND * (high - low)


def _range(front: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = front.min(axis=0), front.max(axis=0)
    return low, np.where(high > low, high, low + 1.0)


def checked_reference(reference: Mapping[str, float], goals: Goals) -> NDArray[np.float64]:
    """Return the losses (m,) of a reference point; ArgumentError if it is none of these goals."""
    names = goals.tuned
    numbers = _numbers("reference", reference, names)
    for name in names:
        if name not in numbers:
            raise ArgumentError(f"reference: {name} is missing; give a number for each of {', '.join(names)}")
    return np.array([m.loss(numbers[m.name]) for m in goals.metrics])


def _numbers(what: str, given: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ArgumentError(f"{what}={brief(given)}; give a dict such as {{{names[0]!r}: 1.0}}")
    for name, number in given.items():
        if name not in names:
            raise ArgumentError(f"{what}: {brief(name)} is no objective; {did_you_mean(str(name), names)}")
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ArgumentError(f"{what}: {name}={brief(number)}; give a finite number")
    return {name: float(number) for name, number in given.items()}


# ---- the choice


def chosen(
    state: StudyState,
    weights: Mapping[str, float] | None = None,
    limits: Mapping[str, str] | None = None,
) -> Trial:
    """Return the trial to take from the front; raises NoTrialError if none keeps the limits."""
    metrics = state.goals.metrics
    bounds = _limits(limits)
    trials = _feasible(state)
    if not trials:
        raise NoTrialError("no feasible trial has completed yet")
    kept = [t for t in trials if all(b.name in t.metrics and b.holds(t.metrics[b.name]) for b in bounds)]
    if not kept:
        raise NoTrialError(_nearest(trials, bounds))
    if weights is None:
        limited = {b.name for b in bounds}
        free = [m for m in metrics if m.name not in limited] or list(metrics[:1])
        if len(free) > 1:
            names, (one, other, *_) = ", ".join(m.name for m in free), free
            raise ArgumentError(
                f"best: {names} are all to be good; say how much each counts, as weights={{{one.name!r}: 1, "
                f'{other.name!r}: 1}}, or bound all but one, as limits={{{other.name!r}: "<= 5"}}'
            )
        weights = {free[0].name: 1.0}
    return _by_weights(kept, metrics, weights)


def _by_weights(trials: Sequence[Trial], metrics: Sequence[Metric], weights: Mapping[str, float]) -> Trial:
    numbers = _numbers("weights", weights, [m.name for m in metrics])
    w = np.array([numbers.get(m.name, 0.0) for m in metrics])
    if (w < 0).any() or not (w > 0).any():
        raise ArgumentError(
            f"weights={brief(dict(weights))}; give numbers that are not negative, one above 0"
        )
    losses = _losses(trials, metrics)
    low, high = _range(losses[nondominated(losses)])
    weighted = w * (losses - low) / (high - low)
    order = np.lexsort([losses.sum(axis=1), weighted.max(axis=1) + _EVEN * weighted.sum(axis=1)])
    return trials[int(order[0])]


def _limits(limits: Mapping[str, str] | None) -> list[Constraint]:
    if limits is None:
        return []
    if not isinstance(limits, Mapping):
        raise ArgumentError(f'limits={brief(limits)}; give a dict such as {{"model_mb": "<= 20"}}')
    return [Constraint.parse(name, text, "limits") for name, text in limits.items()]


def _nearest(trials: Sequence[Trial], bounds: Sequence[Constraint]) -> str:
    for bound in bounds:
        values = [t.metrics[bound.name] for t in trials if bound.name in t.metrics]
        if not values:
            names = dict.fromkeys(name for t in trials for name in t.metrics)
            return f"limits: no trial has {brief(bound.name)}; {did_you_mean(bound.name, list(names))}"
        if not any(map(bound.holds, values)):
            least = min(values) if bound.relation in {"<", "<="} else max(values)
            return f"none of {len(trials)} completed trials keeps {bound}; the nearest has {least:.4g}"
    return f"none of {len(trials)} completed trials keeps {', '.join(map(str, bounds))} together"
