"""Studies in a PostgreSQL database: in schema `rung`, a row of `study` each, and their logs in `event`.

Safety is the study's row. An append is one statement, which counts the row's events up, if the epoch and
the count are those that the writer knows, and inserts the events only then; so an owner that was taken over
writes nothing, and what was sent twice is written once. Liveness is an advisory lock of the writer's
session: the server drops it with the connection, at once when the owner dies, and within half a minute
when its machine does.

A database has no folder: checkpoints and what workers print lie in `<RUNG_HOME>/<slug>-<key>/` on the
machine that runs the study; without RUNG_HOME, in `rung_studies` under the current folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rung.errors import (
    ArgumentError,
    LeaseLost,
    StorageError,
    StudyCorrupt,
    StudyExists,
    StudyInUse,
    StudyNotFound,
)
from rung.storage import _postgres_requests
from rung.storage import _postgres_sql as sql
from rung.storage._descriptors import CLOSED_BENEATH, Descriptor, abandon
from rung.storage._names import slug
from rung.storage._requests import check_request
from rung.storage._rows import COLUMNS, Row, event_of, row_of
from rung.storage._stall import Watch
from rung.storage.base import Durability, Lease, Owner, StudyInfo, check_durability, check_name
from rung.study.events import Event, StudyCreated

logger = logging.getLogger("rung")

_PATIENCE = 30.0
"""Seconds to wait for a server that is gone, and for a dead owner's session to end."""
_PAUSE = 0.1

Connection = psycopg.Connection[tuple[Any, ...]]

# A forked child shares our sessions, and would hold their locks after our death.
_SESSIONS: weakref.WeakSet[Connection] = weakref.WeakSet()


def _leave_sessions() -> None:
    for db in _SESSIONS:
        if not db.closed:
            os.close(db.fileno())


os.register_at_fork(after_in_child=_leave_sessions)


@dataclass(slots=True)
class _Writer:
    """The session that holds a study's lock, and how many events its log has."""

    db: Connection
    number: int
    events: int
    line: Descriptor
    """The connection's socket."""
    watch: Watch


@dataclass(frozen=True, slots=True)
class _PostgresLease(Lease):
    writer: _Writer


