"""Parallel coordinates: a line for each trial, through its hyperparameters to its value."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rung._text import counted
from rung.analysis.plots._axis import GOLDEN, choices, ticks
from rung.analysis.plots._figure import (
    BEST,
    INK,
    ShownFigure,
    best_label,
    completed,
    plain,
    scale,
    value,
)
from rung.errors import NoTrialError
from rung.space import Domain
from rung.study.state import StudyState

_COLOURS = "viridis"
_FEW = 60  # more lines than that are drawn thinner


def figure(
    state: StudyState, *, top: int | None = None, states: str | Collection[str] | None = None
) -> Figure:
    """Plot each completed trial as a line over the axes of all hyperparameters that vary.

    A line has a gap where a hyperparameter is inactive. Dark lines are good, the best is orange and drawn on
    top. `top` draws so many of the best trials. With several objectives the colour is the first one. Raises
    NoTrialError if no trial has completed, or if nothing in the space can vary.
    """
    trials = completed(state, top, states)
    space, metric = state.space, state.goals.first
    names = list(space.varying)
    if not names:
        raise NoTrialError("no parallel coordinates: every hyperparameter of this space is a constant")
    trials.sort(key=lambda trial: metric.loss(value(trial)), reverse=True)
    places = space.encode([trial.config for trial in trials])[:, [space.names.index(n) for n in names]]
    places += np.array([[_apart(space[name], trial.number) for name in names] for trial in trials])
    values = np.array([value(trial) for trial in trials])
    norm = _norm(values)
    picture = ShownFigure(max(6.4, 1.15 * len(names) + 1.6), 4.0)
    axes = picture.subplots()
    colours = colormaps[_COLOURS if metric.mode == "min" else f"{_COLOURS}_r"]
    for row, y in zip(places, values, strict=True):
        _line(axes, row, colours(0.92 * float(norm(y))), 1.1 if len(trials) <= _FEW else 0.6)
    best = state.standing.best
    for trial, row in zip(trials, places, strict=True):
        if best is not None and trial is best.trial:
            _line(axes, row, BEST, 2.2, best_label(best))
    for j, name in enumerate(names):
        _axis(axes, j, ticks(space[name]))
    axes.set_xticks(range(len(names)), [plain(name) for name in names])
    axes.tick_params(axis="x", length=0, pad=8)
    axes.set(xlim=(-0.15, len(names) - 0.45), ylim=(-0.02, 1.02), yticks=[])
    axes.spines[:].set_visible(False)
    bar = picture.colorbar(ScalarMappable(norm, colours), ax=axes, label=plain(metric.name), aspect=30)
    bar.outline.set_visible(False)
    axes.set_title(f"{plain(metric.name)} of {counted(len(trials), 'completed trial')}")
    if axes.get_legend_handles_labels()[0]:
        picture.legend(loc="outside lower center", frameon=False, fontsize="small")
    return picture


def _norm(values: NDArray[np.float64]) -> Normalize:
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    return LogNorm(low, high) if scale(values.tolist()) == "log" else Normalize(low, high)


def _apart(domain: Domain, number: int) -> float:
    """How far a line goes by the middle of its choice, so that those of one choice can be followed."""
    named = choices(domain)
    # The golden ratio keeps neighbours apart without chance: the same study gives the same picture.
    return 0.0 if named is None else 0.5 / len(named) * (number * GOLDEN % 1 - 0.5)


def _line(axes: Axes, row: NDArray[np.float64], colour: object, width: float, label: str = "") -> None:
    x, on_top = np.arange(len(row)), 3 if label else 2
    axes.plot(x, row, color=colour, lw=width, alpha=0.8, zorder=on_top, label=label or None)
    # Between two gaps there is no line: a dot shows the value.
    known = np.concatenate([[False], ~np.isnan(row), [False]])
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    axes.plot(x[alone], row[alone], ".", color=colour, ms=4 + width, alpha=0.8, zorder=on_top)


def _axis(axes: Axes, x: float, marks: list[tuple[float, str]]) -> None:
    axes.axvline(x, color=INK, lw=0.8, zorder=1)
    for y, name in marks:
        axes.plot([x, x + 0.03], [y, y], color=INK, lw=0.8, zorder=4)
        box = {"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.8}
        axes.annotate(
            name,
            (x, y),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize="x-small",
            bbox=box,
            zorder=5,
        )
