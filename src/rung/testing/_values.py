"""What searchers and schedulers have in common: both are values that the log describes."""

from __future__ import annotations

import json
from collections.abc import Callable

from rung.schedulers.base import Scheduler
from rung.searchers.base import Searcher


def check_value(make: Callable[[], Searcher | Scheduler]) -> None:
    """Raise AssertionError unless what `make` returns is a value with a name and a form in the log."""
    part = make()
    name = getattr(part, "name", None)
    assert isinstance(name, str), f"name: {name!r}, not a text"
    assert part == make(), "value: two made alike are not equal; use a dataclass"
    assert _hash(part) == _hash(make()), (
        "value: equal ones have different hashes; use @dataclass(frozen=True)"
    )
    form = part.to_json()
    assert form.get("name") == name, f"JSON form: its name is {form.get('name')!r}, not {name!r}"
    assert json.loads(_text(form)) == form, f"JSON form: {form!r} is another after a round trip through JSON"
    for field in form.keys() - {"name"}:
        assert not _can_be_set(part, field), f"value: {field} can be changed; use @dataclass(frozen=True)"


def _hash(part: object) -> int:
    try:
        return hash(part)
    except TypeError as error:
        raise AssertionError(f"value: it has no hash ({error}); use @dataclass(frozen=True)") from error


def _text(form: object) -> str:
    try:
        return json.dumps(form)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"JSON form: {form!r} is not one: {error}") from error


def _can_be_set(part: object, field: str) -> bool:
    try:
        setattr(part, field, None)
    except AttributeError:
        return False
    return True
