"""What is good of a study whose files are damaged, and a new study made of that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rung.errors import ArgumentError, Error, StudyCorrupt, StudyError, StudyNewer
from rung.storage._damage import SQLITE_ERRORS
from rung.storage.base import Storage
from rung.storage.sqlite import SqliteStorage, open_readonly
from rung.study.events import Event, TrialCreated
from rung.study.state import StudyState

_WAL = 2
"""The highest number of a file format that SQLite writes, in bytes 18 and 19."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What a study holds up to the first damage."""

    events: tuple[Event, ...]
    """The good ones, which fold to a state."""
    fault: str
    """The first damage, "" if the study is sound."""


def examine(storage: Storage, study: str) -> Examination:
    """Read and fold all of a study, and check its files; raises StudyNotFound, StudyNewer."""
    good: list[Event] = []
    try:
        StudyState.replay(_kept(storage.read(study), good))
    except (StudyError, StudyNewer, ArgumentError):
        raise
    except Error as error:
        return Examination(tuple(good), str(error))
    return Examination(tuple(good), _fault_of_pages(storage, study))


def salvage(storage: SqliteStorage, study: str, into: str) -> Examination:
    """Make the study `into` of what is good of `study`, which stays as it is.

    Checkpoints of the trials that were saved are copied along. Returns what it was made of.
    Raises StudyExists, StudyError if `study` is sound, and StudyCorrupt if nothing of it can be saved.
    """
    found = examine(storage, study)
    if not found.fault:
        raise StudyError(f"study {study!r} is sound: there is nothing to salvage")
    events = found.events
    if events and isinstance(events[-1], TrialCreated):
        events = events[:-1]  # its attempt, logged in the same step, is lost: nothing would ever run it
    if not events:
        raise StudyCorrupt(f"nothing of study {study!r} can be saved: {found.fault}")
    storage.restore(into, events, _checkpoints(storage.folder(study), events))
    return Examination(events, found.fault)


def _kept(events: Iterable[Event], good: list[Event]) -> Iterator[Event]:
    for event in events:
        yield event
        good.append(event)  # the fold asks for the next one: it has taken this one in


def _checkpoints(folder: Path | None, events: Iterable[Event]) -> list[Path]:
    # A trial that is not in the log will be another one under the same number.
    if folder is None:
        return []
    kinds = ("trials", "notes")
    return [folder / kind / str(e.trial) for kind in kinds for e in events if isinstance(e, TrialCreated)]


def _fault_of_pages(storage: Storage, study: str) -> str:
    if not isinstance(storage, SqliteStorage):
        return ""
    path = storage.database(study)
    try:
        with contextlib.closing(open_readonly(path)) as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            about = dict(db.execute("SELECT key, value FROM meta"))
        with path.open("rb") as file:
            formats = file.read(20)[18:]
    except (*SQLITE_ERRORS, OSError) as error:
        return f"{path} can't be read: {error}"
    if max(formats, default=0) > _WAL:  # SQLite reads it, and refuses to write it
        return f"{path}: its header is damaged: it names no known file format"
    if found != "ok":
        return (
            f"{path}: pages are damaged: {' '.join(found.removeprefix('*** in database main ***').split())}"
        )
    if about.get("name") != study or not str(about.get("epoch")).isdecimal():
        return f"{path}: the study's name or its owner's number is damaged"
    return ""
