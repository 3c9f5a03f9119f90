"""The live page of studies, from this process."""

from __future__ import annotations

import secrets
import threading
from typing import Any, Self
from urllib.parse import quote

from rung._opening import where
from rung._text import brief
from rung._view import StudyView
from rung.errors import ArgumentError, Error
from rung.page.live import Library
from rung.page.server import Server
from rung.storage import Storage, open_storage
from rung.storage.snapshots import open_state

PORT = 8274
_NEXT = 20
"""Ports that are tried after one that is taken."""


class Dashboard:
    """A page that is being served, until `close`. Print it: it says where.

    Attributes
    ----------
    url : str
        Where the page is; with ``allow_stop=True`` it holds the token that allows it.
    """

    def __init__(self, server: Server, place: str) -> None:
        self._server = server
        # After the #, so that no browser sends it to anybody.
        self.url = f"{server.address}{place}{f'?token={server.token}' if server.token else ''}"
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.2,), name="rung page", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<rung.Dashboard {self.url}>"

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener">{self.url}</a>'


def dashboard(
    study: StudyView | str | None = None,
    *,
    storage: str | Storage | None = None,
    port: int | None = None,
    allow_stop: bool = False,
) -> Dashboard:
    """Serve a live page of a study, or of all studies of a storage, to this machine's browsers.

    It reads the log as `StudyView.refresh` does, so the studies may run in whatever process, or have ended
    years ago. It changes nothing: metrics of `report_only` stay hidden, and looking is no look.

    Parameters
    ----------
    study : StudyView, Study or str, optional
        The one to show; by default all of the storage.
    storage : str or Storage, optional
        As in `tune`; a study that is no name brings its own.
    port : int, optional
        Of 127.0.0.1; by default 8274, or the next that is free. 0 is any free one.
    allow_stop : bool
        Whether the page may stop studies and trials, as `rung stop` does. Its address has a token then.

    Returns
    -------
    Dashboard
        It serves in a thread of its own; `close` ends it.

    Raises
    ------
    StudyNotFound
        If there is no such study.
    ArgumentError
        If the port is taken or is no port.

    Examples
    --------
    >>> import rung
    >>> study = rung.tune(lambda x: x**2, {"x": rung.Float(-1, 1)}, n_trials=3, searcher="random",
    ...                   storage=":memory:", progress=False)
    >>> page = rung.dashboard(study, port=0)
    >>> page.url.startswith("http://127.0.0.1:")
    True
    >>> page.close()
    """
    if isinstance(study, StudyView):
        opened: Storage = study._storage
        only: str | None = study.name
    else:
        opened, only = open_storage(where(storage)), study
    library = Library(opened, lambda name: StudyView(opened, name, open_state(opened, name)), only)
    if only is not None:
        library.study(only)
    server = _server(library, port, secrets.token_urlsafe(24) if allow_stop else "")
    return Dashboard(server, "#/" if only is None else f"#/study/{quote(only, safe='')}")


def _server(library: Library, port: Any, token: str) -> Server:
    if port is not None and (type(port) is not int or not 0 <= port < 65536):
        raise ArgumentError(f"port={brief(port)}; give a number from 0 to 65535")
    for candidate in range(PORT, PORT + _NEXT) if port is None else (port,):
        try:
            return Server(library, candidate, token)
        except OSError as error:
            problem = error
    if port is not None:
        raise ArgumentError(f"port={port} can't be used: {problem.strerror}; leave port= out for a free one")
    raise Error(f"none of the ports {PORT} to {PORT + _NEXT - 1} can be used: {problem.strerror}")
