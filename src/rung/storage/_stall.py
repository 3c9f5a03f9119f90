"""A warning where a server has not answered for long."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

logger = logging.getLogger("rung")

PATIENCE = 10.0
"""Seconds of waiting after which a warning is logged."""


class Watch:
    """Looks, in a thread of its own, how long its owner has been waiting for `whom`."""

    def __init__(self, whom: str) -> None:
        self._whom = whom
        self._since: float | None = None
        self._warned: float | None = None
        self._over = threading.Event()
        arguments = (weakref.ref(self), self._over)  # a watch that was forgotten is not kept alive
        threading.Thread(target=_look, args=arguments, name="rung-watch", daemon=True).start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The block waits."""
        self._since = monotonic()
        try:
            yield
        finally:
            self._since = None

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def look(self) -> None:
        """Say so, once, if it has been long."""
        since = self._since
        if since is not None and since != self._warned and monotonic() - since > PATIENCE:
            logger.warning("%s has not answered for %g s; still waiting (Ctrl-C twice gives up)",
                           self._whom, PATIENCE)  # fmt: skip
            self._warned = since


def _look(watched: weakref.ref[Watch], over: threading.Event) -> None:
    while not over.wait(PATIENCE / 10):
        if (watch := watched()) is None:
            return
        watch.look()
        del watch
