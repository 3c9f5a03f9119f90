"""What a study came to, beside its log, so that opening it need not fold millions of events.

A snapshot is a file `study.snapshot` in the study's folder, which a coordinator adds a piece to after every
5,000 events. It is never the truth. Whoever opens a study believes it only if each piece is whole and the
log holds the event that it ends with; whoever goes on with the study only if the rows of the log are those
that it was made of. If anything does not fit, the log is folded from its beginning, and the next coordinator
writes the snapshot anew. So nothing is synced, and to delete the file costs nothing but time.
"""

from __future__ import annotations

import contextlib
import gc
import os
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rung._disk import open_regular
from rung._text import brief
from rung.errors import Error, StorageError
from rung.storage.base import Storage
from rung.study import snapshot
from rung.study.events import Event, StudyCreated
from rung.study.state import ABSURD, StudyState

NAME = "study.snapshot"
EVERY = 5_000
"""Events between two pieces: what is folded at each opening at most."""
_HEAD = struct.Struct("<4sIQ")
"""Before each piece: a mark, its checksum, its length in bytes."""
_MARK = b"rung"
_SMALL = 2**26
"""Bytes of a file that may be read whatever room it takes on the disk."""
_PACKED = 8
"""How many bytes of a larger one may lie in one byte of the disk."""
_UNFIT = (*ABSURD, OSError, MemoryError, StorageError)


def open_state(storage: Storage, study: str, *, to_go_on: bool = False) -> StudyState:
    """The fold of a study's log; raises StudyNotFound, StudyCorrupt.

    Before one goes on with it, `to_go_on`, all of the log is checked, also what the snapshot tells.
    """
    with _no_collection():
        state = None
        with contextlib.suppress(*_UNFIT):  # the log will say what is wrong
            state = kept_state(storage, study, to_go_on=to_go_on)
        return StudyState.replay(storage.read(study)) if state is None else state


def kept_state(storage: Storage, study: str, *, to_go_on: bool = True) -> StudyState | None:
    """What the snapshot and the rest of the log tell; None, or any of many errors, if it does not fit."""
    folder = storage.folder(study)
    if folder is None or not (folder / NAME).exists():
        return None
    with _opened(folder / NAME, os.O_RDONLY) as file:
        created = next(iter(storage.read(study)), None)
        found = snapshot.restore(created, _pieces(file)) if isinstance(created, StudyCreated) else None
    if found is None:
        return None
    rest = iter(storage.read(study, after=found.state.events - 1))
    newest = next(rest, None)
    if newest is None or snapshot.fingerprint(newest) != found.last:
        return None
    if to_go_on:
        if any(storage.checksum(study, after, end) != told for after, end, told in found.rows):
            return None
        snapshot.check(found.state)
    found.state.follow(rest)
    return found.state


def contradiction(storage: Storage, study: str) -> str:
    """What is wrong with a snapshot that who looks would believe, of a study whose log is sound; or ""."""
    try:
        kept = kept_state(storage, study, to_go_on=False)
        if kept is None:
            return ""
        told = StudyState.replay(islice(storage.read(study), kept.events))
        if kept.digest() == told.digest():
            return ""
        return "its snapshot tells something else: delete study.snapshot, the log tells all"
    except _UNFIT as error:
        return f"its snapshot can't be read: delete study.snapshot, the log tells all ({brief(error, 200)})"


class Keeper:
    """Adds to the snapshot of a study that is ours; what goes wrong with that costs the study nothing."""

    def __init__(self, storage: Storage, study: str) -> None:
        self._storage, self._study = storage, study
        self._works = True

    def keep(self, state: StudyState, newest: Event) -> None:
        """Write what has come to a state whose `newest` event is stored, if that is enough for a piece."""
        if not self._works or state.events - state.kept.events < EVERY:
            return
        try:
            self._works = self._write(state, newest)
        except (*_UNFIT, Error) as error:
            import logging

            self._works = False
            logging.getLogger("rung").debug("study %r: no snapshot is kept: %s", self._study, error)

    def _write(self, state: StudyState, newest: Event) -> bool:
        folder, kept = self._storage.folder(self._study), state.kept
        if folder is None:
            return False
        rows = self._storage.checksum(self._study, kept.events, state.events)
        text = snapshot.piece(state, newest, rows)
        head = _HEAD.pack(_MARK, zlib.crc32(text), len(text))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _opened(folder / NAME, os.O_RDWR | os.O_CREAT) as file:
            file.truncate(kept.size)
            file.seek(kept.size)
            file.writelines([head, text])
        state.kept = snapshot.mark(state, kept.size + len(head) + len(text))
        state.changed.clear()
        return True


def _opened(path: Path, flags: int) -> BinaryIO:
    return open(open_regular(path, flags), "rb" if flags == os.O_RDONLY else "r+b")  # noqa: PTH123 -- a descriptor


def _pieces(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    found = os.fstat(file.fileno())
    # A file of holes costs a stranger nothing; on a disk that compresses, rung's own takes less room, too.
    if found.st_size > max(_SMALL, _PACKED * 512 * found.st_blocks):
        return
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        mark, checksum, length = _HEAD.unpack(head)
        fits = mark == _MARK and length <= found.st_size - file.tell()
        text = file.read(length) if fits else b""
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
