"""Importance: how much of a metric's variance each hyperparameter explains."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rung._text import counted
from rung.analysis.importance import Effect, HyperparameterImportance, Importance, importance
from rung.analysis.plots._figure import BEST, INK, SECOND, ShownFigure, plain
from rung.study.state import StudyState

_MOST = 20
"""Hyperparameters that fit on a page."""
_THICK = 0.36


def figure(
    state: StudyState,
    metric: str | None = None,
    method: str = "fanova",
    best: float = 0.1,
    level: float = 0.9,
) -> Figure:
    """Plot the importance of each hyperparameter, overall and among the best configurations.

    A full bar is what the hyperparameter explains alone, its pale end what it does together with others, and
    the line the interval of both. The arguments are those of `StudyView.importance`. Raises NoTrialError if
    too few trials are known.
    """
    return draw(importance(state, metric, method, best, level))


def draw(found: Importance) -> Figure:
    """Plot an importance."""
    shown = list(found)[:_MOST]
    picture = ShownFigure(6.4, 1.4 + 0.55 * len(shown))
    axes = picture.subplots()
    good = f"among the best {100 * found.best:g} %"
    for shift, colour, label, effects in (
        (-_THICK / 2, SECOND, "overall", [one.overall for one in shown]),
        (_THICK / 2, BEST, good, [one.good for one in shown]),
    ):
        known = [(place + shift, effect) for place, effect in enumerate(effects) if effect]
        _bars(axes, known, colour, label)
    axes.set_yticks(range(len(shown)), [_name(one) for one in shown])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("part of the variance" if found.method == "fanova" else "part of the sum")
    left_out = f", {len(found) - _MOST} more left out" if len(found) > _MOST else ""
    axes.set_title(f"Importance for {plain(found.metric)}, {counted(found.trials, 'trial')}{left_out}")
    axes.grid(axis="x", alpha=0.3, lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize="small", loc="lower right")
    return picture


def _bars(axes: Axes, effects: list[tuple[float, Effect]], colour: str, label: str) -> None:
    y, most = [place for place, _ in effects], [effect.most for _, effect in effects]
    if any(effect.total for _, effect in effects):
        axes.barh(y, [share.value for share in most], _THICK, color=colour, alpha=0.3, lw=0)
    axes.barh(y, [effect.alone.value for _, effect in effects], _THICK, color=colour, lw=0, label=label)
    off = [[s.value - s.low for s in most], [s.high - s.value for s in most]]
    axes.errorbar([s.value for s in most], y, xerr=off, fmt="none", ecolor=INK, elinewidth=1, capsize=2)


def _name(one: HyperparameterImportance) -> str:
    return plain(one.name) + (f"\n(active in {one.active:.0%})" if one.active < 1 else "")
