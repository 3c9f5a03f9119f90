"""Any-time performance: the incumbent's value over time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rung._text import counted
from rung.analysis.plots._figure import (
    BEST,
    FAINT,
    INK,
    ShownFigure,
    completed,
    drawn,
    legend,
    plain,
    scale,
    searched,
    time_unit,
    value,
)
from rung.errors import ArgumentError
from rung.study.events import Outcome
from rung.study.metrics import Metric
from rung.study.state import StudyState
from rung.study.trial import Trial


def figure(
    state: StudyState,
    over: Literal["time", "reports"] = "time",
    *,
    top: int | None = None,
    states: str | Collection[str] | None = None,
) -> Figure:
    """Plot the best value so far over the study's clock (running time in s, min or h), and each trial.

    `over="reports"` counts the reports of all trials instead, which is work done, whatever the machine. The
    line is the best of the completed trials, the dashed one that of all reports. Only what keeps the
    constraints counts for them; completed trials that don't are hollow. Failed trials are ticks on the time
    axis. `top` and `states` choose the points. With several objectives it is the first one. Raises
    NoTrialError if no trial has completed or reported.
    """
    if over not in {"time", "reports"}:
        raise ArgumentError(f'over={over!r}; give "time" or "reports"')
    metric = state.goals.first
    reports = best_reports(state, metric)
    none = bool(reports) and not state.counts[Outcome.COMPLETED]
    trials = [] if none else sorted(completed(state), key=_ended)
    points = [] if none else completed(state, top, states)
    axis = _Axis.of(state, over)
    picture = ShownFigure(6.4, 4.2)
    axes = picture.subplots()
    _points(axes, [t for t in points if t.feasible], axis, "trial", FAINT)
    _points(axes, [t for t in points if not t.feasible], axis, "infeasible trial", "none")
    failed = [t for t in searched(state, states=states) if t.status == Outcome.FAILED]
    _failures(axes, [axis.at(_ended(t)) for t in failed])
    steps = incumbents(trials, metric)
    if reports and reports != steps:
        _steps(axes, reports, state.t, axis, "best report so far", ls="--", color=INK, lw=1)
    _steps(axes, steps, state.t, axis, "best so far", marker=".", color=BEST, lw=2)
    axes.set(xlabel=axis.label, ylabel=plain(metric.name))
    of = counted(len(trials), "completed trial") if trials else counted(len(state.curve), "report")
    axes.set_title(f"Best {plain(metric.name)} of {of}")
    axes.set_xlim(left=0)
    axes.set_yscale(scale([value(t) for t in trials] + [y for _, y in reports]))
    legend(axes)
    return picture


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where a time of the study's clock stands."""

    label: str
    seconds: float
    reports: list[float] | None = None

    @classmethod
    def of(cls, state: StudyState, over: str) -> _Axis:
        if over == "reports":
            return cls("reports of all trials", 1.0, list(state.curve.t))
        unit, seconds = time_unit(state.t)
        return cls(f"running time of the study ({unit})", seconds)

    def at(self, t: float) -> float:
        return t / self.seconds if self.reports is None else float(bisect_right(self.reports, t))


def incumbents(trials: Iterable[Trial], metric: Metric) -> list[tuple[float, float]]:
    """Return when (seconds of the study's clock) the best value changed, and to what.

    `trials` are completed ones in the order of their ends; infeasible ones are passed over.
    """
    steps: list[tuple[float, float]] = []
    for trial in trials:
        if trial.feasible and (not steps or metric.better(value(trial), steps[-1][1])):
            steps.append((_ended(trial), value(trial)))
    return steps


def best_reports(state: StudyState, metric: Metric) -> list[tuple[float, float]]:
    """Return when the best value of a report changed, and to what; those of failed trials are passed over."""
    steps: list[tuple[float, float]] = []
    for t, (number, _, _, metrics) in zip(state.curve.t, state.curve, strict=True):
        y = metrics.get(metric.name, math.nan)
        counts = math.isfinite(y) and (not steps or metric.better(drawn(y), steps[-1][1]))
        if counts and state.goals.feasible(metrics) and state.trials[number].status != Outcome.FAILED:
            steps.append((t, drawn(y)))
    return steps


def _ended(trial: Trial) -> float:
    assert trial.ended is not None
    return trial.ended


def _steps(
    axes: Axes, steps: list[tuple[float, float]], now: float, axis: _Axis, label: str, **style: Any
) -> None:
    if steps:
        x, y = [axis.at(t) for t, _ in steps], [best for _, best in steps]
        x.append(axis.at(now))  # the last one is best to this day
        y.append(y[-1])
        axes.step(x, y, where="post", markevery=range(len(steps)), label=label, **style)


def _points(axes: Axes, trials: list[Trial], axis: _Axis, label: str, fill: str) -> None:
    if trials:
        x = [axis.at(_ended(trial)) for trial in trials]
        axes.scatter(
            x, [value(t) for t in trials], s=14, c=fill, edgecolors=FAINT, lw=0.7, alpha=0.7, label=label
        )


def _failures(axes: Axes, times: list[float]) -> None:
    if times:
        bottom = axes.get_xaxis_transform()  # x in data, y in parts of the axes' height
        axes.plot(times, [0.02] * len(times), "|", transform=bottom, color=INK, label="failed trial")
