"""Messages between a coordinator and a node, each once and in order, over one connection after another.

Each message has a number and is kept until the other end has said that it is there; after a new connection
what is missing is sent again, and what came twice is dropped. What is said of the connection itself (who is
it, is it alive) has the number 0, and goes with it.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from typing import Any

from rung.execution.node.link import Link

_NUMBER = struct.Struct(">Q")


class Line:
    """One end of it."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.received = 0
        """The number of the last message of the other end that is here."""
        self._sent = 0
        self._kept: deque[tuple[int, bytes]] = deque()

    def attach(self, link: Link, received: int) -> None:
        """Go on over this connection with an end that has received so many."""
        self.confirm(received)
        self.link = link
        for number, message in self._kept:
            link.send(_NUMBER.pack(number) + message)

    def confirm(self, received: int) -> None:
        """Forget what the other end has."""
        if received > self._sent:
            raise ValueError("an answer to what was not sent")
        while self._kept and self._kept[0][0] <= received:
            self._kept.popleft()

    def send(self, message: bytes) -> None:
        """Send a message, now or once there is a connection."""
        self._sent += 1
        self._kept.append((self._sent, message))
        if self.link is not None:
            self.link.send(_NUMBER.pack(self._sent) + message)

    def say(self, what: str, **said: Any) -> None:
        """Say something about the connection, if there is one."""
        if self.link is not None:
            self.link.send(about(what, **said))

    def take(self, frame: bytes) -> tuple[bool, bytes] | None:
        """What a frame says, and whether it is a message; None for one that came before.

        Raises ValueError if one is missing.
        """
        number, said = numbered(frame)
        if not number:
            return False, said
        if number <= self.received:
            return None
        if number != self.received + 1:
            raise ValueError("a message is missing")
        self.received = number
        return True, said


def about(what: str, **said: Any) -> bytes:
    """A frame about the connection itself."""
    return _NUMBER.pack(0) + json.dumps({"what": what, **said}).encode()


def numbered(frame: bytes) -> tuple[int, bytes]:
    """The number of a frame, and what it says; raises ValueError if it has none."""
    if len(frame) < _NUMBER.size:
        raise ValueError("a frame without a number")
    return _NUMBER.unpack_from(frame)[0], frame[_NUMBER.size :]
