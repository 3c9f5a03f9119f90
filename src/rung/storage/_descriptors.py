"""Which files our descriptors are: other code in this process may close them and open files of its own.

To become a daemon is to close every descriptor, and the next files that are opened get the same numbers.
What holds only a number would then write into those: SQLite its pages, a client of PostgreSQL its statements.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

File = tuple[int, int]
"""The device and the number of a file on it."""
CLOSED_BENEATH = (
    "code in this process closed rung's files (os.closerange?) and may have opened others in their place; "
    "run the objective in processes of its own: n_workers=2"
)
_LISTS = ("/proc/self/fd", "/dev/fd")
_INDEX = struct.Struct("=14xHI")
"""The head of SQLite's index of a write-ahead log: the bytes of a page (1 is 65,536), the frames in use."""
_HEAD, _FRAME = 32, 24
"""Bytes before the first frame of a log, and of a frame before its page."""


def file_at(path: Path) -> File:
    """Which file a path leads to, (0, 0) if to none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor, and which file it was opened for."""

    number: int
    file: File

    @classmethod
    def of(cls, number: int) -> Descriptor:
        """One that is open now."""
        found = os.fstat(number)
        return cls(number, (found.st_dev, found.st_ino))

    @property
    def is_ours(self) -> bool:
        """Whether it is still the file that it was opened for."""
        return self.look() is not None

    def look(self) -> os.stat_result | None:
        """What the system says of the file; None if it is no longer ours."""
        try:
            found = os.fstat(self.number)
        except OSError:
            return None
        return found if (found.st_dev, found.st_ino) == self.file else None


def open_now() -> set[int]:
    """The descriptors of this process; none where the system does not list them."""
    for folder in filter(os.path.isdir, _LISTS):
        listed = {int(name) for name in os.listdir(folder)}  # noqa: PTH208 -- names are all we want
        return {number for number in listed if _is_open(number)}  # but that of the list itself
    return set()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


State = Literal["", "closed", "cut", "deleted"]
"""What became of the files of a connection: they are sound; descriptors are no longer ours; the write-ahead
log is shorter than what was written to it; it has no name any more."""


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The files that a connection of SQLite has open; None where another descriptor may be meant."""

    database: Descriptor | None
    log: Descriptor | None
    index: Descriptor | None

    @classmethod
    def since(cls, before: set[int], path: Path) -> OpenFiles:
        """Those that were opened for the database at `path` while `before` were open."""
        new = open_now() - before
        return cls(*(_only(new, path.with_name(path.name + suffix)) for suffix in ("", "-wal", "-shm")))

    def state(self) -> State:
        """How they are: three system calls, before each commit."""
        database, log = _look(self.database), _look(self.log)
        if (self.database and not database) or (self.log and not log):
            return "closed"
        if log is None:
            return ""
        # The log's size first: another program that empties both begins with the index.
        if log.st_size < self._used() and self.index is not None and self.index.is_ours:
            return "cut"
        return "" if log.st_nlink else "deleted"

    def _used(self) -> int:
        """Bytes of the log that SQLite's index of it tells of; 0 if there is no index to be read."""
        if self.index is None:
            return 0
        try:
            page, frames = _INDEX.unpack(os.pread(self.index.number, _INDEX.size, 0))
        except (OSError, struct.error):
            return 0
        return _HEAD + frames * (_FRAME + (65536 if page == 1 else page)) if frames else 0


def _look(descriptor: Descriptor | None) -> os.stat_result | None:
    return None if descriptor is None else descriptor.look()


def _only(numbers: Iterable[int], path: Path) -> Descriptor | None:
    file = file_at(path)
    # Other threads close theirs meanwhile.
    found = [opened for opened in (Descriptor(number, file) for number in numbers) if opened.is_ours]
    return found[0] if len(found) == 1 else None


def abandon(thing: object) -> None:
    """Never close it: to close it would write to, or close, descriptors that are not ours any more."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
