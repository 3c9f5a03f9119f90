"""What is wrong with a database, or with the disk it is on."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from rung.errors import StorageError, StudyCorrupt
from rung.study import decoding

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises; the second where its message quotes damaged text."""
_OUTER = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOLFS,
}  # fmt: skip
"""Errors of the disk or of the rights to it; all others are the file's."""


def check_schema(db: sqlite3.Connection, path: Path) -> None:
    """Raise StudyNewer if a newer rung made the file."""
    # Damage of `meta` hides no event: what can be read of the log is read.
    with contextlib.suppress(*SQLITE_ERRORS):
        row = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        decoding.check_schema(path, row and row[0])


def check_pages(db: sqlite3.Connection, path: Path) -> None:
    """Raise sqlite3.DatabaseError if the file's pages are damaged, StudyNewer if a newer rung made it."""
    # Writing on with a damaged list of free pages would overwrite events.
    check_schema(db, path)
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found.removeprefix("*** in database main ***\n"))


def explained(error: Exception, what: str) -> StorageError:
    """What rung says of an error of SQLite: StudyCorrupt if the file is at fault."""
    if _code(error) in _OUTER:
        return StorageError(f"{what}: {error}{hint(error)}")
    return StudyCorrupt(f"{what}: {error}; see: rung doctor")


def hint(error: Exception) -> str:
    """What to do about it, "" if it is not the disk."""
    full = _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
    return (
        "; what was acknowledged is kept: once there is space on a sound disk, run it again" if full else ""
    )


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF
