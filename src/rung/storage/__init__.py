"""Where events are kept; a storage knows nothing of what they mean. One more is one file, one line here."""

from __future__ import annotations

import os
from os import PathLike

from rung._registry import Registry
from rung._text import brief
from rung.errors import ArgumentError, StorageError
from rung.storage._names import without_passwords
from rung.storage.base import Durability, Lease, Owner, Storage, StudyInfo, check_durability
from rung.storage.memory import MemoryStorage

_LONGEST = 1000
"""Characters of a path: less than what Linux takes, since folders and files are below it."""


def _postgres(url: str, durability: Durability) -> Storage:
    try:
        from rung.storage.postgres import PostgresStorage
    except ImportError as error:
        raise StorageError(
            f"storage=postgresql://... needs psycopg ({error}): pip install 'rung[postgres]'"
        ) from error
    return PostgresStorage(url, durability)


STORAGES: Registry[Storage] = Registry(
    "storage", {"postgresql": _postgres, "postgres": _postgres}, ["acquire", "append", "read"]
)
"""By the scheme of its URL, what opens a storage: called with the URL and `durability`."""


def open_storage(url: str | PathLike[str] | Storage, durability: Durability = "machine") -> Storage:
    """Return the storage at `url`: a folder (one SQLite file per study inside), ":memory:", or a URL.

    Parameters
    ----------
    url : str, path or Storage
        A URL's scheme is one of `STORAGES`: `postgresql://user@host:5432/name` needs ``rung[postgres]``. An
        object that is a storage is returned as it is.
    durability : {"machine", "process"}
        What an appended event survives: a crash of the machine, or of any process only.

    Raises
    ------
    ArgumentError
        If `url` or `durability` is none of these.
    """
    check_durability(durability)
    if not isinstance(url, str | PathLike):
        if not isinstance(url, type) and all(hasattr(url, method) for method in STORAGES.methods):
            return url
        raise ArgumentError(
            f"storage={brief(url)}; give a folder's path, or :memory:, "
            f"or an object with {', '.join(STORAGES.methods)}"
        )
    text = os.fspath(url)
    if not isinstance(text, str) or "\0" in text or len(text) > _LONGEST or not _encodes(text):
        raise ArgumentError(f"storage={brief(text)}; give a folder's path of at most {_LONGEST} characters")
    if text == ":memory:":
        return MemoryStorage()
    scheme, separator, _ = text.partition("://")
    if not separator:
        from rung.storage.sqlite import SqliteStorage

        return SqliteStorage(text, durability)
    if scheme not in STORAGES:
        known = ", ".join(f"{scheme}://..." for scheme in STORAGES)
        raise ArgumentError(f"storage={scheme}://...; this rung knows a folder's path, :memory: and {known}")
    return STORAGES[scheme](text, durability)


def _encodes(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


__all__ = [
    "STORAGES",
    "Durability",
    "Lease",
    "MemoryStorage",
    "Owner",
    "Storage",
    "StudyInfo",
    "open_storage",
    "without_passwords",
]
