"""Distribution functions: which part of the trials is at least so good."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from rung._text import counted
from rung.analysis.plots._figure import DASHES, ShownFigure, completed, plain, scale, value
from rung.errors import ArgumentError
from rung.study.state import StudyState

if TYPE_CHECKING:
    from rung._view import StudyView


def figure(
    state: StudyState,
    others: Mapping[str, StudyView] | Collection[StudyView] = (),
    *,
    label: str = "this study",
    top: int | None = None,
    states: str | Collection[str] | None = None,
) -> Figure:
    """Plot which part of the completed trials is at least as good as each value, of several studies.

    `others` are studies of the same metric, or their labels and studies; `label` is that of this one. A line
    further on the good side is a better searcher or a better space, whatever its best trial was. With several
    objectives it is the first one. Where trials are stopped early, only good ones complete, and their line
    says little. Raises NoTrialError if no trial has completed.
    """
    metric = state.goals.first
    lines = {label: _values(state, top, states)}
    named = others if isinstance(others, Mapping) else {study.name: study for study in others}
    for name, study in named.items():
        first = getattr(getattr(study, "goals", None), "first", None)
        if first != metric:
            raise ArgumentError(
                f"others: {name} tunes {first}, this study {metric}; give studies of one metric"
            )
        lines[name] = _values(study.state, top, states)
    picture = ShownFigure(6.4, 4.2)
    axes = picture.subplots()
    sign = metric.loss(1.0)
    for (name, values), (colour, dash) in zip(lines.items(), cycle(DASHES), strict=False):
        y = np.sort(sign * np.array(values))
        part = np.arange(1, len(y) + 1) / len(y)
        text = f"{plain(name)} ({counted(len(y), 'trial')})"
        axes.step(sign * y, part, where="post", color=colour, ls=dash, lw=1.8, label=text)
    axes.set(xlabel=plain(metric.name), ylabel="part of the trials at least as good", ylim=(0, 1.02))
    axes.set_xscale(scale([y for values in lines.values() for y in values]))
    axes.set_title(f"Distribution of {plain(metric.name)}")
    axes.legend(fontsize="small")
    return picture


def _values(state: StudyState, top: int | None, states: Any) -> list[float]:
    return [value(trial) for trial in completed(state, top, states)]
