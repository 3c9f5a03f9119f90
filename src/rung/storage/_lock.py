"""The file `study.lock`: locked by the process that runs a study while it lives; it says who that is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import IO

from rung._disk import open_regular
from rung.errors import StorageError, StudyInUse
from rung.storage._descriptors import Descriptor, abandon
from rung.storage.base import Owner

_LONGEST = 10_000
"""Characters of what the file holds."""


class Lock:
    """A study's lock, held by this process."""

    def __init__(self, path: Path, study: str, owner: Owner) -> None:
        self._file = _taken(path, study, owner)
        self._descriptor = Descriptor.of(self._file.fileno())
        _HELD.add(self)

    @property
    def is_held(self) -> bool:
        """Whether it was not let go yet."""
        return not self._file.closed

    def release(self) -> None:
        """Let others take it."""
        if self._descriptor.is_ours:
            with contextlib.suppress(OSError):
                self._file.truncate(0)
        self.close()

    def close(self) -> None:
        """Let it go as a death would."""
        if self._file.closed:
            return
        if self._descriptor.is_ours:
            self._file.close()
        else:
            abandon(self._file)


# A forked child shares our locks, and would hold them after our death.
_HELD: weakref.WeakSet[Lock] = weakref.WeakSet()


def _let_go() -> None:
    for lock in _HELD:
        lock.close()


os.register_at_fork(after_in_child=_let_go)


def holder(path: Path) -> Owner | None:
    """Who holds the lock now, None if nobody does."""
    with contextlib.suppress(OSError), open(open_regular(path), encoding="utf-8") as file:  # noqa: PTH123
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_owner(file) or Owner("unknown host", 0, time.time())
    return None


def _taken(path: Path, study: str, owner: Owner) -> IO[str]:
    try:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise StorageError(f"study {study!r}: {path} can't be written: {error.strerror}") from None
    file = open(descriptor, "r+", encoding="utf-8")  # noqa: SIM115, PTH123 -- kept while the lease lives
    try:
        _flock(file)
    except OSError:
        other = _read_owner(file)
        file.close()
        mine = other is not None and (other.host, other.pid) == (owner.host, owner.pid)
        way_out = (
            "it is this one: close() the other Study" if mine else "wait for it, stop it, or use another name"
        )
        raise StudyInUse(f"study {study!r} is run by {other or 'another process'}; {way_out}") from None
    file.truncate(0)
    json.dump(asdict(owner), file)
    file.flush()
    return file


def _flock(file: IO[str], tries: int = 5) -> None:
    # A reader (`holder`) holds the lock for a moment.
    for _ in range(tries - 1):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.02)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read_owner(file: IO[str]) -> Owner | None:
    try:
        stored = json.loads(file.read(_LONGEST))
        return Owner(str(stored["host"]), int(stored["pid"]), float(stored["since"]))
    except (OSError, LookupError, TypeError, ValueError, OverflowError, RecursionError):
        return None