class PostgresStorage:
    """Studies in the database at `url`, such as `postgresql://user@host:5432/name`.

    Appends are synced to the server's disk with either `durability`: PostgreSQL's cheaper setting
    (`synchronous_commit=off`) may lose what was acknowledged when a process of the server is killed.

    Keep the password out of the URL (`~/.pgpass`, PGPASSWORD): others on the machine see the arguments of
    a command. One that is there is neither shown nor stored.
    """

    def __init__(self, url: str, durability: Durability = "machine") -> None:
        check_durability(durability)
        try:
            self._parameters = conninfo_to_dict(url, client_encoding="utf8")
            patience = self._parameters.get("connect_timeout") or 10
            silence = self._parameters.get("tcp_user_timeout") or int(1000 * _PATIENCE)
            self._conninfo = make_conninfo(
                url, client_encoding="utf8", connect_timeout=patience, tcp_user_timeout=silence
            )
        except psycopg.Error:  # its text may quote the password
            raise ArgumentError(
                "storage=postgresql://...: this is no URL of a database; write "
                "postgresql://user@host:5432/name, special characters of a password as %XX"
            ) from None
        self._home = Path(os.environ.get("RUNG_HOME") or "rung_studies").expanduser().absolute()

    def __str__(self) -> str:
        user, host, port, name = (self._parameters.get(k) for k in ("user", "host", "port", "dbname"))
        return (
            f"postgresql://{f'{user}@' if user else ''}{host or ''}{f':{port}' if port else ''}/{name or ''}"
        )

    def create(self, study: str, created: StudyCreated) -> None:
        """See `Storage`. Makes rung's tables first, in a database that has none."""
        check_name(study)
        with self._failing(f"study {study!r} can't be made"), self._connect() as db:
            db.execute(sql.WRITER)
            self._make_tables(db)
            with db.transaction():
                new = db.execute(
                    "INSERT INTO rung.study (name, key) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING "
                    "RETURNING number",
                    (study, secrets.token_hex(4)),
                ).fetchone()
                if new is None:
                    raise StudyExists(f"study {study!r} is there already, in {self}")
                _insert(db, new[0], 0, 0, [row_of(1, 0, created)])

    def acquire(self, study: str, owner: Owner) -> Lease:
        """See `Storage`. A dead owner's lock is gone with its session; its epoch is fenced off."""
        with self._failing(f"study {study!r} can't be taken"), contextlib.ExitStack() as undo:
            db = undo.enter_context(self._connect())
            db.execute(sql.WRITER)
            number, _, _ = self._find(db, study)
            self._wait_for_lock(db, number, study, owner)
            row = db.execute(sql.TAKE, (json.dumps(asdict(owner)), number)).fetchone()
            if row is None:
                raise StudyNotFound(f"study {study!r} in {self} has just been deleted")
            _name_session(db, number, row[0])
            self._warn_of_no_sync(db)
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                _postgres_requests.make_table(db, sql.LOCK)
            _postgres_requests.take(db, number)  # they were for a session before this one
            undo.pop_all()
        _SESSIONS.add(db)
        return _PostgresLease(
            study, row[0], owner, _Writer(db, number, row[1], Descriptor.of(db.fileno()), Watch(str(self)))
        )

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        """See `Storage`.

        When the connection breaks, it is not known whether the events were stored: the log is read once
        there is a connection again.
        """
        assert isinstance(lease, _PostgresLease)
        writer = lease.writer
        rows = [row_of(writer.events + i, lease.epoch, e) for i, e in enumerate(events, 1)]
        after = writer.events + len(rows)
        while writer.events != after:
            if not writer.db.closed and not writer.line.is_ours:
                raise StorageError(f"study {lease.study!r}: {CLOSED_BENEATH}; nothing more is written")
            with self._failing(f"study {lease.study!r}: the log can't be written"):
                try:
                    with writer.watch.waiting():
                        stored = _insert(writer.db, writer.number, lease.epoch, writer.events, rows)
                    if not stored:
                        raise self._lost(lease)
                    writer.events = after
                except psycopg.Error as error:
                    if not writer.db.closed:
                        raise
                    self._reconnect(lease, error)
        return after

    def release(self, lease: Lease) -> None:
        """See `Storage`."""
        assert isinstance(lease, _PostgresLease)
        writer = lease.writer
        writer.watch.close()
        if not writer.line.is_ours:
            abandon(writer.db)
            return
        with contextlib.suppress(psycopg.Error):
            writer.db.execute("UPDATE rung.study SET owner = NULL WHERE number = %s AND epoch = %s",
                              (writer.number, lease.epoch))  # fmt: skip
            writer.db.execute("SELECT pg_advisory_unlock(%s, %s)", (sql.LOCK, writer.number))
        writer.db.close()

    def delete(self, study: str, owner: Owner) -> None:
        """See `Storage`. Of its files, those on this machine."""
        folder = self.folder(study)
        lease = self.acquire(study, owner)
        assert isinstance(lease, _PostgresLease)
        try:
            writer = lease.writer
            with self._failing(f"study {study!r} can't be deleted"), writer.db.transaction():
                writer.db.execute("DELETE FROM rung.study WHERE number = %s AND epoch = %s",
                                  (writer.number, lease.epoch))  # fmt: skip
                writer.db.execute("DELETE FROM rung.event WHERE study = %s", (writer.number,))
        finally:
            self.release(lease)
        shutil.rmtree(folder, ignore_errors=True)

    def read(self, study: str, after: int = 0) -> Iterator[Event]:
        """See `Storage`."""
        with self._failing(f"study {study!r} can't be read"), self._connect() as db:
            number, events, _ = self._find(db, study)
            where = f"study {study!r} in {self}"
            while rows := db.execute(sql.PAGE, (number, after)).fetchall():
                for after, row in enumerate(rows, after + 1):  # noqa: B020, PLR1704 -- it counts on
                    yield event_of(row, after, where)
            if after < events:
                raise StudyCorrupt(f"{where}: event {after + 1} is missing, of {events}")

    def checksum(self, study: str, after: int, end: int) -> str:
        """See `Storage`."""
        with self._failing(f"study {study!r} can't be read"), self._connect() as db:
            (text,) = db.execute(sql.CHECKSUM, (self._find(db, study)[0], after, end)).fetchone() or ("",)
        return str(text)

    def studies(self) -> Sequence[StudyInfo]:
        """See `Storage`."""
        with self._failing("studies can't be listed"), self._connect() as db:
            rows = db.execute(sql.STUDIES, (sql.LOCK,)).fetchall() if self._has_tables(db) else []
        return [StudyInfo(name, changed, _owner(text)) for name, changed, text in rows]

    def request(self, study: str, request: str) -> None:
        """See `Storage`."""
        check_request(request)
        with self._failing(f"study {study!r} can't be asked"), self._connect() as db:
            number, _, _ = self._find(db, study)
            _postgres_requests.make_table(db, sql.LOCK)
            _postgres_requests.leave(db, number, request)

    def requests(self, lease: Lease) -> Sequence[str]:
        """See `Storage`."""
        assert isinstance(lease, _PostgresLease)
        writer = lease.writer
        if writer.db.closed or not writer.line.is_ours:  # `append` connects again, or says what is wrong
            return ()
        with writer.watch.waiting():
            return _postgres_requests.take(writer.db, writer.number)

    def folder(self, study: str) -> Path:
        """See `Storage`. On this machine; the same for every process that is started in the same folder."""
        with self._failing(f"study {study!r} can't be found"), self._connect() as db:
            return self._home / f"{slug(study)}-{self._find(db, study)[2]}"

    # ---- connections

    def _connect(self) -> Connection:
        try:
            return psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            raise _Unreachable(f"{self} can't be reached: {self._text(error)}") from None

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise StorageError(f"{what}, in {self}: {self._text(error)}") from error

    def _text(self, error: psycopg.Error) -> str:
        text = " ".join(str(error).split())
        password = self._parameters.get("password")
        return text.replace(str(password), "...") if password else text

    def _reconnect(self, lease: _PostgresLease, error: psycopg.Error) -> None:
        """Hold the lock in a new session and learn how many events there are; raises LeaseLost."""
        logger.warning("study %r: the connection to %s was lost (%s); trying for %g s",
                       lease.study, self, self._text(error), _PATIENCE)  # fmt: skip
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                if self._take_again(lease):
                    return
            except (psycopg.OperationalError, _Unreachable) as again:
                error = again if isinstance(again, psycopg.Error) else error
            if time.monotonic() > deadline:
                raise StorageError(
                    f"study {lease.study!r}: no connection to {self} for {_PATIENCE:g} s: {self._text(error)}"
                )
            time.sleep(_PAUSE)

    def _take_again(self, lease: _PostgresLease) -> bool:
        writer = lease.writer
        with contextlib.ExitStack() as undo:
            db = undo.enter_context(self._connect())
            db.execute(sql.WRITER)
            # The server may not have noticed that our old session is dead, or still be at work in it.
            db.execute(sql.END_SESSION,
                       (_session_name(writer.number, lease.epoch),))  # fmt: skip
            held = _try_lock(db, writer.number)
            with db.transaction():  # waits for a transaction of the old session that has the row
                row = db.execute("SELECT epoch, events FROM rung.study WHERE number = %s FOR UPDATE",
                                 (writer.number,)).fetchone()  # fmt: skip
            if row is None or row[0] != lease.epoch:
                raise self._lost(lease)
            if held:
                _name_session(db, writer.number, lease.epoch)
                undo.pop_all()
                writer.db, writer.events, writer.line = db, row[1], Descriptor.of(db.fileno())
                _SESSIONS.add(db)
        return held

    def _lost(self, lease: Lease) -> LeaseLost:
        return LeaseLost(f"study {lease.study!r} was taken over or deleted; this process wrote nothing since")

    def _wait_for_lock(self, db: Connection, number: int, study: str, owner: Owner) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not _try_lock(db, number):
            (text,) = db.execute("SELECT owner FROM rung.study WHERE number = %s", (number,)).fetchone() or (
                None,
            )
            holder = _owner(text)
            # The server needs a moment to notice that a client has died.
            dead = holder is not None and holder.host == owner.host and not psutil.pid_exists(holder.pid)
            if not dead or time.monotonic() > deadline:
                raise StudyInUse(
                    f"study {study!r} is run by {holder or 'another process'}; wait for it, stop it, or use "
                    "another name"
                )
            time.sleep(_PAUSE)

    # ---- tables

    def _find(self, db: Connection, study: str) -> tuple[int, int, str]:
        """The study's number, how many events it has, and the key of its folder."""
        check_name(study)
        found = None
        if self._has_tables(db):
            found = db.execute(
                "SELECT number, events, key FROM rung.study WHERE name = %s", (study,)
            ).fetchone()
        if found is None:
            raise StudyNotFound(f"no study {study!r} in {self}")
        return found[0], found[1], found[2]

    def _has_tables(self, db: Connection) -> bool:
        (there,) = db.execute("SELECT to_regclass('rung.layout') IS NOT NULL").fetchone() or (False,)
        if not there:
            return False
        (version,) = db.execute("SELECT max(version) FROM rung.layout").fetchone() or (None,)
        if version != sql.LAYOUT:
            raise StorageError(
                f"{self} holds studies in layout {version}; this rung knows {sql.LAYOUT}: upgrade rung"
            )
        return True

    def _make_tables(self, db: Connection) -> None:
        if self._has_tables(db):
            return
        # Of many that come at once one does it. Not in one transaction, which would not see what others made.
        db.execute("SELECT pg_advisory_lock(%s, 0)", (sql.LOCK,))
        if not self._has_tables(db):
            with db.transaction():
                db.execute(sql.TABLES)
        db.execute("SELECT pg_advisory_unlock(%s, 0)", (sql.LOCK,))

    def _warn_of_no_sync(self, db: Connection) -> None:
        (fsync,) = db.execute("SHOW fsync").fetchone() or ("on",)
        if fsync == "off":
            logger.warning("%s runs with fsync=off: a power cut may damage every study in it", self)


class _Unreachable(StorageError):
    """There is no connection to be had now."""


def _insert(db: Connection, number: int, epoch: int, before: int, rows: Sequence[Row]) -> bool:
    """Append in one transaction; False, and nothing is written, if epoch or count are not those."""
    new = json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    return db.execute(sql.APPEND, (len(rows), number, epoch, before, new)).rowcount == len(rows)


def _try_lock(db: Connection, number: int) -> bool:
    row = db.execute("SELECT pg_try_advisory_lock(%s, %s)", (sql.LOCK, number)).fetchone()
    return row is not None and bool(row[0])


def _session_name(number: int, epoch: int) -> str:
    return f"rung {number}/{epoch}"


def _name_session(db: Connection, number: int, epoch: int) -> None:
    db.execute("SELECT set_config('application_name', %s, false)", (_session_name(number, epoch),))


def _owner(text: str | None) -> Owner | None:
    return None if text is None else Owner(**json.loads(text))
