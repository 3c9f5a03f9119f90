"""What the user sees while a study runs: readers of its state in a thread of their own, never in the loop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rung.study.budget import Budget
from rung.study.state import StudyState

if TYPE_CHECKING:
    from rung.views.beat import View


@contextmanager
def watch(
    name: str, state: StudyState, now: Callable[[], float], budget: Budget, *, progress: bool | None = None
) -> Iterator[None]:
    """Show a running study until the block ends.

    In a notebook's cell, live in a terminal, else as plain lines on stderr; `progress=False` shows nothing.
    """
    if progress is False or sys.stderr is None:
        yield
        return
    from rung.views.beat import showing
    from rung.views.summary import summarise

    with showing(lambda: _view(state), lambda: summarise(name, state, now(), budget)):
        yield


def _view(state: StudyState) -> View:
    if _in_notebook():
        from rung.views.notebook import Notebook

        return Notebook()
    if _is_terminal():
        from rung.views.terminal import Terminal

        if Terminal.screen.acquire(blocking=False):
            return Terminal()
    from rung.views.plain import Plain

    return Plain(state)


def _in_notebook() -> bool:
    # Who runs in a notebook has imported IPython already.
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def _is_terminal() -> bool:
    # What stands for stderr may be the user's own class, with little more than write().
    is_terminal = getattr(sys.stderr, "isatty", lambda: False)()
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower()
    return is_terminal and encoding.startswith("utf") and os.environ.get("TERM") not in {None, "", "dumb"}
