"""The hypervolume of the front over time."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from rung._text import counted
from rung.analysis.front import Hypervolume
from rung.analysis.plots._figure import BEST, ShownFigure, completed, plain, time_unit
from rung.study.state import StudyState


def figure(state: StudyState, reference: Mapping[str, float] | None = None) -> Figure:
    """Plot the hypervolume of the trials so far over the study's clock; the reference point is in the title.

    `reference` is as in `StudyView.hypervolume`. Raises NoTrialError if no trial has completed.
    """
    trials = completed(state)
    found = Hypervolume.of(state, reference)
    unit, seconds = time_unit(state.t)
    picture = ShownFigure(6.4, 4.2)
    axes = picture.subplots()
    times = [t / seconds for t in (*found.times, state.t)]
    axes.step([0.0, *times], [0.0, *found.values, found.value], where="post", color=BEST, lw=2)
    axes.set(xlabel=f"running time of the study ({unit})", ylabel="hypervolume")
    point = ", ".join(f"{plain(name)} = {x:.3g}" for name, x in found.reference.items())
    axes.set_title(f"{counted(len(trials), 'completed trial')}, up to {point}", fontsize="medium")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    return picture
