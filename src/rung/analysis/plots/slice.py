"""Slices: the tuned metric over each hyperparameter, all others being whatever they were."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from rung._text import counted
from rung.analysis.importance.marginals import Marginal
from rung.analysis.plots._axis import GOLDEN, MOST, choices, ends, is_log, short
from rung.analysis.plots._figure import BEST, INK, ShownFigure, best_label, completed, plain, scale, value
from rung.errors import NoTrialError
from rung.searchers.landscape import Landscape
from rung.space import Domain, Int, Value
from rung.study.history import History
from rung.study.metrics import Metric
from rung.study.standing import Incumbent
from rung.study.state import StudyState
from rung.study.trial import Trial

_COLUMNS = 4
_OTHERS = 64
"""Settings of all other hyperparameters over which the model is averaged."""
_COLOURS = "viridis_r"  # of trial numbers: late ones are dark
_FURTHEST = 3  # times the median's distance from the best value: what lies beyond is not drawn
_WIDEST = 24  # characters that fit below a panel


def figure(
    state: StudyState,
    *,
    model: bool = True,
    top: int | None = None,
    states: str | Collection[str] | None = None,
) -> Figure:
    """Plot the tuned metric of the completed trials over each hyperparameter, a panel for each.

    The line is what the model of all trials expects, as a mean over all other hyperparameters, and the band
    where it lies with a probability of 90 %; `model=False` leaves it out. A panel shows the
    trials in which its hyperparameter is active; constants have none. The colour is the trial's number, the
    star the best trial. With several objectives it is the first one. Raises
    NoTrialError if no trial has completed, or if nothing in the space can vary.
    """
    trials = completed(state, top, states)
    names = list(state.space.varying)
    if not names:
        raise NoTrialError("no slices: every hyperparameter of this space is a constant")
    picture, panels = _panels(len(names), plain(state.goals.first.name))
    norm = Normalize(0, max(len(state.trials) - 1, 1))
    stars: list[Line2D] = []
    landscape = _model(state) if model else None
    for axes, name in zip(panels, names, strict=True):
        _draw(axes, name, state.space[name], trials, norm)
        if landscape is not None:
            _expected(axes, state.space[name], Marginal.of(landscape, name, _OTHERS))
        stars += _star(axes, name, state.space[name], state.standing.best)
    metric = plain(state.goals.first.name)
    beyond = _limit(panels[0], trials, state.goals.first)  # all panels share the axis
    without = f" ({beyond} worse than the axis shows)" if beyond else ""
    picture.suptitle(f"{metric} of {counted(len(trials), 'completed trial')}{without}")
    picture.colorbar(
        ScalarMappable(norm, _COLOURS), ax=panels, label="trial", ticks=MaxNLocator(5, integer=True)
    )
    picture.legend(handles=stars[:1], loc="outside lower center", frameon=False)
    return picture


def _panels(n: int, metric: str) -> tuple[Figure, list[Axes]]:
    """A figure whose rows are filled by their panels, and these."""
    rows = math.ceil(n / _COLUMNS)
    widths = [n // rows + (row < n % rows) for row in range(rows)]
    picture = ShownFigure(max(2.3 * widths[0] + 1.4, 4.8), 2.4 * rows + 0.8)
    grid = picture.add_gridspec(rows, math.lcm(*widths))
    panels: list[Axes] = []
    for row, width in enumerate(widths):
        share = math.lcm(*widths) // width
        for i in range(width):
            place = grid[row, i * share : (i + 1) * share]
            panels.append(picture.add_subplot(place, sharey=panels[0] if panels else None))
            panels[-1].tick_params(labelleft=i == 0, labelsize="small")
            if i == 0:
                panels[-1].set_ylabel(metric)
    return picture, panels


def _limit(axes: Axes, trials: list[Trial], metric: Metric) -> int:
    """Scale the axis of the values; return how many it leaves out.

    A few failures would press all others onto a line: a linear axis ends three times as far from the best
    value as the median lies.
    """
    values = [value(trial) for trial in trials]
    axes.set_yscale(scale(values))
    losses = sorted(map(metric.loss, values))
    best, bound = losses[0], losses[0] + _FURTHEST * (losses[len(losses) // 2] - losses[0])
    beyond = sum(loss > bound for loss in losses)
    if axes.get_yscale() == "log" or bound <= best or not beyond:
        return 0
    bound = max(loss for loss in losses if loss <= bound)
    margin = 0.05 * (bound - best)
    low, high = sorted([metric.loss(best - margin), metric.loss(bound + margin)])
    axes.set_ylim(low, high)
    return beyond


def _draw(axes: Axes, name: str, domain: Domain, trials: list[Trial], norm: Normalize) -> None:
    axes.set_xlabel(plain(name))
    _set_up(axes, domain)
    active = [trial for trial in trials if name in trial.config]
    x, y = [_place(domain, trial, name) for trial in active], [value(trial) for trial in active]
    numbers = [trial.number for trial in active]
    axes.scatter(x, y, s=16, c=numbers, norm=norm, cmap=_COLOURS, alpha=0.8, lw=0)


def _model(state: StudyState) -> Landscape | None:
    with suppress(NoTrialError):  # too few trials
        return Landscape.of(History(state), state.goals.first)
    return None


def _expected(axes: Axes, domain: Domain, marginal: Marginal) -> None:
    named = choices(domain)
    values: list[Any] = marginal.values
    x = np.array([float(v) if named is None else named.index(v) for v in values])
    low, middle, high = np.quantile(marginal.means, [0.05, 0.5, 0.95], axis=0)
    if named is not None:
        off = [middle - low, high - middle]
        axes.errorbar(
            x, middle, yerr=off, fmt="_", color=INK, ms=11, mew=1.6, elinewidth=1, capsize=2, zorder=3
        )
        return
    axes.plot(x, middle, color=INK, lw=1.3, zorder=3)
    axes.fill_between(x, low, high, color=INK, alpha=0.15, lw=0, zorder=0)


def _star(axes: Axes, name: str, domain: Domain, best: Incumbent | None) -> list[Line2D]:
    if best is None or best.resource is not None or name not in best.trial.config:
        return []
    x, y = [_place(domain, best.trial, name)], [value(best.trial)]
    return axes.plot(x, y, "*", color=BEST, ms=13, mec="white", mew=0.7, label=best_label(best))


def _place(domain: Domain, trial: Trial, name: str) -> float:
    chosen, named = trial.config[name], choices(domain)
    if named is None:
        return float(chosen)
    # The golden ratio keeps neighbours apart without chance: the same study gives the same picture.
    return named.index(chosen) + 0.6 * (trial.number * GOLDEN % 1 - 0.5)


def _set_up(axes: Axes, domain: Domain) -> None:
    named = choices(domain)
    if named is not None:
        _name(axes, named)
        return
    low, high = ends(domain)
    _set_ticks(axes, is_log(domain), low, high, whole=isinstance(domain, Int))
    if math.isfinite(high - low):
        axes.update_datalim([(low, 0), (high, 0)], updatey=False)  # what nobody tried is to be seen too


def _set_ticks(axes: Axes, log: bool, low: float, high: float, *, whole: bool) -> None:
    if log:
        axes.set_xscale("log", base=2 if whole else 10)  # the sizes of layers and batches
    if not log or high < 10 * low:  # within a decade, the ticks of a log scale are too few or too many
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], integer=whole))
        axes.xaxis.set_minor_locator(NullLocator())
    if not log or high < 10 * low or whole:
        axes.xaxis.set_major_formatter("{x:g}")


def _name(axes: Axes, named: Sequence[Value]) -> None:
    places = range(0, len(named), math.ceil(len(named) / MOST))
    names = [plain(short(str(named[place]))) for place in places]
    axes.set_xlim(-0.5, len(named) - 0.5)
    axes.set_xticks(places, names, rotation=90 if len("  ".join(names)) > _WIDEST else 0)
