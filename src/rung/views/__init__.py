"""What the user sees while a study runs, drawn by a thread of its own.

The thread reads the state between two steps of the loop, and draws while the loop goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from rung.study.budget import Budget
from rung.study.state import StudyState

if TYPE_CHECKING:
    from rung.views.beat import View
    from rung.views.summary import Summary

_COMPUTING = 0.01
"""Seconds that each look spends on the time left. The thread that decides waits for half of it: Python
gives a thread no more at a time."""
Reading = Callable[[], AbstractContextManager[StudyState]]
"""Gives the state of a study, which changes only outside the block."""


class TimeLeft(Protocol):
    """Says when a study will end; see `rung.engine.forecast`."""

    end: float | None
    """On the study's clock."""

    def look(self, state: StudyState, now: float) -> None:
        """Take in how the study stands."""
        ...

    def work(self, seconds: float) -> None:
        """Compute for so long."""
        ...


@contextmanager
def watch(
    name: str,
    reading: Reading,
    now: Callable[[], float],
    budget: Budget,
    make_time_left: Callable[[], TimeLeft],
    *,
    progress: bool | None = None,
) -> Iterator[None]:
    """Show a running study until the block ends.

    In a notebook's cell, live in a terminal, else as plain lines on stderr; `progress=False` shows nothing.
    """
    if progress is False or sys.stderr is None:
        yield
        return
    from rung.views.beat import showing
    from rung.views.summary import summarise

    time_left: TimeLeft | None = None

    def make() -> View:
        nonlocal time_left
        view = _view(reading)
        time_left = make_time_left() if view.shows_time_left else None
        return view

    def look() -> Summary:
        with reading() as state:
            t = now()
            if time_left is not None:
                time_left.look(state, t)
            end = None if time_left is None else time_left.end
            summary = summarise(name, state, t, budget, end)
        if time_left is not None:
            time_left.work(_COMPUTING)
        return summary

    with showing(make, look):
        yield


def _view(reading: Reading) -> View:
    if _in_notebook():
        from rung.views.notebook import Notebook

        return Notebook()
    if _is_terminal():
        from rung.views.terminal import Terminal

        if Terminal.screen.acquire(blocking=False):
            return Terminal()
    from rung.views.plain import Plain

    return Plain(reading)


def _in_notebook() -> bool:
    # A notebook has imported IPython already.
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def _is_terminal() -> bool:
    # What stands for stderr may be the user's own class, with little more than write().
    is_terminal = getattr(sys.stderr, "isatty", lambda: False)()
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower()
    return is_terminal and encoding.startswith("utf") and os.environ.get("TERM") not in {None, "", "dumb"}
