"""Spaces written by hand, as the tables of a TOML or JSON file: one for each hyperparameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from rung.errors import SpaceError
from rung.space import _serial
from rung.space.conditions import Condition
from rung.space.domains import Domain
from rung.space.space import Space
from rung.space.values import did_you_mean

_SCIPY = "scipy.stats"
_EXAMPLE = 'such as type = "float", low = 1e-4, high = 1, log = true'
_CONDITION = 'such as { param = "layers", op = ">=", value = 2 }, or { and = [.., ..] }, { or = [.., ..] }'


def space_of(document: Mapping[str, Any]) -> Space:
    """Return the space that a document describes: `{"lr": {"type": "float", "low": 0.1, "high": 1}, ...}`.

    Types and their keys are those of `Space.to_json`, whose own form is read too. A plain value is a
    constant; "when" holds a condition, and a list called "forbid" the forbidden ones. SpaceError names the
    hyperparameter, the key and the fix.
    """
    try:
        if isinstance(document.get("domains"), list):
            return Space.from_json(document)
        forbid = document.get("forbid")
        listed = isinstance(forbid, list)
        named = {name: value for name, value in document.items() if name != "forbid" or not listed}
        domains = {name: _named(name, value) for name, value in named.items()}
        return Space(domains, [_condition("forbid", item) for item in forbid or ()] if listed else ())
    except RecursionError:
        raise SpaceError("it is nested too deeply") from None


def _named(name: str, value: Any) -> Any:
    if isinstance(value, list):
        raise SpaceError(f'{name}: a list; write a table, type = "categorical" and choices = {value!r}')
    if not isinstance(value, dict):
        return value
    try:
        domain = _domain(value)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None
    return domain.when(_condition(f"{name}: when", value["when"])) if "when" in value else domain


def _domain(table: Mapping[str, Any]) -> Domain:
    kinds = (*_serial.KINDS, _SCIPY)
    if "type" not in table:
        inner = next((key for key, value in table.items() if isinstance(value, dict) and key != "when"), None)
        dotted = "" if inner is None else f'; a name with a dot needs quotes, [".. .{inner}"]'
        raise SpaceError(f"it has no type; give one of {', '.join(kinds)}, {_EXAMPLE}{dotted}")
    kind = table["type"]
    if kind not in kinds:
        raise SpaceError(f"type = {kind!r}; {did_you_mean(kind, kinds)}")
    words = {key: value for key, value in table.items() if key not in {"type", "when"}}
    if kind == _SCIPY:
        _check_keys(words, ("name", "args", "kwds"), ("name",))
        words = {"args": [], "kwds": {}} | words
    else:
        known = [field for field in fields(_serial.KINDS[kind]) if field.init and field.name != "condition"]
        _check_keys(words, [field.name for field in known], [field.name for field in known if _needed(field)])
    try:
        return _serial.domain_from_json({"type": kind, **words})
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(f"{error}; give name = a distribution of scipy.stats, args = [...]") from None


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _check_keys(found: Iterable[str], known: Iterable[str], needed: Iterable[str]) -> None:
    for key in found:
        if key not in known:
            raise SpaceError(f"{key!r} is no key of this type; {did_you_mean(key, known)}")
    for key in needed:
        if key not in found:
            raise SpaceError(f"{key} is missing")


def _condition(where: str, data: Any) -> Condition:
    try:
        return _serial.condition_from_json(data)
    except SpaceError as error:
        raise SpaceError(f"{where}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SpaceError(f"{where}: {data!r} is no condition; write one {_CONDITION}") from None
