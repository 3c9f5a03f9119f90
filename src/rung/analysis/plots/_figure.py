"""What the figures have in common: how they show themselves, their colours, scales and legends."""

from __future__ import annotations

from collections.abc import Collection
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rung._text import visible
from rung.errors import NoTrialError
from rung.study.events import Outcome
from rung.study.standing import Incumbent
from rung.study.state import StudyState
from rung.study.trial import Trial

BEST = "#D55E00"  # Okabe and Ito's vermilion: safe for the colour-blind, and not in viridis
SECOND = "#0072B2"  # their blue
INK = "#333333"
FAINT = "#999999"
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

    def _repr_png_(self) -> bytes:
        png = BytesIO()
        self.savefig(png, format="png", dpi=100)
        return png.getvalue()


def completed(state: StudyState) -> list[Trial]:
    """Return the completed trials in order; raises NoTrialError if there is none."""
    trials = [trial for trial in state.searched if trial.status == Outcome.COMPLETED]
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
