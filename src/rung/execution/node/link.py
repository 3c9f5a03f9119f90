"""One connection between a coordinator and a node: both prove that they have the token, then frames.

    coordinator:  GREETING, a nonce
    node:         a nonce, HMAC(token, "node", both nonces)
    coordinator:  HMAC(token, "coordinator", both nonces)
    each:         a length in 4 bytes, HMAC(key, number of the frame, frame), the frame

There is a key for each direction and connection, so that a frame that is repeated, left out, reversed or sent
back is recognised. Who does not have the token is disconnected, and has learnt a random number. Frames can be
read on the way unless the connection is one of TLS.
"""

from __future__ import annotations

import hmac
import re
import secrets
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rung.errors import ArgumentError

if TYPE_CHECKING:
    import ssl

TOKEN = "RUNG_TOKEN"  # noqa: S105 -- the name of a variable
"""The environment variable with the token, in hexadecimal digits."""

_GREETING = b"rung-1\n"
_NONCE = _MAC = 32
_HEADER = struct.Struct(">I")
_NUMBER = struct.Struct(">Q")
_CHUNK = 1 << 16
_STRANGER = 1 << 14
"""Bytes that are taken from one that has not proved anything yet: what TLS needs."""
_OPTIONS = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000))
"""A machine that lost its power is noticed within 30 s, whatever is under way."""


class Link:
    """One end of a connection; it never blocks.

    `serves` says that this is the coordinator's end. A frame of the other end has at most `longest` bytes.
    With `tls`, the node gives the `host` that the coordinator's certificate is to be of.
    """

    def __init__(
        self, sock: socket.socket, token: bytes, *, serves: bool, longest: int,
        tls: ssl.SSLContext | None = None, host: str | None = None,
    ) -> None:  # fmt: skip
        sock.setblocking(False)
        _keep_alive(sock)
        self._socket, self._token, self._serves, self._longest = sock, token, serves, longest
        self._secured = None if tls is None else _Tls(tls, serves, host)
        self._nonce = secrets.token_bytes(_NONCE)
        self._received, self._unsent = bytearray(), bytearray()
        self._keys: tuple[bytes, bytes] | None = None
        self._numbers = [0, 0]
        self.ended = False
        """Whether the other end has closed, or is gone."""
        self.established = False
        """Whether the other end has proved that it has the token."""
        self._shaking = self._shake()
        self._needs: int = next(self._shaking)
        self._write(b"")  # TLS has something to say first

    def fileno(self) -> int:
        """The file descriptor, for `selectors`."""
        return self._socket.fileno()

    @property
    def is_behind(self) -> bool:
        """Whether there is something that the system has not taken yet: `flush` once it can be written to."""
        return bool(self._unsent)

    def send(self, frame: bytes) -> None:
        """Send one frame, or as much as the system takes now."""
        assert self._keys is not None
        number = _NUMBER.pack(self._numbers[0])
        self._numbers[0] += 1
        self._write(_HEADER.pack(len(frame)) + _mac(self._keys[0], number, frame) + frame)

    def flush(self) -> None:
        """Send what is left of earlier frames."""
        while self._unsent and not self.ended:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self.ended = True
            else:
                del self._unsent[:sent]

    def frames(self) -> Iterator[bytes]:
        """The frames that are here; raises ValueError if what came is not of one that has the token."""
        self._fill()
        while not self.established and len(self._received) >= self._needs:
            try:
                self._needs = next(self._shaking)
            except StopIteration:
                self.established = True
        while self.established and (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    # ---- bytes

    def _fill(self) -> None:
        most = self._longest + _HEADER.size + _MAC if self.established else _STRANGER
        while len(self._received) < most:
            try:
                data = self._socket.recv(_CHUNK if self.established else _STRANGER)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.ended = True
                return
            self._received += data if self._secured is None else self._secured.take(data)
            if self._secured is not None:
                self._unsent += self._secured.written()
                self.flush()

    def _write(self, data: bytes) -> None:
        if self._secured is not None:
            self._secured.write(data)
            data = self._secured.written()
        self._unsent += data
        self.flush()

    def _take(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def _next(self) -> bytes | None:
        assert self._keys is not None
        if len(self._received) < _HEADER.size:
            return None
        size = _HEADER.unpack_from(self._received)[0]
        if size > self._longest:
            raise ValueError(f"a frame of {size} bytes, of at most {self._longest}")
        if len(self._received) < _HEADER.size + _MAC + size:
            return None
        del self._received[: _HEADER.size]
        mac, frame = self._take(_MAC), self._take(size)
        number = _NUMBER.pack(self._numbers[1])
        self._numbers[1] += 1
        if not hmac.compare_digest(mac, _mac(self._keys[1], number, frame)):
            raise ValueError("a frame without the token")
        return frame

    # ---- the beginning

    def _shake(self) -> Iterator[int]:
        """Prove it and have it proved; yields how many bytes must be there to go on."""
        if self._serves:
            self._write(_GREETING + self._nonce)
            yield _NONCE + _MAC
            nonces = self._nonce + self._take(_NONCE)
            self._check(self._take(_MAC), b"node", nonces)
            self._write(_mac(self._token, b"coordinator", nonces))
        else:
            yield len(_GREETING) + _NONCE
            if self._take(len(_GREETING)) != _GREETING:
                raise ValueError("what listens there is not a rung of this version")
            nonces = self._take(_NONCE) + self._nonce
            self._write(self._nonce + _mac(self._token, b"node", nonces))
            yield _MAC
            self._check(self._take(_MAC), b"coordinator", nonces)
        ways = [b"down", b"up"] if self._serves else [b"up", b"down"]
        out, back = (_mac(self._token, way, nonces) for way in ways)
        self._keys = out, back

    def _check(self, mac: bytes, who: bytes, nonces: bytes) -> None:
        if not hmac.compare_digest(mac, _mac(self._token, who, nonces)):
            raise ValueError("another token")


class _Tls:
    """The bytes of a connection in TLS, apart from its socket."""

    def __init__(self, context: ssl.SSLContext, serves: bool, host: str | None) -> None:
        import ssl

        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=serves, server_hostname=host)
        self._shaken = False
        self._early = b""
        self.take(b"")

    def take(self, data: bytes) -> bytes:
        """What the bytes from the socket say; ValueError if they are not of TLS."""
        import ssl

        self._in.write(data)
        said = b""
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
                self.write(self._early)
            while more := self._tls.read(_CHUNK):
                said += more
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise ValueError(f"TLS: {error.reason or error}") from error
        return said

    def write(self, data: bytes) -> None:
        if not self._shaken:
            self._early += data
        elif data:
            self._tls.write(data)

    def written(self) -> bytes:
        """What the socket is to send."""
        return self._out.read()


def token_of(text: str) -> bytes:
    """Read a token; raises ArgumentError unless it has 256 bits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise ArgumentError(
            f"{TOKEN}: a token has 64 hexadecimal digits, and this one {len(text.strip())} characters; "
            "make one with python -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return bytes.fromhex(text.strip())


def address_of(name: str, text: str) -> tuple[str, int]:
    """Read HOST:PORT, with the host of IPv6 in brackets; raises ArgumentError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) >= 1 << 16:
        raise ArgumentError(f"{name}={text!r}; give HOST:PORT, such as 127.0.0.1:7864 or [::1]:7864")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "sha256")


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in _OPTIONS:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
