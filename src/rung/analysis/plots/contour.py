"""Contour: what the model expects of two hyperparameters together."""

from __future__ import annotations

from collections.abc import Collection

from matplotlib.figure import Figure

from rung._text import counted
from rung.analysis.importance import fanova
from rung.analysis.importance.marginals import surface
from rung.analysis.plots._axis import set_up
from rung.analysis.plots._figure import BEST, ShownFigure, best_label, completed, legend, plain
from rung.errors import ArgumentError, NoTrialError
from rung.searchers.landscape import Landscape
from rung.space.values import did_you_mean
from rung.study.history import History
from rung.study.state import StudyState

_LEVELS = 12


def figure(
    state: StudyState,
    x: str | None = None,
    y: str | None = None,
    *,
    top: int | None = None,
    states: str | Collection[str] | None = None,
) -> Figure:
    """Plot what the model of all trials expects of each pair of values of two hyperparameters.

    The colour is the mean over all others; by default the two are the most important ones. Points are
    completed trials, the star is the best one. With several objectives it is the first one. Raises
    NoTrialError if too few trials are known, or if fewer than two hyperparameters vary.
    """
    space, metric = state.space, state.goals.first
    if len(space.varying) < 2:
        raise NoTrialError("no contour: fewer than two hyperparameters of this space vary")
    trials, landscape = completed(state, top, states), Landscape.of(History(state), metric)
    across, up = _pair(landscape, x, y)
    grid, values = surface(landscape, across, up)
    picture = ShownFigure(5.4, 4.2)
    axes = picture.subplots()
    colours = "viridis" if metric.mode == "min" else "viridis_r"  # dark is good
    filled = axes.contourf(*grid, values, _LEVELS, cmap=colours)
    axes.contour(*grid, values, _LEVELS, colors="white", linewidths=0.4, alpha=0.6)
    bar = picture.colorbar(filled, ax=axes, label=f"expected {plain(metric.name)}")
    bar.outline.set_visible(False)
    columns = [space.names.index(name) for name in (across, up)]
    points = space.encode([trial.config for trial in trials])[:, columns]
    axes.scatter(
        points[:, 0], points[:, 1], s=12, c="white", edgecolors="black", lw=0.6, zorder=3, clip_on=False
    )
    best = state.standing.best
    if best is not None and {across, up} <= set(best.trial.config):
        at = space.encode([best.trial.config])[0, columns]
        axes.plot(
            *at, "*", color=BEST, ms=14, mec="white", mew=0.8, label=best_label(best), zorder=4, ls="none"
        )
    set_up(axes.xaxis, space[across])
    set_up(axes.yaxis, space[up])
    axes.set(xlabel=plain(across), ylabel=plain(up), xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"Model of {counted(landscape.trials, 'trial')}, mean over all other hyperparameters")
    legend(axes)
    return picture


def _pair(landscape: Landscape, *given: str | None) -> tuple[str, str]:
    names = landscape.space.varying
    for axis, name in zip("xy", given, strict=True):
        if name is not None and name not in names:
            raise ArgumentError(
                f"{axis}: no hyperparameter {name!r} varies; {did_you_mean(str(name), names)}"
            )
    if given[0] is not None and given[0] == given[1]:
        raise ArgumentError(f"x={given[0]!r}, y={given[1]!r}; give two different hyperparameters")
    chosen = [name for name in given if name is not None]
    if len(chosen) < 2:
        chosen += [name for name in _by_importance(landscape) if name not in chosen]
    x, y = given
    return (x or chosen[y is not None], y or chosen[1])


def _by_importance(landscape: Landscape) -> list[str]:
    found = fanova.importances(landscape, 0.1, 0.9)
    found.sort(key=lambda one: one.overall.most.value if one.overall else 0.0, reverse=True)
    return [one.name for one in found]
