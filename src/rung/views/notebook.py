"""The study in a notebook's cell."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any

from rung._sparkline import svg
from rung.study.budget import Budget
from rung.study.state import StudyState
from rung.views.summary import Row, Summary, closing, rows, summarise
from rung.views.text import visible


class Notebook:
    """A display that is replaced twice a second, and at the end by how it ended."""

    period = 0.5
    shows_time_left = True

    def __init__(self) -> None:
        self._handle: Any = None

    def start(self, summary: Summary) -> None:
        """See `View`; made in the cell's own thread, so that it belongs to the cell."""
        from IPython.display import display

        self._handle = display(_bundle(summary, summary.name), raw=True, display_id=True)

    def update(self, summary: Summary) -> None:
        """See `View`."""
        self._handle.update(_bundle(summary, summary.name), raw=True)

    def finish(self, summary: Summary) -> None:
        """See `View`."""
        self._handle.update(_bundle(summary, closing(summary)), raw=True)


def _bundle(summary: Summary, text: str) -> dict[str, str]:
    return {"text/html": render(summary, text), "text/plain": text}


def render(summary: Summary, title: str) -> str:
    """A table of the study's lines below a title."""
    body = "".join(map(_row, rows(summary)))
    return f"<b>{escape(title)}</b><table>{body}</table>"


def _row(row: Row) -> str:
    bar = "" if row.part is None else f'<progress value="{row.part:.4f}" max="1"></progress> '
    align = 'style="text-align: left"'
    curve = svg([list(enumerate(row.curve))], width=80, height=18)
    return f"<tr><th {align}>{escape(row.label)}</th><td {align}>{bar}{escape(row.text)} {curve}</td></tr>"


def study_html(name: str, state: StudyState) -> str:
    """A study as the result of a cell: its counts, its best trial or its front, the best value over time."""
    summary = summarise(name, state, state.t, Budget(state.plan.get("n_trials"), state.plan.get("timeout")))
    shown = [row for row in rows(replace(summary, running=())) if row.label != "time"]
    body = "".join(_row(replace(row, part=None, curve=())) for row in shown)
    steps = state.standing.improvements
    best = svg([[*steps, (state.t, steps[-1][1])]], steps=True) if steps else ""
    return f"<b>{escape(visible(name))}</b><table>{body}</table>{best}"
