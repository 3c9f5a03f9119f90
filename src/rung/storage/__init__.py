"""Where events are kept. A storage knows nothing of what they mean."""

from __future__ import annotations

from rung.errors import StorageError
from rung.storage.base import Durability, Lease, Owner, Storage, StudyInfo
from rung.storage.memory import MemoryStorage


def open_storage(url: str | Storage, durability: Durability = "machine") -> Storage:
    """The storage at `url`: a folder (one SQLite file per study inside), or ":memory:"."""
    if not isinstance(url, str) and hasattr(url, "append"):
        return url
    text = str(url)
    if text == ":memory:":
        return MemoryStorage()
    if "://" in text:
        raise StorageError(
            f"storage={text.split('://', 1)[0]}://...; this rung knows a folder's path and :memory:"
        )
    from rung.storage.sqlite import SqliteStorage

    return SqliteStorage(text, durability)


__all__ = ["Durability", "Lease", "MemoryStorage", "Owner", "Storage", "StudyInfo", "open_storage"]
