"""The fold of a long log, kept so that opening a study need not fold millions of events again.

Snapshots lie in the user's cache folder, `$XDG_CACHE_HOME/rung/snapshots` (`~/.cache/...`), one file for each
study. A coordinator adds a piece to its study's after every 5,000 events. Nobody else writes there, and no
copy of a study brings one along, so a checksum for each piece is all that it takes to trust it. It is never
the truth: it is used only if the log holds the event that it ends with, and to go on with a study only if the
rows of the log are those that it was made of. If anything does not fit, the log is folded from its beginning,
and the next coordinator writes the snapshot again. So nothing is synced, and to delete it costs only time.
"""

from __future__ import annotations

import contextlib
import gc
import os
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from rung.errors import Error, StorageError
from rung.storage.base import Storage
from rung.study import snapshot
from rung.study.events import Event, StudyCreated
from rung.study.snapshot import Mark
from rung.study.state import INVALID_LOG, StudyState

EVERY = 5_000
"""Events between two pieces: what is folded at each opening at most."""
_HEAD = struct.Struct("<4sIQ")
"""Before each piece: a mark, its checksum, its length in bytes."""
_MARK = b"rung"
_UNUSED = 90 * 86400.0
"""Seconds after which a snapshot that no coordinator has written to is deleted."""
_UNFIT = (*INVALID_LOG, OSError, MemoryError, StorageError)


def path(storage: Storage, study: str) -> Path | None:
    """Return where the snapshot of a study is kept; None of a study in memory, or without a cache folder."""
    folder = storage.folder(study)
    if folder is None:
        return None
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home
        return None
    key = blake2b(os.fsencode(folder.resolve()), digest_size=16).hexdigest()
    return cache / "rung" / "snapshots" / key


def open_state(storage: Storage, study: str) -> StudyState:
    """Return the fold of a study's log, to look at; raises StudyNotFound, StudyCorrupt, StudyNewer."""
    return _open(storage, study, to_go_on=False)[0]


def open_to_go_on(storage: Storage, study: str) -> tuple[StudyState, Keeper]:
    """Return the fold of a log that was checked in all its rows, and the keeper of its snapshot.

    Raises StudyNotFound, StudyCorrupt or StudyNewer.
    """
    state, kept = _open(storage, study, to_go_on=True)
    return state, Keeper(storage, study, kept)


@dataclass(slots=True)
class Kept:
    """What a snapshot holds of a state."""

    mark: Mark = Mark()  # noqa: RUF009 -- frozen
    changed: set[int] = field(default_factory=set)
    """Trials that events after it are about."""

    def reading(self, events: Iterable[Event]) -> Iterator[Event]:
        """Note the trials of events that pass by."""
        for event in events:
            if (trial := getattr(event, "trial", None)) is not None:
                self.changed.add(trial)
            yield event


def _open(storage: Storage, study: str, *, to_go_on: bool) -> tuple[StudyState, Kept]:
    with _no_collection():
        found = None
        with contextlib.suppress(*_UNFIT):  # the log will say what is wrong
            found = kept_state(storage, study, to_go_on=to_go_on)
        if found is None:
            state = StudyState.replay(storage.read(study))
            found = state, Kept(changed=set(range(len(state.trials))))
        return found


def kept_state(storage: Storage, study: str, *, to_go_on: bool = True) -> tuple[StudyState, Kept] | None:
    """Return the fold of the snapshot and the rest of the log, and what of it the snapshot holds.

    None, or any of many errors, if there is no snapshot or it does not fit the log.
    """
    file = path(storage, study)
    if file is None or not file.exists():
        return None
    with file.open("rb") as opened:
        created = next(iter(storage.read(study)), None)
        found = snapshot.restore(created, _pieces(opened)) if isinstance(created, StudyCreated) else None
    if found is None:
        return None
    rest = iter(storage.read(study, after=found.state.events - 1))
    newest = next(rest, None)
    if newest is None or snapshot.fingerprint(newest) != found.last:
        return None
    if to_go_on and any(storage.checksum(study, after, end) != rows for after, end, rows in found.rows):
        return None
    kept = Kept(found.mark)
    found.state.follow(kept.reading(rest))
    return found.state, kept


class Keeper:
    """Adds to the snapshot of a study that is ours; what goes wrong with that costs the study nothing."""

    def __init__(self, storage: Storage, study: str, kept: Kept | None = None) -> None:
        self._storage, self._study, self.kept = storage, study, kept or Kept()
        self._works = True

    def keep(self, state: StudyState, newest: Sequence[Event]) -> None:
        """Write a piece if enough has come to a state that ends with these events, which are stored."""
        if not self._works:
            return
        for _ in self.kept.reading(newest):
            pass
        if state.events - self.kept.mark.events < EVERY:
            return
        try:
            self._works = self._write(state, newest[-1])
        except (*_UNFIT, Error) as error:
            import logging

            self._works = False
            logging.getLogger("rung").debug("study %r: no snapshot is kept: %s", self._study, error)

    def _write(self, state: StudyState, newest: Event) -> bool:
        file, mark = path(self._storage, self._study), self.kept.mark
        if file is None:
            return False
        rows = self._storage.checksum(self._study, mark.events, state.events)
        text = snapshot.piece(state, mark, self.kept.changed, newest, rows)
        head = _HEAD.pack(_MARK, zlib.crc32(text), len(text))
        if mark.size == 0:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _delete_unused(file.parent)
        with open(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as opened:  # noqa: PTH123
            opened.truncate(mark.size)
            opened.seek(mark.size)
            opened.writelines([head, text])
        self.kept = Kept(snapshot.mark(state, mark.size + len(head) + len(text)))
        return True


def _delete_unused(folder: Path) -> None:
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _UNUSED:
                file.unlink()


def _pieces(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        mark, checksum, length = _HEAD.unpack(head)
        text = file.read(length) if mark == _MARK else b""
        if not text or zlib.crc32(text) != checksum:
            return  # its writer died over it, or the disk forgot it
        yield text, file.tell()


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    # What a fold makes is kept: a third of its time would go into looking for garbage.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
