"""Spaces and configurations as JSON. Reading evaluates nothing and unpickles nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from rung._text import brief
from rung.errors import SpaceError
from rung.space.choices import Categorical, Constant, Ordinal
from rung.space.conditions import And, Comparison, Condition, Or
from rung.space.distributions import Distribution
from rung.space.domains import Domain
from rung.space.numeric import Float, Int
from rung.space.values import Value

KINDS: dict[str, type[Float | Int | Categorical | Ordinal | Constant]] = {
    "float": Float,
    "int": Int,
    "categorical": Categorical,
    "ordinal": Ordinal,
    "constant": Constant,
}

text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def value_to_json(value: Value) -> Any:
    """Return `value` with tuples as lists."""
    return [value_to_json(part) for part in value] if isinstance(value, tuple) else value


def value_from_json(data: Any) -> Value:
    """Return `data` with lists as tuples."""
    return tuple(value_from_json(part) for part in data) if isinstance(data, list) else data


def condition_to_json(condition: Condition) -> dict[str, Any]:
    """Return a condition as nested dicts: {"and": [...]}, {"or": [...]} or one comparison."""
    if isinstance(condition, Comparison):
        return {"param": condition.name, "op": condition.op, "value": value_to_json(condition.value)}
    if isinstance(condition, And | Or):
        sides = [condition_to_json(condition.left), condition_to_json(condition.right)]
        return {type(condition).__name__.lower(): sides}
    raise SpaceError(f"{condition!r} is of an unknown kind; use comparisons joined with & and |")


def condition_from_json(data: Mapping[str, Any]) -> Condition:
    """Return the condition that `condition_to_json` wrote."""
    for word, kind in (("and", And), ("or", Or)):
        if word in data:
            left, right = data[word]
            return kind(condition_from_json(left), condition_from_json(right))
    return Comparison(data["param"], data["op"], value_from_json(data["value"]))


def domain_to_json(domain: Domain) -> dict[str, Any]:
    """Return a domain as {"type": ..., its arguments, "when": its condition if it has one}."""
    when = {} if domain.condition is None else {"when": condition_to_json(domain.condition)}
    return _arguments(domain) | when


def _arguments(domain: Domain) -> dict[str, Any]:
    if isinstance(domain, Distribution):
        arguments = {"args": list(domain.args), "kwds": dict(domain.kwds)}
        return {"type": "scipy.stats", "name": domain.name, **arguments}
    words = {f.name: getattr(domain, f.name) for f in fields(domain) if f.init and f.name != "condition"}
    if isinstance(domain, Float) and domain.step is None:
        del words["step"]  # as logs of the first format have it
    return {"type": type(domain).__name__.lower()} | {k: value_to_json(v) for k, v in words.items()}


def domain_from_json(data: Mapping[str, Any]) -> Domain:
    """Return the domain that `domain_to_json` wrote."""
    kind, when = data["type"], data.get("when")
    words = {key: value_from_json(value) for key, value in data.items() if key not in ("type", "when")}
    domain: Domain
    if kind == "scipy.stats":
        domain = Distribution.from_name(data["name"], data["args"], data["kwds"])
    elif isinstance(kind, str) and kind in KINDS:
        domain = KINDS[kind](**words)  # type: ignore[arg-type]  # checked by the domain itself
    else:
        raise SpaceError(
            f"domain of type {brief(kind)}; this version of rung knows {', '.join(KINDS)}, scipy.stats"
        )
    return domain if when is None else domain.when(condition_from_json(when))


def space_to_json(domains: Mapping[str, Domain], forbid: Sequence[Condition]) -> dict[str, Any]:
    """Return domains (a list, since their order counts) and forbidden combinations."""
    return {
        "domains": [[name, domain_to_json(domain)] for name, domain in domains.items()],
        "forbid": [condition_to_json(condition) for condition in forbid],
    }


def space_from_json(data: Mapping[str, Any]) -> tuple[dict[str, Domain], list[Condition]]:
    """Return the arguments of Space; SpaceError if `data` is not what `space_to_json` writes."""
    try:
        domains: dict[str, Domain] = {}
        for name, domain in data["domains"]:
            if name in domains:
                raise SpaceError(f"{brief(name)}: stored twice; a hyperparameter has one domain")
            domains[name] = domain_from_json(domain)
        return domains, [condition_from_json(condition) for condition in data["forbid"]]
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(
            f"no stored space ({type(error).__name__}: {brief(str(error))}); expected Space.to_json()"
        ) from None
