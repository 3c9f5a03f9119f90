"""Each trial's curve over the running time of the study, and the best report so far."""

from __future__ import annotations

import math
from collections.abc import Collection

from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rung._text import counted
from rung.analysis.plots._figure import (
    BEST,
    INK,
    ShownFigure,
    drawn,
    legend,
    plain,
    scale,
    searched,
    time_unit,
)
from rung.analysis.plots.anytime import best_reports
from rung.errors import NoTrialError
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Trial

_COLOURS = "viridis_r"  # late trials are dark, as in the slices

Curve = list[tuple[float, float]]


def figure(
    state: StudyState, *, top: int | None = None, states: str | Collection[str] | None = None
) -> Figure:
    """Plot the tuned metric of each trial over the study's clock, coloured by its number.

    Each line is a trial from its first report to its last; one that was paused goes on later. A trial that
    reports once, or only returns its value, is a dot; crosses are failed trials. The step line is the best
    report so far. With several objectives it is the first one. Raises NoTrialError if no trial has
    reported.
    """
    metric = state.goals.first
    shown = searched(state, top, states)
    curves = [
        (trial, curve) for trial in shown if not trial.is_imported and (curve := _curve(trial, metric.name))
    ]
    if not curves:
        raise NoTrialError(f"no curves: no trial reported {metric.name!r}, or returned it")
    unit, seconds = time_unit(state.t)
    picture = ShownFigure(7.2, 4.2)
    axes = picture.subplots()
    norm = Normalize(0, max(len(state.trials) - 1, 1))
    for trial, curve in curves:
        x, y = [t / seconds for t, _ in curve], [y for _, y in curve]
        colour = colormaps[_COLOURS](0.08 + 0.92 * float(norm(trial.number)))
        axes.plot(x, y, color=colour, lw=1, marker=".", ms=3 if len(x) > 1 else 6, alpha=0.85)
    failed = [curve[-1] for trial, curve in curves if trial.status == Outcome.FAILED]
    if failed:
        axes.plot(
            [t / seconds for t, _ in failed], [y for _, y in failed], "x", color=INK, ms=6, label="failed"
        )
    steps = best_reports(state, metric)
    if steps:
        x = [t / seconds for t, _ in steps] + [state.t / seconds]
        axes.step(
            x, [y for _, y in steps] + [steps[-1][1]], where="post", color=BEST, lw=2, label="best so far"
        )
    axes.set(xlabel=f"running time of the study ({unit})", ylabel=plain(metric.name))
    axes.set_title(f"{plain(metric.name)} of {counted(len(curves), 'trial')}")
    axes.set_xlim(left=0)
    axes.set_yscale(scale([y for _, curve in curves for _, y in curve]))
    bar = picture.colorbar(
        ScalarMappable(norm, _COLOURS), ax=axes, label="trial", ticks=MaxNLocator(5, integer=True)
    )
    bar.outline.set_visible(False)
    legend(axes)
    return picture


def _curve(trial: Trial, name: str) -> Curve:
    points = [(report.t, report.metrics.get(name, math.nan)) for report in trial.reports]
    if not points and trial.value is not None and trial.ended is not None:
        points = [(trial.ended, trial.value)]
    return [(t, drawn(y)) for t, y in points if math.isfinite(y)]
