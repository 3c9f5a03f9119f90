"""Pictures of a study, one module per figure. They need matplotlib, and never touch pyplot's global state."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rung.errors import ArgumentError, Error
from rung.space.values import did_you_mean
from rung.study.state import StudyState

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTS: dict[str, str] = {
    "learning_curves": "rung.analysis.plots.learning_curves",
    "over_time": "rung.analysis.plots.over_time",
    "rungs": "rung.analysis.plots.rungs",
    "anytime": "rung.analysis.plots.anytime",
    "timeline": "rung.analysis.plots.timeline",
    "slice": "rung.analysis.plots.slice",
    "importance": "rung.analysis.plots.importance",
    "parallel": "rung.analysis.plots.parallel",
    "contour": "rung.analysis.plots.contour",
    "edf": "rung.analysis.plots.edf",
    "front": "rung.analysis.plots.front",
    "hypervolume": "rung.analysis.plots.hypervolume",
}
"""The module of each plot, whose `figure(state, **options)` draws it: one file and one line here."""


class Plots:
    """The plots of a study: `plots.rungs()`, or `plots("rungs")`; `dir` lists them."""

    def __init__(self, state: StudyState) -> None:
        self._state = state

    def __call__(self, name: str, **options: Any) -> Figure:
        """Draw the plot of that name; raises ArgumentError, or NoTrialError if there is nothing to draw."""
        if name not in PLOTS:
            raise ArgumentError(f"plot: there is no {name!r}; {did_you_mean(name, PLOTS)}")
        figure: Figure = drawing(PLOTS[name])(self._state, **options)
        return figure

    def __getattr__(self, name: str) -> Callable[..., Figure]:
        if name not in PLOTS:
            raise AttributeError(f"there is no plot {name!r}; {did_you_mean(name, PLOTS)}")
        draw = drawing(PLOTS[name])

        def plot(*arguments: Any, **options: Any) -> Figure:
            figure: Figure = draw(self._state, *arguments, **options)
            return figure

        plot.__name__, plot.__doc__ = name, draw.__doc__
        return plot

    def __dir__(self) -> list[str]:
        return list(PLOTS)

    def __repr__(self) -> str:
        return f"<plots: {', '.join(PLOTS)}>"


def drawing(module: str, function: str = "figure") -> Callable[..., Any]:
    """A function of a module that draws; raises Error without matplotlib."""
    try:
        import matplotlib as _  # noqa: F401, ICN001 -- the one place that says what to do without it
    except ImportError as error:
        raise Error("plots need matplotlib: pip install 'rung[plot]'") from error
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
