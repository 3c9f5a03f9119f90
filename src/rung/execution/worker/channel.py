"""Frames on a socket between the coordinator and a worker: a length in 4 bytes, then as many bytes."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">I")
_CHUNK = 1 << 16
_LONGEST = 1 << 26
"""Bytes of a frame from the coordinator, such as an objective; what claims to be longer is none."""


class Channel:
    """One end of a private socket pair; it takes frames of up to `longest` bytes."""

    def __init__(self, sock: socket.socket, longest: int = _LONGEST) -> None:
        self._socket = sock
        self._longest = longest
        self._buffer = bytearray()
        self.ended = False
        """Whether the other end has closed and everything it sent is here."""

    def fileno(self) -> int:
        """The file descriptor, for `selectors`."""
        return self._socket.fileno()

    def send(self, frame: bytes) -> None:
        """Send one frame; raises OSError if the other end is gone."""
        self._socket.sendall(_HEADER.pack(len(frame)) + frame)

    def receive(self) -> bytes | None:
        """Wait for one frame; None at the end; ValueError if what came is none."""
        while (frame := self._next()) is None:
            if not self._fill():
                return None
        return frame

    def available(self) -> Iterator[bytes]:
        """The frames that are here already; call it when the socket is readable or has ended.

        Raises ValueError if what came is no frame. Takes no more from the socket than the longest frame has,
        as the other end may write without end.
        """
        while len(self._buffer) < self._longest and self._fill(socket.MSG_DONTWAIT):
            pass
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _fill(self, flags: int = 0) -> bool:
        try:
            data = self._socket.recv(_CHUNK, flags)
        except BlockingIOError:
            return False
        except OSError:  # the other end died with unread data
            data = b""
        self._buffer += data
        self.ended = not data
        return bool(data)

    def _next(self) -> bytes | None:
        if len(self._buffer) < _HEADER.size:
            return None
        end = _HEADER.size + _HEADER.unpack_from(self._buffer)[0]
        if end > self._longest:
            self._buffer.clear()
            raise ValueError("a frame that nobody of ours sent")
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return frame
