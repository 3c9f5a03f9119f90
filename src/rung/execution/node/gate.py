"""Where nodes connect: strangers are kept out, at little cost, and are given nothing."""

from __future__ import annotations

import logging
import selectors
import socket
from time import monotonic
from typing import TYPE_CHECKING

from rung.execution.node import frames
from rung.execution.node.frames import LONGEST_UP, Hello
from rung.execution.node.line import numbered
from rung.execution.node.link import Link

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("rung")

_PATIENCE = 10.0
"""Seconds that one who connects has to prove that it has the token."""
_MOST = 256
"""How many may be about to; of more, the one that came first is disconnected."""
_PAUSE = 30.0
"""Seconds between two lines about strangers."""


class Gate:
    """Takes connections at `listener`; `selector` waits until each has proved that it has the token."""

    def __init__(
        self,
        listener: socket.socket,
        token: bytes,
        tls: ssl.SSLContext | None,
        selector: selectors.BaseSelector,
    ) -> None:
        self._listener, self._token, self._tls, self._selector = listener, token, tls, selector
        self._strangers: dict[Link, float] = {}
        """When each is turned away."""
        self._turned_away, self._said = 0, -_PAUSE
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def serve(self, ready: object) -> tuple[Link, Hello] | None:
        """Take what there is on the listener or on a stranger's link; returns one that may come in."""
        if ready is self._listener:
            self._accept()
        elif isinstance(ready, Link) and ready in self._strangers:
            return self._meet(ready)
        return None

    def look(self) -> None:
        """Turn away those who took too long."""
        now = monotonic()
        for link in [link for link, until in self._strangers.items() if now > until]:
            self._turn_away(link, "it says nothing")

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()
        for link in self._strangers:
            link.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # it has gone again
            return
        try:
            link = Link(sock, self._token, serves=True, longest=LONGEST_UP, tls=self._tls)
        except OSError:
            sock.close()
            return
        if len(self._strangers) >= _MOST:
            self._turn_away(next(iter(self._strangers)), "too many at once")
        self._strangers[link] = monotonic() + _PATIENCE
        self._selector.register(link, selectors.EVENT_READ)

    def _meet(self, link: Link) -> tuple[Link, Hello] | None:
        link.flush()
        try:
            for frame in link.frames():
                number, said = numbered(frame)
                hello = None if number else frames.read_about(said)
                if not isinstance(hello, Hello):
                    raise ValueError("no hello")
                del self._strangers[link]
                return link, hello
        except ValueError as error:
            self._turn_away(link, str(error))
            return None
        if link.ended:
            self._turn_away(link, "it hung up")
        return None

    def _turn_away(self, link: Link, why: str) -> None:
        del self._strangers[link]
        self._selector.unregister(link)
        link.close()
        self._turned_away += 1
        if monotonic() > self._said + _PAUSE:
            logger.warning(
                "%d connections without the token were closed; the last: %s", self._turned_away, why
            )
            self._said, self._turned_away = monotonic(), 0
