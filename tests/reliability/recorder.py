"""Records what rung's SQLite storage asks of the disk, write by write.

Connections of apsw stand in for sqlite3's, with a VFS that notes every write and sync; making, renaming and
deleting folders, fsync and pwrite, are noted as Python does them. One difference from real life: the files are
locked exclusively, since apsw's VFS has no shared memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import apsw

from rung.study.events import Event


class Recording:
    """All that happened under a folder, in order: `(kind, path or mark, ...)`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.steps: list[tuple] = []
        self.events: list[Event] = []

    def note(self, kind: str, path: str | os.PathLike[str], *more: object) -> None:
        if Path(path).is_relative_to(self.base):
            self.steps.append((kind, Path(path).relative_to(self.base).parts, *more))

    def mark(self, **promised: int) -> None:
        """From here on it is promised that ..."""
        self.steps.append(("mark", promised))


class _File(apsw.VFSFile):
    def __init__(self, recording: Recording, name: str, flags: list[int]) -> None:
        self._recording, self._path = recording, name
        log = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
        # SQLite's own VFS syncs the folder at the first sync of a journal.
        self._names_folder = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & log)
        if not Path(name).exists():
            recording.note("create", name)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._recording.note("write", self._path, offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._recording.note("truncate", self._path, size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._recording.note("sync", self._path)
        if self._names_folder:
            self._recording.note("sync", Path(self._path).parent)
            self._names_folder = False


class _Vfs(apsw.VFS):
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        super().__init__("recording", "")

    def xOpen(self, name, flags):  # type: ignore[no-untyped-def]
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return apsw.VFSFile("", name, flags) if path is None else _File(self._recording, path, flags)

    def xDelete(self, path: str, sync: bool) -> None:
        super().xDelete(path, sync)
        self._recording.note("unlink", path)
        if sync:
            self._recording.note("sync", Path(path).parent)


class _Connection(apsw.Connection):
    def executescript(self, sql: str) -> None:
        self.execute(sql)

    def setlimit(self, category: int, limit: int) -> None:
        self.limit(category, limit)


def _connect(path: str | Path, **_: object) -> _Connection:
    db = _Connection(str(path), vfs="recording")
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    return db


_listener: list[Recording] = []


def _hear(event: str, arguments: tuple) -> None:
    if not _listener or event not in {"os.mkdir", "os.rename", "shutil.rmtree"}:
        return
    path = Path(arguments[0]).absolute()
    if event == "os.mkdir" and not path.exists() and path.parent.is_dir():
        _listener[0].note("mkdir", path)
    elif event == "os.rename":
        _listener[0].note("rename", path, Path(arguments[1]).name)
    elif event == "shutil.rmtree" and path.exists():
        _listener[0].note("rmtree", path)


sys.addaudithook(_hear)


@contextmanager
def recording(base: Path, *, sync_folders: bool = True) -> Iterator[Recording]:
    """Record what rung does under `base` in the block."""
    made = Recording(base)
    vfs = _Vfs(made)

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_file() or sync_folders:
            made.note("sync", path)

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        made.note("write", Path(f"/proc/self/fd/{descriptor}").readlink(), offset, data)
        return real_pwrite(descriptor, data, offset)

    real_pwrite = os.pwrite
    _listener.append(made)
    try:
        with (
            mock.patch("sqlite3.connect", _connect),
            mock.patch("os.fsync", fsync),
            mock.patch("os.pwrite", pwrite),
        ):
            yield made
    finally:
        _listener.clear()
        vfs.unregister()
