"""Points of the front of several objectives, and what fresh runs allow to claim for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rung._text import visible
from rung.analysis.results import pareto_front
from rung.analysis.winner import Estimate, why_none
from rung.errors import NoTrialError
from rung.study.confirmations import NO_NOISE, Confirmation
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Trial


@dataclass(frozen=True, slots=True)
class ConfirmedPoint:
    """A trial of the front after its fresh runs.

    Attributes
    ----------
    trial : int
        Its number in the search.
    config : dict
        The configuration.
    observed : dict of str to float
        What the search saw, by objective: too good in some of them, as it was chosen for that.
    values : dict of str to Estimate
        The mean over fresh runs by objective, with an interval; empty if all of them failed.
    failed_runs : int
        How many of its fresh runs failed.
    on_front : bool
        Whether its means keep the constraints, and no other point's are better in every objective.
    """

    trial: int
    config: dict[str, Any]
    observed: dict[str, float]
    values: dict[str, Estimate]
    failed_runs: int
    on_front: bool


@dataclass(frozen=True, slots=True)
class ConfirmedFront:
    """Points of the front after equal fresh runs of each, in the order of the first objective. Print it.

    Attributes
    ----------
    points : tuple of ConfirmedPoint
        The points, and the trials that `compare=` named.
    level : float
        Of the intervals, which hold for all points at once.
    runs : int
        Fresh runs in all.
    """

    points: tuple[ConfirmedPoint, ...]
    level: float
    runs: int

    def to_json(self) -> dict[str, Any]:
        """All of it as plain types."""
        return asdict(self)

    def __str__(self) -> str:
        names = list(self.points[0].observed)
        rows = [["trial", *(part for n in names for part in (visible(n), "fresh runs"))]]
        rows += [_row(point, names) for point in self.points]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        title = f"{len(self.points)} points of the front by {self.runs} fresh runs ({100 * self.level:g} %)"
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([title, *lines])


def _row(point: ConfirmedPoint, names: list[str]) -> list[str]:
    cells = [f"{point.trial}{'' if point.on_front else ' (off the front)'}"]
    for name in names:
        found = point.values.get(name)
        ends = f" ({found.interval[0]:.4g} to {found.interval[1]:.4g})" if found and found.interval else ""
        cells += [f"{point.observed[name]:.4g}", f"{found.value:.4g}{ends}" if found else "failed"]
    return cells


def confirmed_front_of(state: StudyState, level: float = 0.9) -> ConfirmedFront:
    """The confirmed front; raises NoTrialError, which says what is missing, if there is none."""
    if len(state.goals.metrics) == 1:
        raise NoTrialError("a single objective has a winner and no front; see study.winner()")
    current = state.confirmed_front
    if current is None:
        raise NoTrialError(why_none(state))
    if current.reason == NO_NOISE:
        points = [_exact(trial, state) for trial in pareto_front(state)]
        return ConfirmedFront(tuple(points), level, len(current.choosing))
    return ConfirmedFront(tuple(_estimated(state, current, level)), level, current.runs)


def _seen(trial: Trial, state: StudyState) -> dict[str, float]:
    return {name: trial.metrics[name] for name in state.goals.tuned}


def _exact(trial: Trial, state: StudyState) -> ConfirmedPoint:
    values = {name: Estimate(value, (value, value), 1) for name, value in _seen(trial, state).items()}
    return ConfirmedPoint(trial.number, dict(trial.config), _seen(trial, state), values, 0, on_front=True)


def _estimated(state: StudyState, current: Confirmation, level: float) -> list[ConfirmedPoint]:
    import numpy as np

    from rung.confirmation.policy import Fresh
    from rung.confirmation.statistics import Noise
    from rung.study.history import History
    from rung.study.pareto import nondominated

    fresh = Fresh(History(state), current)
    everyone = (*current.finalists, *current.compared)
    runs = {number: fresh.completed(number) for number in everyone}
    alive = [number for number in everyone if runs[number]]
    values: Mapping[int, dict[str, Estimate]] = {number: {} for number in everyone}
    for name in state.goals.tuned:
        noise = Noise.of([{t.repeat or 0: t.metrics[name] for t in runs[number]} for number in alive])
        for i, number in enumerate(alive):
            found = noise.interval(i, level, len(everyone))
            values[number][name] = Estimate(found.mean, found.ends, len(runs[number]))
    means = [[m.loss(values[n][m.name].value) for m in state.goals.metrics] for n in alive]
    kept = nondominated(np.array(means)) if alive else ()
    on_front = {n for n, is_on in zip(alive, kept, strict=True) if is_on and fresh.feasible(runs[n])}
    failed = {n: sum(t.status == Outcome.FAILED for t in fresh.trials(n)) for n in everyone}
    return [
        ConfirmedPoint(n, dict(state.trials[n].config), _seen(state.trials[n], state), values[n], failed[n],
                       n in on_front)
        for n in everyone
    ]  # fmt: skip
