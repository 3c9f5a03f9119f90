"""Learning curves: the tuned metric of every trial over epochs."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rung._text import counted
from rung.analysis.plots._figure import (
    BEST,
    INK,
    ShownFigure,
    best_label,
    drawn,
    legend,
    plain,
    scale,
    searched,
)
from rung.errors import NoTrialError
from rung.study.events import Outcome
from rung.study.metrics import Metric
from rung.study.state import StudyState
from rung.study.trial import Trial

_ENDS = {Outcome.FAILED: "x", Outcome.LOST: "1", Outcome.INTERRUPTED: "|"}
_FEW = 40  # more curves than that are drawn thinner

Curve = list[tuple[int, float]]


def figure(
    state: StudyState, *, top: int | None = None, states: str | Collection[str] | None = None
) -> Figure:
    """Plot the tuned metric over epochs, a curve for the latest attempt of each trial.

    Colours go from dark (the best last value) to light (the worst); the best trial is orange. A marker
    ends the curves of failed, lost and interrupted trials. The y axis is logarithmic where the values
    span more than two decades. With several objectives it is the first one. Raises NoTrialError if no
    trial reported the metric.
    """
    metric = state.goals.first
    curves = _curves(searched(state, top, states), metric)
    picture = ShownFigure(6.4, 4.2)
    axes = picture.subplots()
    _draw(axes, list(curves.values()))
    best = state.standing.best
    if best is not None and best.trial.number in curves:
        axes.plot(*_xy(curves[best.trial.number]), color=BEST, marker=".", lw=2.2, label=best_label(best))
    for outcome, marker in _ENDS.items():
        _mark(axes, [c[-1] for n, c in curves.items() if state.trials[n].status == outcome], marker, outcome)
    axes.set(
        xlabel=plain(state.resource),
        ylabel=plain(metric.name),
        title=f"{plain(metric.name)} of {counted(len(curves), 'trial')}",
    )
    axes.set_yscale(scale([y for curve in curves.values() for _, y in curve]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes)
    return picture


def _curves(trials: list[Trial], metric: Metric) -> dict[int, Curve]:
    """Return the curves by trial number, the best one last, so that it is drawn on top."""
    curves = {trial.number: _curve(trial, metric.name) for trial in trials}
    shown = [(number, curve) for number, curve in curves.items() if curve]
    if not shown:
        raise NoTrialError(
            f"no learning curves: no trial reported {metric.name!r}; use trial.report(epoch=...)"
        )
    return dict(sorted(shown, key=lambda item: metric.loss(item[1][-1][1]), reverse=True))


def _curve(trial: Trial, name: str) -> Curve:
    # A diverged trial's last report is NaN: the curve ends before it.
    points = [(report.resource, report.metrics.get(name, math.nan)) for report in trial.reports]
    return [(x, drawn(y)) for x, y in points if math.isfinite(y)]


def _xy(curve: Curve) -> tuple[list[int], list[float]]:
    return [x for x, _ in curve], [y for _, y in curve]


def _draw(axes: Axes, curves: list[Curve]) -> None:
    width = 1.2 if len(curves) <= _FEW else 0.6
    for curve, place in zip(curves, np.linspace(0.92, 0.0, len(curves)), strict=True):
        marker = "." if len(curve) == 1 else ""  # a line through one point can't be seen
        axes.plot(*_xy(curve), color=colormaps["viridis"](place), lw=width, marker=marker, alpha=0.8)


def _mark(axes: Axes, ends: list[tuple[int, float]], marker: str, label: str) -> None:
    if ends:
        axes.plot(*_xy(ends), linestyle="none", marker=marker, color=INK, ms=6, label=label, zorder=3)
