"""Methods compared: any-time performance with bands, and the average rank over time."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rung.analysis.plots._figure import DASHES, ShownFigure, plain, scale, time_unit

if TYPE_CHECKING:
    from rung.analysis.comparison import Comparison


def figure(comparison: Comparison) -> Figure:
    """Plot the median of the best value so far with a band of quartiles, and the average rank, over time."""
    picture = ShownFigure(9.6, 4.0)
    left, right = picture.subplots(1, 2)
    unit, seconds = time_unit(float(comparison.times[-1]))
    for axes, draw in ((left, _values), (right, _ranks)):
        draw(axes, comparison, seconds)
        axes.set_xlabel(f"running time of the study ({unit})")
        if comparison.times[-1] > 10 * comparison.times[0] > 0:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
    left.set_title(f"Best {plain(comparison.metric.name)} so far, {len(comparison.seeds)} seeds")
    left.set_ylabel(f"{comparison.metric.name}: median and quartiles")
    left.set_yscale(scale([y for values in comparison.values.values() for y in values[:, [0, -1]].ravel()]))
    left.legend(fontsize="small")
    right.set(title="Average rank, 1 is the best", ylabel="rank", ylim=(0.9, len(comparison.values) + 0.1))
    return picture


def _values(axes: Axes, comparison: Comparison, seconds: float) -> None:
    x = comparison.times / seconds
    for name, (color, dash) in zip(comparison.values, cycle(DASHES), strict=False):
        low, median, high = comparison.quartiles(name)
        axes.fill_between(x, low, high, step="post", color=color, alpha=0.18, lw=0)
        axes.step(x, median, where="post", color=color, ls=dash, lw=2, label=plain(name))


def _ranks(axes: Axes, comparison: Comparison, seconds: float) -> None:
    x = comparison.times / seconds
    for (name, ranks), (color, dash) in zip(comparison.ranks().items(), cycle(DASHES), strict=False):
        axes.step(x, ranks.mean(axis=0), where="post", color=color, ls=dash, lw=2, label=plain(name))
