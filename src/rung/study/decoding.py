"""Reading events back: what was stored is checked before it is believed.

`check` asks the same of an event before it is stored, so that the log takes in only what it can read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import chain
from typing import Any

from rung import __version__
from rung._text import brief
from rung.errors import StorageError, StudyCorrupt, StudyNewer
from rung.study.events import FIELDS, KINDS, SCHEMA_VERSION, Event, SessionStarted, StudyCreated
from rung.study.upcasting import upcast
from rung.study.versions import format_number, release

_FOR_EVER = 1e12
"""Seconds that no study lasts."""
_LARGEST = 2**64
_DEEPEST = 250
"""Levels of lists and objects in a field: a hundred conditions joined in a row have two each."""


class NotUnderstood(StudyCorrupt):
    """An event that this rung can't read, or that does not follow from those before it."""


def not_understood(problem: str, versions: Mapping[str, Any]) -> StorageError:
    """The error for an event, given the `versions` of the session that wrote it.

    NotUnderstood, or StudyNewer if the session's rung is newer than this one: then it is no damage.
    """
    wrote = release(versions.get("rung"))
    if wrote <= release(__version__) and format_number(versions.get("schema")) <= SCHEMA_VERSION:
        return NotUnderstood(problem)
    newer = ".".join(map(str, wrote))
    return StudyNewer(
        f"this study was written by rung {newer}; this is rung {__version__}, which does not know all of it: "
        f"upgrade rung to {newer} or later ({problem})"
    )


def check_schema(what: object, schema: object) -> None:
    """Raise StudyNewer, which begins with `what`, if `schema` is a later format than this rung reads."""
    if (newer := format_number(schema)) > SCHEMA_VERSION:
        raise StudyNewer(
            f"{what} was written in format {newer}; this rung reads up to {SCHEMA_VERSION}: upgrade rung "
            f"(this is rung {__version__})"
        )


def understood(events: Iterable[Event], versions: Mapping[str, Any]) -> Iterator[Event]:
    """The same events; raises StudyNewer for one that can't be read in a session of a newer rung.

    `versions` are those of the session in which `events` begin.
    """
    try:
        for event in events:
            if isinstance(event, SessionStarted):
                versions = event.versions
            yield event
    except NotUnderstood as error:
        raise not_understood(str(error), versions) from error.__cause__


def decode(kind: str, event_id: str, t: float, body: Mapping[str, Any]) -> Event:
    """Rebuild an event from its stored parts; raises NotUnderstood, or StudyNewer if `body` states that."""
    try:
        values = upcast(kind, dict(body))
        if kind == StudyCreated.kind:
            check_schema("this study", values.get("schema"))
        if "metrics" in values:
            values["metrics"] = {str(k): float(v) for k, v in values["metrics"].items()}
        event = KINDS[kind](id=event_id, t=float(t), **values)
        _check_types(event)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        problem = f"event {brief(event_id)} of kind {brief(kind)} can't be read: {brief(str(error))}"
        versions = body.get("versions") if isinstance(body, Mapping) else None
        raise not_understood(problem, versions if isinstance(versions, Mapping) else {}) from error
    return event


def check(event: Event) -> None:
    """Raise TypeError, ValueError or OverflowError unless `decode` takes back what is stored of an event."""
    _check_types(event)
    metrics: Mapping[str, float] = getattr(event, "metrics", {})
    for name, value in metrics.items():
        if type(name) is str and type(value) is float:
            continue  # nearly all
        if not isinstance(name, str) or not isinstance(value, float | int):
            raise TypeError(f"metrics: {brief(name)}={brief(value)}")
        float(value)


_NESTED = (dict,)
_NUMBERS = (list, tuple)
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,), "int | None": (int, type(None)), "float": (float, int), "str": (str,), "bool": (bool,),
    "Mapping[str, Any]": _NESTED, "Mapping[str, float]": (dict,), "Mapping[str, str]": _NESTED,
    "Sequence[int]": _NUMBERS,
}  # fmt: skip
_ACCEPTED = {
    cls: [(f.name, _TYPES[str(f.type)]) for f in fields(cls) if f.name in FIELDS[cls]]
    for cls in KINDS.values()
}


def _check_types(event: Event) -> None:
    # A checksum says that a log is whole, not that rung wrote it.
    if type(event.id) is not str or not 0 <= event.t < _FOR_EVER:
        raise ValueError(f"t={event.t}")
    for name, accepted in _ACCEPTED[type(event)]:
        value = getattr(event, name)
        if type(value) not in accepted and not _is_stored_as(value, accepted):
            raise TypeError(f"{name}={brief(value)}")
        if accepted is _NESTED:
            _check_depth(name, value)
        if accepted is _NUMBERS and {int, *map(type, value)} != {int}:
            raise TypeError(f"{name}={brief(value)}")
        if type(value) in (int, float) and not -_FOR_EVER <= value < _LARGEST:
            raise ValueError(f"{name}={brief(value)}")


def _check_depth(name: str, value: Mapping[str, Any]) -> None:
    # A function that calls itself would run out of stack on what is nested more deeply.
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        parts = chain.from_iterable(v.values() if isinstance(v, dict) else v for v in level)
        level = [part for part in parts if isinstance(part, dict | list | tuple)]
        if not level:
            return
    raise ValueError(f"{name} is nested more than {_DEEPEST} deep")


def _is_stored_as(value: Any, accepted: tuple[type, ...]) -> bool:
    # Of an event that was not read yet: an Outcome is stored as text, any mapping as a dict.
    stored = next((plain for kind, plain in _STORED_AS if isinstance(value, kind)), None)
    return stored in accepted


_STORED_AS: tuple[tuple[type, type], ...] = ((str, str), (float, float), (Mapping, dict))
