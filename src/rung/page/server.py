"""The live page: a server of the standard library for one user on this machine."""

from __future__ import annotations

import gzip
import hmac
import json
import queue
import re
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files as resources
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rung.errors import ArgumentError, NoTrialError, StudyError, StudyNotFound
from rung.page import answers, documents, live
from rung.page.plain import encoded

HOST = "127.0.0.1"
_NAMES = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
"""What a browser on this machine calls it, or at the other end of `ssh -L`. Under any other name, a page from
elsewhere would be let in that has its own name point here (DNS rebinding)."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
STATIC = resources("rung.page") / "static"
_SERVED = {item.name for item in STATIC.iterdir() if item.name.rpartition(".")[2] in _TYPES}
_JSON = "application/json"
_COMPRESSED = 8192
"""Bytes from which an answer is compressed: it may go through a tunnel."""
_STREAMS = 32
"""Pages that may listen at once."""
_LIST = 1.0
"""Seconds between two looks at the list of studies."""
_ALIVE = 10.0
"""Seconds after which a silent stream says that it is there, and finds out whether anybody listens."""
_BODY = 4096


class Server(ThreadingHTTPServer):
    """Serves the page of a library of studies; `token` allows to stop them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, library: live.Library, port: int, token: str = "") -> None:
        self.library, self.token = library, token
        self.streams = 0
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away; everything else was answered."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "rung", ""
    timeout = 60

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._post)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the standard library's name
        """Nothing: the terminal shows where the page is."""

    def _answered(self, act: Any) -> None:
        try:
            hosts = self.headers.get_all("Host") or [""]
            if len(hosts) != 1 or not _NAMES.fullmatch(hosts[0]):
                self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this page is for http://127.0.0.1 alone")
            else:
                act()
        except (StudyNotFound, NoTrialError) as error:
            self._fail(HTTPStatus.NOT_FOUND, error)
        except (ArgumentError, ValueError) as error:
            self._fail(HTTPStatus.BAD_REQUEST, error)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 -- such as a hostile log's: the page says it, and goes on
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, error)

    def _get(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if path == "/":
            self._static("index.html")
        elif path.startswith("/static/"):
            self._static(path.removeprefix("/static/"))
        elif path == "/api/events":
            self._stream(query.get("study"))
        elif path == "/api/file":
            self._file(query)
        elif path.startswith("/api/"):
            library = self.server.library
            self._send(answers.answer(library, path.removeprefix("/api/"), query, bool(self.server.token)))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {path}")

    def _static(self, name: str) -> None:
        if name not in _SERVED:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such file")
            return
        kind = _TYPES[name.rpartition(".")[2]]
        self._send((STATIC / name).read_bytes(), f"{kind}; charset=utf-8")

    def _file(self, query: dict[str, str]) -> None:
        data, kind = answers.file(self.server.library, query)
        # What is no picture is saved, not shown.
        self._send(data, kind, {} if kind.startswith("image/") else {"Content-Disposition": "attachment"})

    def _post(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much")
            return
        body = self.rfile.read(length)
        token, given = self.server.token, self.headers.get("X-Rung-Token", "")
        origin = urlsplit(self.headers.get("Origin", ""))
        if not token or not hmac.compare_digest(token.encode(), given.encode()):
            self._refuse(
                HTTPStatus.FORBIDDEN, "start it by: rung dashboard --allow-stop, and open its address"
            )
        elif origin.netloc and origin.netloc != self.headers.get("Host"):
            self._refuse(HTTPStatus.FORBIDDEN, "asked for by another page")
        elif self.path != "/api/stop":
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {self.path}")
        else:
            self._stop(json.loads(body))

    def _stop(self, asked: Any) -> None:
        name, number = (asked.get(key) if isinstance(asked, dict) else None for key in ("study", "trial"))
        if not isinstance(name, str) or type(number) not in (int, type(None)):
            raise ArgumentError("stop: give a study, and the number of a trial or null")
        found = self.server.library.study(name)
        found.read()
        if self.server.library.owner(name) is None:
            raise StudyError(f"nobody runs study {name!r} now: there is nothing to stop")
        if number is not None and not 0 <= number < len(found.view.state.trials):
            raise NoTrialError(f"study {name!r} has no trial {number}")
        self.server.library.storage.request(name, "stop" if number is None else f"stop-{number}")
        self._send(encoded({"asked": True}))

    # ---- streams

    def _stream(self, name: str | None) -> None:
        if self.server.streams >= _STREAMS:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
            return
        self.server.streams += 1
        try:
            if name is None:
                self._events(live.list_changes(self.server.library, _LIST), every=int(_ALIVE / _LIST))
            else:
                followed = self.server.library.study(name)
                messages = followed.listen()
                try:
                    self._events(_waiting(messages))
                finally:
                    followed.leave(messages)
        finally:
            self.server.streams -= 1

    def _events(self, messages: Iterator[bytes | None], every: int = 1) -> None:
        self._head(HTTPStatus.OK, "text/event-stream", {"Connection": "close", "X-Accel-Buffering": "no"})
        self.close_connection = True
        self.wfile.write(b"retry: 1000\n\n: here\n\n")
        with suppress(ConnectionError, TimeoutError):
            silent = 0
            for data in messages:
                silent = 0 if data else silent + 1
                if data:
                    self.wfile.write(b"data: " + data + b"\n\n")
                elif silent % every == 0:
                    self.wfile.write(b": here\n\n")

    # ---- answers

    def _send(self, data: bytes, kind: str = _JSON, headers: dict[str, str] | None = None) -> None:
        headers = dict(headers or {})
        if (
            len(data) >= _COMPRESSED
            and "gzip" in self.headers.get("Accept-Encoding", "")
            and kind[:5] != "image"
        ):
            data, headers["Content-Encoding"] = gzip.compress(data, 1), "gzip"
        self._head(HTTPStatus.OK, kind, {**headers, "Content-Length": str(len(data))})
        self.wfile.write(data)

    def _fail(self, status: HTTPStatus, error: BaseException) -> None:
        with suppress(OSError):
            self._refuse(status, str(error))

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        data = encoded(documents.problem(ValueError(why)))
        self.close_connection = True  # what was not read of the request would be taken for the next one
        self._head(status, _JSON, {"Content-Length": str(len(data)), "Connection": "close"})
        self.wfile.write(data)

    def _head(self, status: HTTPStatus, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def _waiting(messages: live.Queue) -> Iterator[bytes | None]:
    while True:
        try:
            yield messages.get(timeout=_ALIVE)
        except queue.Empty:
            yield None
