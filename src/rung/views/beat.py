"""The thread that keeps a view up to date."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Protocol

from rung.views.summary import Summary

logger = logging.getLogger("rung")

_JOIN = 2.0
"""Seconds that the end of a study waits for its view: a terminal may be held by Ctrl-S for ever."""


class View(Protocol):
    """Something that shows a study."""

    period: float
    """Seconds between two updates."""
    shows_time_left: bool

    def start(self, summary: Summary) -> None:
        """Begin, in the thread that runs the study."""
        ...

    def update(self, summary: Summary) -> None:
        """Show how things stand."""
        ...

    def finish(self, summary: Summary) -> None:
        """Give the screen back and say how it ended; called even if `update` failed."""
        ...


@contextmanager
def showing(make: Callable[[], View], look: Callable[[], Summary]) -> Iterator[None]:
    """Keep a view up to date until the block ends; what fails in it never reaches the study."""
    done, threads = Event(), list[Thread]()

    def start() -> None:
        view = make()
        view.start(look())
        threads.append(Thread(target=_keep, args=(view, look, done), name="rung view", daemon=True))
        threads[0].start()

    _safely(start)
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(_JOIN)


def _keep(view: View, look: Callable[[], Summary], done: Event) -> None:
    while not done.wait(view.period) and _safely(lambda: view.update(look())):
        pass
    done.wait()
    _safely(lambda: view.finish(look()))


def _safely(act: Callable[[], None]) -> bool:
    try:
        act()
    except Exception:
        # A view that can't be shown is no reason to lose a trial.
        logger.debug("the view of the study stopped", exc_info=True)
        return False
    return True
