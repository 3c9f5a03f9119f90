"""What the figures have in common: how they show themselves, their colours, scales and legends."""

from __future__ import annotations

import math
from collections.abc import Collection
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rung._text import visible
from rung.errors import ArgumentError, NoTrialError
from rung.space.values import did_you_mean
from rung.study.events import Outcome
from rung.study.standing import Incumbent
from rung.study.state import StudyState
from rung.study.trial import Trial

BEST = "#D55E00"  # Okabe and Ito's vermilion: safe for the colour-blind, and not in viridis
SECOND = "#0072B2"  # their blue
INK = "#333333"
FAINT = "#999999"
DASHES = (
    (SECOND, "-"), (BEST, "--"), ("#009E73", "-."), ("#CC79A7", ":"), ("#E69F00", "-"), ("#56B4E9", "--"),
    ("#000000", "-."),
)  # fmt: skip
"""Okabe and Ito's colours, and a dash for each, so that grey prints and the colour-blind tell lines apart."""
STATES = ("completed", "stopped", "failed", "paused", "running", "lost", "interrupted", "created")
_STYLE: Any = {"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": "medium"}
_PAPER: Any = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none"}
"""Text stays text in vector files: publishers refuse the outlines that matplotlib makes of it otherwise."""
_LARGEST = 1e100  # beyond, as in trials that diverge, matplotlib's margins overflow
_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
_TICKS = 3  # a unit is used once the time spans so many of it


class ShownFigure(Figure):
    """A figure that shows itself as the result of a notebook's cell; `width` and `height` are in inches.

    IPython shows the figures of pyplot, and others only once pyplot was imported: a bare Figure would
    come out as text.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained")

    def add_subplot(self, *args: Any, **kwargs: Any) -> Axes:
        """Add axes without a box around them."""
        with rc_context(_STYLE):
            axes: Axes = super().add_subplot(*args, **kwargs)
        return axes

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Write the figure; in a vector file, its text stays text."""
        with rc_context(_PAPER):
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        png = BytesIO()
        self.savefig(png, format="png", dpi=100)
        return png.getvalue()


def searched(
    state: StudyState, top: int | None = None, states: str | Collection[str] | None = None
) -> list[Trial]:
    """Return the trials of the search in order: the `top` best of those in one of `states`.

    Unfinished trials are ranked by their last report; those without a value are never among the best.
    """
    wanted = {states} if isinstance(states, str) else None if states is None else set(states)
    for name in wanted or ():
        if name not in STATES:
            raise ArgumentError(f"states: there is no {name!r}; {did_you_mean(str(name), STATES)}")
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):
        raise ArgumentError(f"top={top!r}; give a whole number of at least 1")
    trials = [t for t in state.searched if wanted is None or t.status in wanted]
    if top is None:
        return trials
    losses = {trial.number: _loss(state, trial) for trial in trials}
    ranked = sorted((t for t in trials if math.isfinite(losses[t.number])), key=lambda t: losses[t.number])
    return sorted(ranked[:top], key=lambda trial: trial.number)


def _loss(state: StudyState, trial: Trial) -> float:
    metric = state.goals.first
    if trial.status == Outcome.FAILED:
        return math.inf
    return (
        metric.loss_in(trial.metrics)
        if trial.value is not None
        else min((metric.loss_in(report.metrics) for report in trial.reports[-1:]), default=math.inf)
    )


def completed(
    state: StudyState, top: int | None = None, states: str | Collection[str] | None = None
) -> list[Trial]:
    """Return the completed ones of `searched`; raises NoTrialError if there is none."""
    trials = [trial for trial in searched(state, top, states) if trial.status == Outcome.COMPLETED]
    if not trials:
        raise NoTrialError(f"nothing to plot: none of {len(state.trials)} trials has completed")
    return trials


def value(trial: Trial) -> float:
    """Return the tuned metric of a completed trial, the first one with several objectives."""
    assert trial.value is not None
    return drawn(trial.value)


def drawn(y: float) -> float:
    """Return `y` where it is drawn: itself, unless it is astronomical."""
    return min(max(y, -_LARGEST), _LARGEST)


def scale(values: Collection[float]) -> str:
    """Return "log" if `values` are positive and span more than two decades, otherwise "linear"."""
    low, high = min(values), max(values)
    return "log" if low > 0 and high > 100 * low else "linear"


def time_unit(span: float) -> tuple[str, float]:
    """Return the unit in which `span` seconds are drawn, and its seconds."""
    return next((unit for unit in _UNITS if span >= _TICKS * unit[1]), _UNITS[-1])


def best_label(best: Incumbent) -> str:
    """Return what a legend says of the best trial."""
    unfinished = "" if best.resource is None else " (unfinished)"
    return f"best: trial {best.trial.number}, {best.value:.4g}{unfinished}"


def plain(text: str) -> str:
    """Return foreign text as matplotlib draws it letter by letter: no formula, no control character."""
    return visible(text).replace("$", r"\$")


def legend(axes: Axes) -> None:
    """Add a legend if something has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")
