"""A way to a server that cuts the connection at a chosen moment."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Literal


class CuttingProxy:
    """Passes bytes on to 127.0.0.1:`port`. Once `cut` is set, the next request meets it:

    "before": the client is cut off and the request never sent; "after": the request is sent, and the client cut
    off when the answer is there. In both cases the server goes on believing in its client.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.cut: Literal["", "before", "after"] = ""
        self.cuts = 0
        self._left: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for left in self._left:
            left.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        target = socket.create_connection(("127.0.0.1", self._target))
        with client, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, target], [], [])
                for source in ready:
                    data = source.recv(1 << 16)
                    if not data:
                        target.close()
                        return
                    if source is client and self._cut(target, data):
                        self._left.append(target)
                        return
                    (target if source is client else client).sendall(data)

    def _cut(self, target: socket.socket, data: bytes) -> bool:
        cut, self.cut = self.cut, ""
        if cut == "after":
            target.sendall(data)
            target.recv(1 << 16)
        self.cuts += bool(cut)
        return bool(cut)
