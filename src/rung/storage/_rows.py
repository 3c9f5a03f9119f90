"""An event as a row of a database: columns, and a checksum over all of them."""

from __future__ import annotations

import json
import zlib

from rung._text import brief
from rung.errors import StorageError, StudyCorrupt
from rung.study.decoding import check, decode
from rung.study.events import Event

Row = tuple[int, str, int, float, str, str, int]
COLUMNS = ("seq", "id", "epoch", "t", "kind", "body", "crc")
"""What stands where in a row."""
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def row_of(seq: int, epoch: int, event: Event) -> Row:
    """The row of an event; `seq` counts from 1. Raises StorageError if it could not be read back."""
    check_readable(event)
    try:
        body = _encode(event.body())
    except (TypeError, ValueError, RecursionError) as error:
        raise _unreadable(event, error) from error
    t = float(event.t)
    return seq, event.id, epoch, t, event.kind, body, crc_of(seq, event.id, epoch, t, event.kind, body)


def check_readable(event: Event) -> None:
    """Raise StorageError unless an event can be read back once it is stored."""
    try:
        check(event)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unreadable(event, error) from error


def _unreadable(event: Event, error: Exception) -> StorageError:
    return StorageError(
        f"event {brief(event.id)} of kind {event.kind} could not be read back ({brief(str(error))}), "
        "so it is not stored: the executor, searcher or scheduler that it comes from is at fault"
    )


def crc_of(*parts: object) -> int:
    """The checksum of the columns before it."""
    return zlib.crc32("\x1f".join(map(str, parts)).encode())


def event_of(row: Row, expected: int, where: object) -> Event:
    """The event of a row read from `where`; raises StudyCorrupt unless it is number `expected`, whole."""
    seq, event_id, _, t, kind, body, crc = row
    if seq != expected or crc != crc_of(*row[:-1]):
        raise StudyCorrupt(
            f"{where}: event {expected} is damaged; the last good one is event {expected - 1}; "
            "see: rung doctor"
        )
    try:
        return decode(kind, event_id, t, json.loads(body))
    except (ValueError, RecursionError) as error:
        raise StudyCorrupt(f"{where}: event {expected} can't be read: {error}") from error
