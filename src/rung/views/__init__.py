"""What the user sees while a study runs, drawn by a thread of its own.

The thread reads the state between two steps of the loop, and draws while the loop goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from rung.study.budget import Budget
from rung.study.state import StudyState

if TYPE_CHECKING:
    from rung.views.beat import View
    from rung.views.summary import Summary

Reading = Callable[[], AbstractContextManager[StudyState]]
"""Gives the state of a study, which changes only outside the block."""


@contextmanager
def watch(
    name: str, reading: Reading, now: Callable[[], float], budget: Budget, *, progress: bool | None = None
) -> Iterator[None]:
    """Show a running study until the block ends.

    In a notebook's cell, live in a terminal, else as plain lines on stderr; `progress=False` shows nothing.
    """
    if progress is False or sys.stderr is None:
        yield
        return
    from rung.views.beat import showing
    from rung.views.summary import summarise

    def look() -> Summary:
        with reading() as state:
            return summarise(name, state, now(), budget)

    with showing(lambda: _view(reading), look):
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
