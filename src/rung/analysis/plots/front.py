"""The front: each objective against each other one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rung._text import counted
from rung.analysis.plots._figure import (
    BEST,
    FAINT,
    ShownFigure,
    completed,
    drawn,
    legend,
    plain,
    scale,
)
from rung.analysis.results import pareto_front
from rung.errors import NoTrialError
from rung.study.metrics import Metric
from rung.study.state import StudyState
from rung.study.trial import Trial

_ACROSS = 3
"""Panels in a row."""


def figure(
    state: StudyState, *, top: int | None = None, states: str | Collection[str] | None = None
) -> Figure:
    """Plot the completed trials and their front, one objective over another; with more than two, every pair.

    `top` leaves out others than so many of the best by the first objective, and those of the front. Trials
    that break a constraint are hollow. The line shows what is within reach of two objectives: no trial
    lies on its better side. Raises NoTrialError if no trial has completed, or with a single objective.
    """
    metrics = state.goals.metrics
    if len(metrics) < 2:
        raise NoTrialError(f"nothing to plot: {metrics[0].name} is the only objective, so there is no front")
    trials, front = completed(state, top, states), pareto_front(state)
    pairs = list(combinations(metrics, 2))
    across = min(len(pairs), _ACROSS)
    down = -(-len(pairs) // across)
    picture = ShownFigure(max(6.4, 3.6 * across), max(4.2, 3.2 * down))
    panels = picture.subplots(down, across, squeeze=False).ravel()
    for axes, pair in zip(panels, pairs, strict=False):
        _panel(axes, pair, trials, front, stairs=len(metrics) == 2)
    for axes in panels[len(pairs) :]:
        axes.remove()
    picture.suptitle(f"Front: {len(front)} of {counted(len(trials), 'completed trial')}")
    legend(panels[0])
    return picture


def _panel(
    axes: Axes, pair: tuple[Metric, Metric], trials: list[Trial], front: Sequence[Trial], stairs: bool
) -> None:
    x, y = pair
    others = [t for t in trials if t.feasible and t not in front]
    broken = [t for t in trials if not t.feasible]
    for some, fill, label in ((others, FAINT, "trial"), (broken, "none", "infeasible trial")):
        if some:
            at = _values(some, x), _values(some, y)
            axes.scatter(*at, s=14, c=fill, edgecolors=FAINT, lw=0.7, alpha=0.7, label=label)
    if front:
        at = _values(list(front), x), _values(list(front), y)
        if stairs:  # the front is sorted by x: up to the next trial, its y is the best there is
            axes.step(*at, where="post", color=BEST, lw=1)
        axes.scatter(*at, s=22, c=BEST, zorder=3, label="front")
    axes.set(xlabel=_label(x), ylabel=_label(y))
    axes.set_xscale(scale(_values(trials, x)))
    axes.set_yscale(scale(_values(trials, y)))


def _values(trials: list[Trial], metric: Metric) -> list[float]:
    return [drawn(trial.metrics[metric.name]) for trial in trials]


def _label(metric: Metric) -> str:
    return f"{plain(metric.name)} ({'lower' if metric.mode == 'min' else 'higher'} is better)"
