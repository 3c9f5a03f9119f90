"""Study folders from untrusted sources: what is refused before anything in them is read or written."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rung.errors import StorageError, StudyError

_LARGEST = 2**24
"""Bytes of a text in a database: rung's own are far smaller."""
_OWN_LINK = re.compile(r"checkpoint|\.epoch-.+\.link")
_TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_schema"


def distrust(db: sqlite3.Connection, schema: str) -> None:
    """Bound what a row may hold; sqlite3.DatabaseError if something is in it that `schema` does not make.

    Foreign views, triggers and generated columns could compute for ever, or change what is written.
    """
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
    if not set(db.execute(_TABLES)) <= _made_by(schema):
        raise sqlite3.DatabaseError("it holds tables, views or triggers that rung did not make")


@cache
def _made_by(schema: str) -> frozenset[tuple[str, ...]]:
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(schema)
        return frozenset(db.execute(_TABLES))
    finally:
        db.close()


def check_files(database: Path) -> None:
    """Raise StorageError unless all that SQLite opens for a database is a regular file.

    Opening a pipe blocks for ever. A study of rung's has no rollback journal, and a foreign one may name a
    file anywhere, which SQLite would delete.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        path = database.with_name(database.name + suffix)
        try:
            found = path.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise StorageError(f"{path} is not a regular file; rung opens a study's own files only")
        if suffix == "-journal" and found.st_size:
            raise StorageError(
                f"{path} is no file of rung's; if no other program writes the study, remove it"
            )


def refuse_links(folder: Path) -> None:
    """Raise StorageError if a symbolic link in a study's folder leads elsewhere: we would write through it.

    The link to a trial's checkpoint is rung's own, and leads to a folder beside it. So does the next one,
    which a kill leaves beside it before it takes the other's place.
    """
    for path in _entries(folder):
        if not (_OWN_LINK.fullmatch(path.name) and path.is_symlink() and len(path.readlink().parts) == 1):
            refuse_link(path)


def refuse_strangers(folder: Path | None) -> None:
    """Raise StudyError if a study's folder is another user's, and RUNG_TRUST names no folder that it is in.

    Who goes on with a study hands its checkpoints to the objective, which may run code that is in them.
    """
    if folder is None or not folder.exists():
        return
    folder = folder.resolve()
    owner = folder.stat().st_uid
    trusted = filter(None, os.environ.get("RUNG_TRUST", "").split(os.pathsep))
    if owner in {0, os.geteuid()} or any(folder.is_relative_to(Path(path).resolve()) for path in trusted):
        return
    raise StudyError(
        f"{folder} belongs to {_name_of(owner)}, not to you, and its checkpoints may hold code of theirs; "
        f"to go on with it all the same, set RUNG_TRUST={folder} (or to the folder of all such studies)"
    )


def _name_of(user: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user number {user}"


def refuse_link(path: Path) -> None:
    """Raise StorageError if `path` is a symbolic link."""
    if path.is_symlink():
        raise StorageError(f"{path} is a symbolic link; rung writes to a study's own folder only")


def _entries(folder: Path, depth: int = 3) -> Iterator[Path]:
    for path in folder.iterdir():
        yield path
        if depth > 1 and path.is_dir() and not path.is_symlink():
            yield from _entries(path, depth - 1)
