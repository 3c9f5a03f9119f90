"""One folder per study, one SQLite file in it, one writer at a time.

    <root>/<slug>-<digest>/study.db      the log: table `event`, and `meta` with the epoch that fences
                          /study.lock    locked by the coordinator while it lives; holds who it is
                          /logs/         what attempts and workers printed

A study is made aside and renamed, since switching a live fresh file to WAL can lose everything in a
power cut. Workers never see the file and viewers open it read-only, so "database is locked" can't occur.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from rung._disk import sync
from rung.errors import (
    ArgumentError,
    LeaseLost,
    StorageError,
    StudyCorrupt,
    StudyExists,
    StudyNotFound,
)
from rung.storage import _requests
from rung.storage._aside import made_aside
from rung.storage._damage import SQLITE_ERRORS, check_pages, check_schema, explained, hint
from rung.storage._descriptors import CLOSED_BENEATH, File, OpenFiles, State, abandon, file_at, open_now
from rung.storage._filled import fill_log
from rung.storage._lock import Lock, holder
from rung.storage._names import slug
from rung.storage._rows import event_of, row_of
from rung.storage.base import Durability, Lease, Owner, StudyInfo, check_durability, check_name
from rung.storage.foreign import check_files, distrust, refuse_link, refuse_links
from rung.study.events import SCHEMA_VERSION, Event, SessionStarted, StudyCreated

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id TEXT UNIQUE NOT NULL,
    epoch INTEGER NOT NULL,
    t REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""
_ROWS = "SELECT seq, id, epoch, t, kind, body, crc FROM event WHERE seq > ? ORDER BY seq"
_INSERT = "INSERT INTO event (seq, id, epoch, t, kind, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?)"
# Three times as fast as to check each row's own checksum, which is among what is looked at here.
_SUMS = """
SELECT count(*), max(seq), sum(seq), sum(epoch),
       sum(typeof(id) || typeof(kind) || typeof(body) != 'texttexttext')
FROM event WHERE seq > ? AND seq <= ?
"""
_TEXTS = "SELECT id || kind || body || crc, t FROM event WHERE seq > ? AND seq <= ? ORDER BY seq"
# Above the log's too: the number in `meta` has no checksum.
_RAISE_EPOCH = """
UPDATE meta SET value = 1 + max(value + 0, (SELECT epoch FROM event ORDER BY seq DESC LIMIT 1))
WHERE key = 'epoch'
"""
_SYNCHRONOUS = {"machine": "FULL", "process": "NORMAL"}


@dataclass(frozen=True, slots=True)
class _SqliteLease(Lease):
    connection: sqlite3.Connection
    lock: Lock
    path: Path
    file: File
    """Which file it was when it was opened."""
    opened: OpenFiles


class SqliteStorage:
    """Studies as folders under `root`.

    `durability="machine"` syncs each append to the disk (one sync for all events of one poll), and keeps
    4 MB beside the database for that while a study runs;
    `"process"` leaves that to the system: a killed process loses nothing, a power cut the last seconds.
    """

    def __init__(self, root: str | Path, durability: Durability = "machine") -> None:
        check_durability(durability)
        try:
            self._root = Path(root).expanduser().absolute()
        except RuntimeError as error:  # ~ of nobody
            raise ArgumentError(f"storage={str(root)!r}: {error}") from None
        self._synchronous = _SYNCHRONOUS[durability]

    def __str__(self) -> str:
        return str(self._root)

    def create(self, study: str, created: StudyCreated) -> None:
        """See `Storage`."""
        self.restore(study, [created])

    def restore(self, study: str, events: Sequence[Event], folders: Iterable[Path] = ()) -> None:
        """Make a study of a whole log, with copies of another's folders where they exist; all or nothing.

        Each is a folder of a trial, in `trials` or `notes`.
        """
        folder = self._folder(study)
        if folder.exists():
            raise StudyExists(f"study {study!r} is there already, in {folder}")
        try:
            with made_aside(folder) as aside:
                _write_new(aside / "study.db", study, events)
                _copy(folders, aside)
        except OSError as error:
            if folder.exists():
                raise StudyExists(f"study {study!r} is there already, in {folder}") from None
            raise StorageError(f"no study can be made in {self._root}: {error.strerror or error}") from None
        except sqlite3.Error as error:
            raise StorageError(f"no study can be made in {self._root}: {error}") from error

    def acquire(self, study: str, owner: Owner) -> Lease:
        """See `Storage`. A dead owner's lock is gone with it; its epoch is fenced off."""
        path = self.database(study)
        refuse_links(path.parent)
        with contextlib.ExitStack() as undo:
            lock = Lock(path.with_name("study.lock"), study, owner)
            undo.callback(lock.close)
            before = open_now()
            try:
                connection = _open_for_writing(path, self._synchronous)
                undo.callback(connection.close)
                check_pages(connection, path)
                opened = OpenFiles.since(before, path)
                epoch = _raise_epoch(connection, path, self._synchronous)
            except SQLITE_ERRORS as error:
                raise explained(error, f"study {study!r}: {path} can't be opened for writing") from error
            _requests.take(path.parent)  # they were for a session before this one
            undo.pop_all()
        return _SqliteLease(study, epoch, owner, connection, lock, path, file_at(path), opened)

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        """See `Storage`."""
        assert isinstance(lease, _SqliteLease)
        db = lease.connection
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                if _epoch(db) != lease.epoch:
                    raise LeaseLost(f"study {lease.study!r} was taken over; this process wrote nothing since")
                _check_files(lease)
                last: int = db.execute("SELECT max(seq) FROM event").fetchone()[0]
                db.executemany(_INSERT, [row_of(last + i, lease.epoch, e) for i, e in enumerate(events, 1)])
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except SQLITE_ERRORS as error:
            _check_files(lease)  # which says better what is wrong
            raise StorageError(
                f"study {lease.study!r}: the log can't be written: {error}{hint(error)}"
            ) from error
        return last + len(events)

    def release(self, lease: Lease) -> None:
        """See `Storage`. Leaves one database file, without a write-ahead log beside it."""
        assert isinstance(lease, _SqliteLease)
        if not lease.lock.is_held:  # its descriptors' numbers may be those of another lease by now
            return
        if lease.opened.state() in {"", "deleted"}:
            with contextlib.suppress(*SQLITE_ERRORS):
                if _epoch(lease.connection) == lease.epoch:
                    lease.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            lease.connection.close()
        else:  # SQLite would copy the log into what it takes for the database, also when it closes
            abandon(lease.connection)
        lease.lock.release()

    def delete(self, study: str, owner: Owner) -> None:
        """See `Storage`. First renamed, so that no half of a study is left under its name."""
        import shutil

        lease = self.acquire(study, owner)
        assert isinstance(lease, _SqliteLease)
        lease.connection.close()  # SQLite removes its files by name, which may be another study's soon
        folder = self._folder(study)
        aside = folder.with_name(f".deleted-{folder.name}-{owner.pid}")
        try:
            folder.rename(aside)
            sync(self._root)
        except OSError as error:
            raise StorageError(f"study {study!r} can't be deleted: {error.strerror}") from error
        finally:
            lease.lock.close()
        shutil.rmtree(aside, ignore_errors=True)

    def read(self, study: str, after: int = 0) -> Iterator[Event]:
        """See `Storage`."""
        path = self.database(study)
        try:
            with contextlib.closing(open_readonly(path)) as db:
                check_schema(db, path)
                # Closed by name: an error's traceback would keep it open, and the holder of the lease wait.
                with contextlib.closing(db.execute(_ROWS, (after,))) as rows:
                    for expected, row in enumerate(rows, after + 1):
                        yield event_of(row, expected, path)
        except SQLITE_ERRORS as error:
            raise explained(error, f"study {study!r}: {path} can't be read") from error

    def checksum(self, study: str, after: int, end: int) -> str:
        """See `Storage`."""
        path, digest = self.database(study), blake2b(digest_size=16)
        try:
            with contextlib.closing(open_readonly(path)) as db:
                digest.update(repr(db.execute(_SUMS, (after, end)).fetchone()).encode())
                rows = db.execute(_TEXTS, (after, end))
                while some := rows.fetchmany(1000):
                    texts, times = zip(*some, strict=True)
                    digest.update("\n".join(texts).encode())
                    digest.update(array("d", times))
        except SQLITE_ERRORS as error:
            raise explained(error, f"study {study!r}: {path} can't be read") from error
        return digest.hexdigest()

    def studies(self) -> Sequence[StudyInfo]:
        """See `Storage`. Folders that hold no readable study are left out."""
        infos = []
        for path in filter(Path.is_file, self._root.glob("[!.]*/study.db")):
            if path.is_symlink() or path.parent.is_symlink():
                continue
            with contextlib.suppress(*SQLITE_ERRORS, OSError, StorageError):
                name = self._name_in(path)
                if name:  # not a copy, nor one that lies about its name
                    infos.append(StudyInfo(name, _changed(path), holder(path.with_name("study.lock"))))
        return sorted(infos, key=lambda info: -info.changed)

    def request(self, study: str, request: str) -> None:
        """See `Storage`."""
        _requests.leave(self._existing(study), request)

    def requests(self, lease: Lease) -> Sequence[str]:
        """See `Storage`."""
        assert isinstance(lease, _SqliteLease)
        return _requests.take(lease.path.parent) if file_at(lease.path) == lease.file else ()

    def folder(self, study: str) -> Path | None:
        """See `Storage`."""
        return self._folder(study)

    def database(self, study: str) -> Path:
        """The file that holds the study's log; raises StudyNotFound, StudyCorrupt if it is not there."""
        return self._existing(study) / "study.db"

    def _folder(self, study: str) -> Path:
        check_name(study)
        return self._root / f"{slug(study)}-{blake2b(study.encode(), digest_size=4).hexdigest()}"

    def _name_in(self, path: Path) -> str:
        """The name of the study in the file, "" unless it is one that its folder may have."""
        with contextlib.closing(open_readonly(path)) as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'name'").fetchone()
        with contextlib.suppress(ArgumentError):
            if row and self._folder(row[0]).name == path.parent.name:
                return str(row[0])
        return ""

    def _existing(self, study: str) -> Path:
        folder = self._folder(study)
        refuse_link(folder)
        refuse_link(folder / "study.db")  # SQLite writes beside what it reads
        if folder.is_dir() and not (folder / "study.db").is_file():
            raise StudyCorrupt(f"study {study!r}: {folder} holds no study.db; move it away to begin again")
        if not folder.is_dir():
            known = ", ".join(info.name for info in self.studies()[:5])
            hint = f"; there is: {known}" if known else "; there is none"
            raise StudyNotFound(f"no study {study!r} in {self._root}{hint}")
        return folder


