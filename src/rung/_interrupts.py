"""Ctrl-C while a study runs: the first one stops it, the second ends it at once, and neither is a crash."""

from __future__ import annotations

import _thread
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from rung.engine.coordinator import Coordinator
from rung.errors import Interrupted

logger = logging.getLogger("rung")

_EXIT_CODE = 130
"""Of a program that Ctrl-C ended, as shells count it."""


@contextmanager
def stoppable(coordinator: Coordinator) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) stop the study, as long as the block lasts.

    The objective may reach a report for as long as the engine's grace says, and is then cut off where it runs
    in this thread. A second signal has its usual force at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler(coordinator)
    handler.install()
    try:
        yield
    finally:
        handler.restore()


class _Handler:
    """Stands in for the usual handlers of SIGINT and SIGTERM."""

    def __init__(self, coordinator: Coordinator) -> None:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        # What a shell ignores for a job in the background, or a C library handles, stays as it is.
        self._usual = {n: handler for n, handler in handlers.items() if handler not in {signal.SIG_IGN, None}}
        self._coordinator = coordinator
        self._stopping = self._overdue = self._over = False
        self._ending = threading.Lock()

    def install(self) -> None:
        _INSTALLED.add(self)
        for number in self._usual:
            signal.signal(number, self)

    def restore(self) -> None:
        with self._ending:
            self._over = True
        _INSTALLED.discard(self)
        for number, handler in self._usual.items():
            signal.signal(number, handler)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._stopping and not self._overdue:
            self.restore()
            self._coordinator.stop("interrupted")  # cuts off an objective in this thread, and so returns not
            signal.raise_signal(number)
            return
        if not self._stopping:
            grace = self._coordinator.engine.grace
            logger.warning("stopping: trials that report have %g s to reach their next report; "
                           "Ctrl-C again ends them at once", grace)  # fmt: skip
            self._stopping = True
            # Not threading.Thread: the signal may have come while this thread holds that module's lock.
            _thread.start_new_thread(self._wait, (grace, number))
        self._overdue = False
        self._coordinator.stop("interrupted")

    def _wait(self, grace: float, number: int) -> None:
        time.sleep(grace)
        with self._ending:
            if not self._over:
                self._overdue = True
                signal.pthread_kill(threading.main_thread().ident or 0, number)  # it ends a sleep, too


# Children that an objective forks don't belong to the study: signals have their usual meaning for them.
_INSTALLED: weakref.WeakSet[_Handler] = weakref.WeakSet()


def _restore_in_child() -> None:
    for handler in list(_INSTALLED):
        handler._ending = threading.Lock()  # another thread may have held it
        handler.restore()


os.register_at_fork(after_in_child=_restore_in_child)


@contextmanager
def interrupted(say: Callable[[], str]) -> Iterator[None]:
    """Raise Interrupted, with what `say` says, for a KeyboardInterrupt in the block.

    It comes after a clean stop, or from a second Ctrl-C, wherever it struck.
    """
    try:
        yield
    except KeyboardInterrupt:
        _end_in_a_line()
        raise Interrupted(say()) from None


def _end_in_a_line() -> None:
    """Let an `Interrupted` that nobody catches end the program with its one line and Ctrl-C's exit code."""
    usual = sys.excepthook
    if getattr(usual, "__module__", "") == __name__:
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Interrupted):
            usual(kind, error, trace)
            return
        sys.stderr.write(f"{error}\n")
        if not hasattr(sys, "ps1"):  # at a prompt the session goes on
            raise SystemExit(_EXIT_CODE)

    sys.excepthook = show
