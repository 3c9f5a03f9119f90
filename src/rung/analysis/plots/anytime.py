"""Any-time performance: the incumbent's value over time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

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
    time_unit,
    value,
)
from rung.study.events import Outcome
from rung.study.metrics import Metric
from rung.study.state import StudyState
from rung.study.trial import Trial


def figure(state: StudyState) -> Figure:
    """Plot the best value so far over the study's clock (running time in s, min or h), and each trial.

    The line is the best of the completed trials, the dashed one that of all reports. Only what keeps the
    constraints counts for them; completed trials that don't are hollow. Failed trials are ticks on the time
    axis. With several objectives it is the first one. Raises NoTrialError if no trial has completed or
    reported.
    """
    metric = state.goals.first
    reports = reported(state, metric)
    trials = [] if reports and not state.counts[Outcome.COMPLETED] else sorted(completed(state), key=_ended)
    unit, seconds = time_unit(state.t)
    picture = ShownFigure(6.4, 4.2)
    axes = picture.subplots()
    _points(axes, [t for t in trials if t.feasible], seconds, "trial", FAINT)
    _points(axes, [t for t in trials if not t.feasible], seconds, "infeasible trial", "none")
    _failures(axes, [_ended(t) / seconds for t in state.searched if t.status == Outcome.FAILED])
    steps = incumbents(trials, metric)
    if reports and reports != steps:
        _steps(axes, reports, state.t, seconds, "best report so far", ls="--", color=INK, lw=1)
    _steps(axes, steps, state.t, seconds, "best so far", marker=".", color=BEST, lw=2)
    axes.set(xlabel=f"running time of the study ({unit})", ylabel=plain(metric.name))
    of = counted(len(trials), "completed trial") if trials else counted(len(state.curve), "report")
    axes.set_title(f"Best {plain(metric.name)} of {of}")
    axes.set_xlim(left=0)
    axes.set_yscale(scale([value(t) for t in trials] + [y for _, y in reports]))
    legend(axes)
    return picture


def incumbents(trials: Iterable[Trial], metric: Metric) -> list[tuple[float, float]]:
    """Return when (seconds of the study's clock) the best value changed, and to what.

    `trials` are completed ones in the order of their ends; infeasible ones are passed over.
    """
    steps: list[tuple[float, float]] = []
    for trial in trials:
        if trial.feasible and (not steps or metric.better(value(trial), steps[-1][1])):
            steps.append((_ended(trial), value(trial)))
    return steps


def reported(state: StudyState, metric: Metric) -> list[tuple[float, float]]:
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
    axes: Axes, steps: list[tuple[float, float]], now: float, seconds: float, label: str, **style: Any
) -> None:
    if steps:
        x, y = [t / seconds for t, _ in steps], [best for _, best in steps]
        x.append(now / seconds)  # the last one is best to this day
        y.append(y[-1])
        axes.step(x, y, where="post", markevery=range(len(steps)), label=label, **style)


def _points(axes: Axes, trials: list[Trial], seconds: float, label: str, fill: str) -> None:
    if trials:
        x = [_ended(trial) / seconds for trial in trials]
        axes.scatter(
            x, [value(t) for t in trials], s=14, c=fill, edgecolors=FAINT, lw=0.7, alpha=0.7, label=label
        )


def _failures(axes: Axes, times: list[float]) -> None:
    if times:
        bottom = axes.get_xaxis_transform()  # x in data, y in parts of the axes' height
        axes.plot(times, [0.02] * len(times), "|", transform=bottom, color=INK, label="failed trial")
