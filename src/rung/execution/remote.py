"""Runs trials on workers of other machines, which connect to this one: `rung worker HOST:PORT`."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from rung.errors import ArgumentError
from rung.execution.node.crew import Crew, Engine
from rung.execution.node.link import TOKEN, address_of, token_of
from rung.execution.node.nodes import NAME, Nodes
from rung.execution.work import Work
from rung.study.budget import seconds, whole
from rung.study.events import WorkerStarted

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("rung")

LISTEN = "RUNG_LISTEN"
"""The environment variable with the address at which workers join."""
_ADDRESS = "127.0.0.1:7864"


class Remote:
    """Trials run on every worker that joins: `rung worker HOST:PORT`, started on whatever machine.

    Workers may come and go while a study runs. One that is lost costs no trial and no retry: its trials run
    again elsewhere. Both ends prove that they know the token, and what workers send is never unpickled.

    Parameters
    ----------
    address : str, optional
        HOST:PORT of this machine at which workers join; by default RUNG_LISTEN, else 127.0.0.1:7864. Port 0
        takes a free one.
    token : str, optional
        64 hexadecimal digits; by default RUNG_TOKEN, else one is made and shown.
    certificate, key : str, optional
        Files in PEM, with which the connection is one of TLS: without it, what trials report can be read on
        the way, but not changed.
    lease : str, float or timedelta
        Without a word from a worker for so long, its trials run elsewhere. A worker that hears nothing gives
        them up before.
    max_losses : int
        Losses in a row, without a report between, after which a machine gets no more trials; at least 1.

    Raises
    ------
    ArgumentError
        If the address can't be listened at, or the token is too short.
    """

    name: ClassVar[str] = NAME

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
        lease: str | float | timedelta = "30s",
        max_losses: int = 3,
    ) -> None:
        given = os.environ.get(LISTEN) or _ADDRESS if address is None else address
        self.address = address_of(LISTEN if address is None else "address", given)
        token = os.environ.get(TOKEN) if token is None else token
        self._made = None if token else secrets.token_hex(32)
        self._token = token_of(token or self._made or "")
        self._certificate, self._key = certificate, key
        self._lease = seconds(lease, "lease")
        self._max_losses = whole("max_losses", max_losses, 1)
        if (certificate is None) != (key is None):
            raise ArgumentError("certificate and key: TLS needs both files")

    def __repr__(self) -> str:
        return f"Remote('{self.address[0]}:{self.address[1]}')"  # the token is nobody's to read

    def check(self, work: Work) -> None:
        """Raise ArgumentError if nothing can listen at the address, or the certificate can't be read."""
        self._tls()
        self._listen().close()

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """Do nothing: workers end what they run once they hear of another session, or their lease is over."""

    def start(self, work: Work) -> Nodes:
        """Listen, and say how workers join."""
        nodes = self.listen(work)
        logger.warning("workers join by: %s", nodes.how)
        return nodes

    def listen(self, work: Work) -> Nodes:
        """Listen, and say nothing."""
        listener = self._listen()
        try:
            nodes = Nodes(
                work, listener, self._token, self._lease, max_losses=self._max_losses, tls=self._tls()
            )
        except BaseException:
            listener.close()
            raise
        secret = f"{TOKEN}={self._made} " if self._made else f"{TOKEN}=... "
        nodes.how = f"{secret}rung worker {self._shown(nodes.port)}"
        nodes.address = self._shown(nodes.port)
        return nodes

    def crew(self, nodes: Nodes, engine: Engine, size: int) -> Crew:
        """The workers that an engine places; without a coordinator they end soon."""
        secured = [] if self._certificate is None else ["--certificate", self._certificate]
        arguments = ["worker", nodes.address, "--patience", f"{2 * self._lease:g}s", *secured]
        return Crew(engine, size, arguments, {TOKEN: self._token.hex()})

    def _shown(self, port: int) -> str:
        host = socket.gethostname() if self.address[0] in {"0.0.0.0", "::"} else self.address[0]  # noqa: S104
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _listen(self) -> socket.socket:
        try:
            family = socket.getaddrinfo(*self.address, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server(self.address, family=family, backlog=256)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error
            raise ArgumentError(
                f"address={':'.join(map(str, self.address))}: {why}; give a host of this "
                f"machine and a free port, or port 0 (address=, or {LISTEN})"
            ) from error

    def _tls(self) -> ssl.SSLContext | None:
        if self._certificate is None:
            return None
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self._certificate, self._key)
        except OSError as error:  # an SSLError is one
            raise ArgumentError(f"certificate={self._certificate!r}, key={self._key!r}: {error}") from error
        return context
