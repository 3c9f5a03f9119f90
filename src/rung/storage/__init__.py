"""Where events are kept. A storage knows nothing of what they mean."""

from __future__ import annotations

import os
from os import PathLike

from rung._text import brief
from rung.errors import ArgumentError, StorageError
from rung.storage._names import without_passwords
from rung.storage.base import Durability, Lease, Owner, Storage, StudyInfo, check_durability
from rung.storage.memory import MemoryStorage

_LONGEST = 1000
"""Characters of a path: less than what Linux takes, since folders and files are below it."""


def open_storage(url: str | Storage, durability: Durability = "machine") -> Storage:
    """The storage at `url`: a folder (one SQLite file per study inside), a database, or ":memory:".

    A database is `postgresql://user@host:5432/name`, and needs ``rung[postgres]``. Raises ArgumentError.
    """
    check_durability(durability)
    if not isinstance(url, str) and hasattr(url, "acquire"):
        return url
    if not isinstance(url, str | PathLike):
        raise ArgumentError(f"storage={brief(url)}; give a folder's path, or :memory:")
    text = os.fspath(url)
    if not isinstance(text, str) or "\0" in text or len(text) > _LONGEST or not _encodes(text):
        raise ArgumentError(f"storage={brief(text)}; give a folder's path of at most {_LONGEST} characters")
    if text == ":memory:":
        return MemoryStorage()
    scheme, separator, _ = text.partition("://")
    if scheme in {"postgresql", "postgres"} and separator:
        return _postgres(text, durability)
    if separator:
        raise ArgumentError(
            f"storage={scheme}://...; this rung knows a folder's path, postgresql://... and :memory:"
        )
    from rung.storage.sqlite import SqliteStorage

    return SqliteStorage(text, durability)


def _encodes(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _postgres(url: str, durability: Durability) -> Storage:
    try:
        from rung.storage.postgres import PostgresStorage
    except ImportError as error:
        raise StorageError(
            f"storage=postgresql://... needs psycopg ({error}): pip install 'rung[postgres]'"
        ) from error
    return PostgresStorage(url, durability)


__all__ = [
    "Durability",
    "Lease",
    "MemoryStorage",
    "Owner",
    "Storage",
    "StudyInfo",
    "open_storage",
    "without_passwords",
]
