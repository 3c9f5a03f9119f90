"""The timeline of workers: which trial ran when, and how each attempt ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from rung._text import counted
from rung.analysis.plots._figure import BEST, INK, SECOND, ShownFigure, searched, time_unit
from rung.errors import NoTrialError
from rung.study.events import Outcome
from rung.study.state import StudyState

_LOOKS = {
    Outcome.COMPLETED: (SECOND, ""),
    Outcome.STOPPED: ("#56B4E9", ""),
    Outcome.PAUSED: ("#BBBBBB", ""),
    Outcome.FAILED: (BEST, "////"),
    Outcome.LOST: ("#CC79A7", "\\\\\\\\"),
    Outcome.INTERRUPTED: ("#E69F00", ".."),
    "running": ("#009E73", ""),
}
"""Okabe and Ito's colours; what went wrong is hatched as well."""
_LETTER = 0.0075
"""How much of the width a digit takes."""


@dataclass(frozen=True, slots=True)
class _Bar:
    trial: int
    start: float
    end: float
    outcome: str
    lane: int


def figure(
    state: StudyState, *, top: int | None = None, states: str | Collection[str] | None = None
) -> Figure:
    """Plot each attempt as a bar from its start to its end, over the study's clock.

    A row is a worker's place: an attempt takes the first one that is free, since the log does not say which
    worker ran it. Gaps are time in which nothing ran there. Dotted lines are where a session began. `top` and
    `states` choose trials; the places stay. Raises NoTrialError if no trial has run.
    """
    shown = {trial.number for trial in searched(state, top, states)}
    bars = _bars(state)
    unit, seconds = time_unit(state.t)
    lanes = max((bar.lane for bar in bars), default=-1) + 1
    drawn = [bar for bar in bars if bar.trial in shown]
    if not drawn:
        raise NoTrialError(f"no timeline: none of {len(state.trials)} trials has run here")
    picture = ShownFigure(7.2, 1.6 + min(0.32 * lanes, 8.0))
    axes = picture.subplots()
    for bar in drawn:
        _draw(axes, bar, seconds, state.t)
    for session in state.sessions[1:]:
        axes.axvline(session.t / seconds, color=INK, ls=":", lw=1)
    axes.set(xlabel=f"running time of the study ({unit})", ylabel="place", ylim=(lanes - 0.4, -0.6))
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(0, max(state.t, 1e-9) / seconds)
    busy = sum(bar.end - bar.start for bar in bars) / max(lanes * state.t, 1e-9)
    axes.set_title(f"{counted(len(drawn), 'attempt')}; {lanes} at once at most, busy {busy:.0%} of the time")
    there = [o for o in _LOOKS if any(bar.outcome == o for bar in drawn)]
    handles = [
        Patch(facecolor=_LOOKS[o][0], hatch=_LOOKS[o][1], edgecolor="white", label=str(o)) for o in there
    ]
    picture.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize="small"
    )
    return picture


def _bars(state: StudyState) -> list[_Bar]:
    """Every attempt of this study, in the order of their starts."""
    ran = [trial for trial in state.trials if not trial.is_imported]
    found = [(trial.number, attempt) for trial in ran for attempt in trial.attempts]
    found.sort(key=lambda pair: (pair[1].started, pair[0]))
    bars, free = list[_Bar](), list[float]()
    for number, attempt in found:
        start = attempt.started
        end = state.t if attempt.ended is None else attempt.ended
        lane = next((i for i, until in enumerate(free) if until <= start), len(free))
        free[lane : lane + 1] = [end]
        bars.append(_Bar(number, start, end, attempt.outcome or "running", lane))
    return bars


def _draw(axes: Axes, bar: _Bar, seconds: float, span: float) -> None:
    colour, hatch = _LOOKS.get(bar.outcome, (INK, ""))
    width = bar.end - bar.start
    axes.barh(
        bar.lane,
        width / seconds,
        0.8,
        bar.start / seconds,
        color=colour,
        hatch=hatch,
        edgecolor="white",
        lw=0.5,
    )
    if width > 1.6 * _LETTER * len(str(bar.trial)) * span:
        middle = (bar.start + width / 2) / seconds
        axes.text(
            middle, bar.lane, str(bar.trial), ha="center", va="center", fontsize="x-small", color="white"
        )
