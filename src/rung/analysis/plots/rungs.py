"""Rungs: what every trial was worth at the epochs where trials were compared, and who went on."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from rung._text import counted
from rung.analysis.plots._figure import (
    BEST,
    FAINT,
    INK,
    ShownFigure,
    best_label,
    drawn,
    legend,
    plain,
    scale,
    searched,
)
from rung.analysis.rungs import levels
from rung.errors import NoTrialError
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Trial

_WENT_ON = "#0072B2"  # Okabe and Ito's blue
_WIDTH = 14  # labels that fit below the axis
_HALTED = {Outcome.STOPPED, Outcome.PAUSED}

Point = tuple[int, float]


def figure(
    state: StudyState, *, top: int | None = None, states: str | Collection[str] | None = None
) -> Figure:
    """Plot the tuned metric of each trial at each rung it reached, and connect it from rung to rung.

    Rungs are those of the study's scheduler, and the end of a whole trial; of one without rungs, the epochs
    at which trials were stopped or paused. Dots went on or completed, crosses were stopped, rings
    are paused (never promoted, or not yet). With several objectives it is the first one. Raises NoTrialError
    if there is no rung that a trial has reached.
    """
    metric = state.goals.first.name
    climbs = _climbs(state, searched(state, top, states), metric)
    if not climbs:
        raise NoTrialError(
            f"no rungs: no trial reported {metric!r} up to where it was compared, stopped or completed; "
            "use trial.report(epoch=...)"
        )
    picture = ShownFigure(6.4, 4.2)
    axes = picture.subplots()
    _draw(axes, climbs, state.trials)
    best = state.standing.best
    if best is not None and best.trial.number in climbs:
        _line(axes, climbs[best.trial.number], BEST, lw=2.2, ms=7, label=best_label(best), zorder=4)
    axes.set(
        xlabel=plain(state.resource),
        ylabel=plain(metric),
        title=f"{plain(metric)} of {counted(len(climbs), 'trial')} at each rung",
    )
    axes.set_yscale(scale([y for climb in climbs.values() for _, y in climb]))
    _label(axes, sorted({x for climb in climbs.values() for x, _ in climb}))
    legend(axes)
    return picture


def _climbs(state: StudyState, trials: list[Trial], metric: str) -> dict[int, list[Point]]:
    """Return (level, value) for each level that a trial reached, by trial number."""
    rungs = levels(state)
    climbs = {trial.number: _climb(trial, metric, rungs) for trial in trials}
    return {number: climb for number, climb in climbs.items() if climb}


def _climb(trial: Trial, metric: str, rungs: list[int]) -> list[Point]:
    # A trial that reports now and then is at a rung with its first report there or before the next.
    found = dict[int, float]()
    for report in trial.reports:
        below = bisect_right(rungs, report.resource)
        if below:
            found.setdefault(rungs[below - 1], report.metrics.get(metric, math.nan))
    return [(rung, drawn(y)) for rung, y in found.items() if math.isfinite(y)]


def _draw(axes: Axes, climbs: Mapping[int, list[Point]], trials: Collection[Trial]) -> None:
    for climb in climbs.values():
        _line(axes, climb, _WENT_ON, lw=0.9, ms=0, alpha=0.55)
    ends = {trial.number: trial.status for trial in trials if trial.status in _HALTED}
    passed = [point for n, climb in climbs.items() for point in (climb[:-1] if n in ends else climb)]
    _scatter(axes, passed, "went on or completed", marker="o", s=16, color=_WENT_ON)
    stopped = [climbs[n][-1] for n in climbs if ends.get(n) == Outcome.STOPPED]
    _scatter(axes, stopped, "stopped", marker="x", s=20, color=INK, lw=0.9)
    paused = [climbs[n][-1] for n in climbs if ends.get(n) == Outcome.PAUSED]
    _scatter(axes, paused, "paused", marker="o", s=20, facecolors="white", edgecolors=FAINT, lw=0.9)


def _line(axes: Axes, climb: list[Point], color: str, **style: float | str) -> None:
    axes.plot(*zip(*climb, strict=True), color=color, marker="o", **style)  # type: ignore[arg-type]


def _scatter(axes: Axes, points: list[Point], label: str, **style: float | str) -> None:
    if points:
        axes.scatter(*zip(*points, strict=True), label=label, zorder=3, **style)  # type: ignore[arg-type]


def _label(axes: Axes, rungs: list[int]) -> None:
    """Make the x axis logarithmic, with the rungs as its ticks; some are left out where they are close."""
    axes.set_xscale("log")
    span = rungs[-1] / rungs[0]
    shown = rungs[:1]
    for rung in rungs[1:]:
        if rung / shown[-1] >= span ** (1 / _WIDTH):
            shown.append(rung)
    axes.set_xticks(shown, [str(rung) for rung in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    margin = max(span, 2.0) ** 0.06
    axes.set_xlim(rungs[0] / margin, rungs[-1] * margin)
