"""A PostgreSQL server of one's own, for storage/ and the tests: in a temporary folder, and gone with it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

PASSWORD = "s3cret:pa/ss@word"
ENCODED = "s3cret%3Apa%2Fss%40word"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, None if PostgreSQL is not installed; Debian's is not on the PATH."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    return max(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None
    )


class Server:
    """Listens on 127.0.0.1 and asks for a password. As root it runs as another user, since it must."""

    def __init__(self, folder: Path) -> None:
        self._programs = programs()
        assert self._programs is not None
        self._folder, self._data = folder, folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._user = _unprivileged() if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        (folder / "password").write_text(PASSWORD)
        self._run("initdb", "-D", self._data, "-U", "tuner", "-A", "scram-sha-256", "-E", "UTF8",
                  "--locale=C", "--no-sync", f"--pwfile={folder / 'password'}")  # fmt: skip
        self.start()

    @property
    def url(self) -> str:
        """With the password in it."""
        return self.url_by(self.port)

    def url_by(self, port: int) -> str:
        """The server as something sees it that goes through another port."""
        return f"postgresql://tuner:{ENCODED}@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Start, or start again, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run(
            "pg_ctl", "start", "-w", "-t", "120", "-D", self._data, "-o", options, "-l", self._folder / "log"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop; "immediate" is a crash."""
        self._run("pg_ctl", "stop", "-w", "-t", "120", "-D", self._data, "-m", mode)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, user=self._user)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="rung-postgres-", ignore_cleanup_errors=True) as folder:
        running = Server(Path(folder))
        try:
            yield running
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                running.stop("immediate")


def _unprivileged() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
