"""From what the user wrote to checked domains, conditions and the order in which they are decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from rung._text import brief, is_iterable
from rung.errors import SpaceError
from rung.space.choices import Constant, Ordinal
from rung.space.conditions import Comparison, Condition
from rung.space.distributions import Distribution
from rung.space.domains import Domain
from rung.space.values import NAME, did_you_mean, plain

Domains: TypeAlias = dict[str, Domain]
Plan: TypeAlias = tuple[tuple[str, Condition | None], ...]

_DEEPEST = 100  # hyperparameters each of which depends on the next


def domains_of(given: Mapping[str, Any]) -> Domains:
    """Return the domain of each name; SpaceError names the first hyperparameter that is wrong."""
    if not isinstance(given, Mapping):
        raise SpaceError(f"{brief(given)}: a {type(given).__name__}; a space is a dict from names to domains")
    if not given:
        raise SpaceError("the space is empty; give at least one hyperparameter")
    domains = {name: domain_of(name, value) for name, value in given.items()}
    for name, domain in domains.items():
        if not isinstance(domain.condition, Condition | None):
            raise SpaceError(f"{name}: condition={brief(domain.condition)}: no condition; use .when(...)")
        if domain.condition is not None:
            _check(domain.condition, domains, f"{name}: ")
    return domains


def forbidden_of(given: Iterable[Condition], domains: Domains) -> tuple[Condition, ...]:
    """Return the forbidden combinations, each one checked against `domains`."""
    if isinstance(given, Condition):
        raise SpaceError(f"forbid={given!r}: one condition; use a list, forbid=[...]")
    if not is_iterable(given):
        raise SpaceError(f"forbid={brief(given)}: a {type(given).__name__}; use a list of conditions")
    forbid = tuple(given)
    for condition in forbid:
        if not isinstance(condition, Condition):
            raise SpaceError(
                f'forbid: {brief(condition)} is no condition; use one such as param("layers") > 3'
            )
        _check(condition, domains, "forbid: ")
    return forbid


def plan_of(domains: Domains) -> Plan:
    """Return names and resolved conditions, parents before children, otherwise in the user's order."""
    parents = {name: _parents(domain) for name, domain in domains.items()}
    order: dict[str, None] = {}
    for name in domains:
        _visit(name, (), parents, order)
    return tuple((name, _resolved_or_none(domains[name].condition, domains)) for name in order)


def resolved(condition: Condition, domains: Domains) -> Condition:
    """Return `condition` with the orderings of Ordinals spelt out, so that it needs no domain to hold."""
    return condition.replaced(lambda comparison: _resolved_one(comparison, domains[comparison.name]))


def _resolved_or_none(condition: Condition | None, domains: Domains) -> Condition | None:
    return None if condition is None else resolved(condition, domains)


def _resolved_one(comparison: Comparison, domain: Domain) -> Comparison:
    return domain.resolved(comparison) if isinstance(domain, Ordinal) else comparison


def _parents(domain: Domain) -> list[str]:
    if domain.condition is None:
        return []
    return [comparison.name for comparison in domain.condition.comparisons()]


def _visit(name: str, path: tuple[str, ...], parents: dict[str, list[str]], order: dict[str, None]) -> None:
    if name in path:
        cycle = " -> ".join((*path[path.index(name) :], name))
        raise SpaceError(f"{name}: its condition depends on itself, {cycle}; drop one of these conditions")
    if len(path) == _DEEPEST:
        raise SpaceError(f"{name}: more than {_DEEPEST} conditions hang on one another; join some of them")
    if name not in order:
        for parent in parents[name]:
            _visit(parent, (*path, name), parents, order)
        order[name] = None


def _check(condition: Condition, domains: Domains, where: str) -> None:
    for comparison in condition.comparisons():
        if comparison.name not in domains:
            hint = did_you_mean(comparison.name, domains)
            raise SpaceError(f"{where}{comparison!r}: there is no {comparison.name!r}; {hint}")
        try:
            domains[comparison.name].check_comparison(comparison)
        except SpaceError as error:
            raise SpaceError(f"{where}{comparison!r}: {error}") from None


def domain_of(name: object, value: object) -> Domain:
    """Return what the user gave for a hyperparameter as a domain; SpaceError says why it is none."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME:
        raise SpaceError(
            f"{brief(name)}: the name of a hyperparameter needs to be a str of 1 to {NAME} characters"
        )
    if isinstance(value, Domain):
        return value
    try:
        from_scipy = type(value).__module__.startswith("scipy.stats")
        return Distribution(value) if from_scipy else _constant(value)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def _constant(value: object) -> Constant:
    if isinstance(value, list | tuple | set | frozenset | range):
        raise SpaceError(f"{brief(value)} is a {type(value).__name__}; use Categorical([...])")
    try:
        return Constant(plain(value))
    except SpaceError:
        raise SpaceError(
            f"{brief(value)} is no domain; use Float, Int, Categorical, Ordinal, a frozen scipy.stats "
            "distribution, or a constant (bool, int, float, str, None)"
        ) from None