def _write_new(path: Path, study: str, events: Sequence[Event]) -> None:
    epoch = max((event.epoch for event in events if isinstance(event, SessionStarted)), default=0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(_SCHEMA)
        db.execute("BEGIN")
        meta = {"name": study, "epoch": str(epoch), "schema": str(SCHEMA_VERSION)}
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        db.executemany(_INSERT, [row_of(i, epoch, event) for i, event in enumerate(events, 1)])
        db.execute("COMMIT")
    path.chmod(0o600)
    sync(path)


def _copy(folders: Iterable[Path], into: Path) -> None:
    import shutil

    for folder in filter(Path.is_dir, folders):
        shutil.copytree(folder, into / folder.parent.name / folder.name, symlinks=True)
    os.sync()


def _open_for_writing(path: Path, synchronous: str) -> sqlite3.Connection:
    check_files(path)
    # Any thread may use it: the coordinator lets one in at a time.
    db = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
    try:
        distrust(db, _SCHEMA)
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("PRAGMA fullfsync=1")  # macOS: a sync that reaches the disk
    except sqlite3.Error:
        db.close()
        raise
    return db


def _raise_epoch(db: sqlite3.Connection, path: Path, synchronous: str) -> int:
    db.execute("BEGIN IMMEDIATE")
    db.execute(_RAISE_EPOCH)
    epoch = _epoch(db)
    if synchronous == "FULL":
        fill_log(path)  # now that no other process may write
    db.execute("COMMIT")
    return epoch


def _epoch(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    if row is None or not str(row[0]).isdecimal():
        raise sqlite3.DatabaseError("its owner's number is damaged")
    return int(row[0])


def open_readonly(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, to a database that another process may be writing."""
    check_files(path)
    # SQLite reads a WAL database by writing beside it; where it may not, no other process writes either.
    still = not os.access(path.parent, os.W_OK) and not path.with_name("study.db-wal").exists()
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable={still:d}", uri=True, timeout=10.0)
    try:
        for pragma in ("query_only=1", "trusted_schema=0", "cell_size_check=1"):
            db.execute(f"PRAGMA {pragma}")
        distrust(db, _SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _changed(path: Path) -> float:
    # Who only reads leaves an empty write-ahead log behind: that is no change.
    wal = path.with_name("study.db-wal")
    return max(p.stat().st_mtime for p in (path, wal) if p.exists() and p.stat().st_size)


_FAULTS: dict[State, str] = {
    "closed": CLOSED_BENEATH,
    "cut": "its write-ahead log was cut while it ran, and what that held is lost; see: rung doctor",
    "deleted": "its write-ahead log was deleted while it ran",
}


def _check_files(lease: _SqliteLease) -> None:
    """Raise StorageError unless what is written now will be found in the study."""
    state, is_there = lease.opened.state(), file_at(lease.path) == lease.file
    if is_there and not state:
        return
    # What is written to a file without a name is gone when it is closed, and nothing else would say so.
    moved = f"{lease.path} was moved or deleted while it ran"
    fault = _FAULTS[state] if state and (is_there or state != "deleted") else moved
    raise StorageError(f"study {lease.study!r}: {fault}; nothing more is written")
