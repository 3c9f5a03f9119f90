"""The study live on a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import ClassVar

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rung._sparkline import blocks
from rung.views.summary import ROWS, Row, Summary, closing, rows

_BAR = 20
_OTHER_ROWS = 9
"""Lines that are no running trial: name, trials, time, paused, best, improved, "and more", failed, and
that of the cursor."""


class Terminal:
    """Redraws a few lines on stderr; what is printed or logged meanwhile stands above them."""

    period = 0.25
    shows_time_left = True
    screen: ClassVar[Lock] = Lock()
    """Held by the view that draws: one study of this process at a time."""

    def __init__(self) -> None:
        # Nothing that a user's text says is markup.
        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True,
                          redirect_stdout=getattr(sys.stdout, "isatty", lambda: False)())  # fmt: skip
        self._until_end = ExitStack()

    def start(self, summary: Summary) -> None:
        """See `View`."""
        terminal = sys.stderr
        with ExitStack() as undo:
            undo.callback(self.screen.release)
            undo.callback(self._live.stop)
            self._live.start()
            undo.enter_context(_handlers_follow(terminal))
            # A study that is killed outright can't show the cursor again, so it is never hidden.
            self._console.show_cursor(True)
            self.update(summary)
            self._until_end = undo.pop_all()

    def update(self, summary: Summary) -> None:
        """See `View`."""
        self._live.update(render(summary, self._console.width, self._console.height), refresh=True)

    def finish(self, summary: Summary) -> None:
        """See `View`."""
        self._until_end.close()
        self._console.print(Text(closing(summary)), soft_wrap=True)


@contextmanager
def _handlers_follow(terminal: object) -> Iterator[None]:
    """Let log handlers that write to the terminal write above the live lines, by way of `sys.stderr`."""
    handlers = [
        handler
        for name in ("", "rung")
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is terminal
    ]
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(terminal)


def render(summary: Summary, width: int, height: int) -> Group:
    """The live lines, none of them wrapped, for a terminal of this size."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows(summary, most=max(1, min(ROWS, height - _OTHER_ROWS))):
        grid.add_row(Text(row.label), _content(row, width))
    return Group(Text(summary.name, style="bold", no_wrap=True, overflow="ellipsis"), grid)


def _content(row: Row, width: int) -> Text:
    text = Text(row.text, style="red" if row.label == "failed" else "")
    if curve := blocks(row.curve):
        text.append(f"  {curve}", "cyan")
    if row.part is None or width < 3 * _BAR:
        return text
    done = round(_BAR * row.part)
    return Text.assemble(("━" * done, "green"), ("━" * (_BAR - done), "bright_black"), "  ", text)
