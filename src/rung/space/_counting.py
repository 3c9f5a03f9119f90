"""Going through a finite space without building the product of its domains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rung.space._building import Domains, Plan
from rung.space.conditions import Condition
from rung.space.values import Config, Value

_MOST = 100_000  # combinations gone through to count a space


def walk(plan: Plan, values: Mapping[str, Sequence[Value]]) -> Iterator[Config]:
    """Yield each combination of `values`, in the order of `plan`, without the inactive ones."""
    levels: list[Iterator[Config]] = [iter([{}])]  # a stack of our own: a plan may be longer than Python's
    while levels:
        config = next(levels[-1], None)
        if config is None:
            levels.pop()
        elif len(levels) > len(plan):
            yield config
        else:
            levels.append(_grown(config, *plan[len(levels) - 1], values))


def _grown(
    config: Config, name: str, condition: Condition | None, values: Mapping[str, Sequence[Value]]
) -> Iterator[Config]:
    if condition is not None and not condition.holds(config):
        return iter([config])
    return (config | {name: value} for value in values[name])


def count(domains: Domains, plan: Plan, forbid: Sequence[Condition]) -> int | None:
    """Return the number of valid configurations, None if infinite or if counting takes over 100,000 steps.

    Only what conditions mention is gone through; the rest multiplies.
    """
    sizes = {name: domain.size for name, domain in domains.items()}
    conditions = [*forbid, *(condition for _, condition in plan if condition is not None)]
    mentioned = {c.name for condition in conditions for c in condition.comparisons()}
    if None in sizes.values():
        return None
    values = {name: domains[name].lattice() for name in mentioned}
    rest = [(name, condition) for name, condition in plan if name not in mentioned]
    total = 0
    for steps, config in enumerate(walk(tuple(p for p in plan if p[0] in mentioned), values)):
        if steps == _MOST:
            return None
        if not any(condition.holds(config) for condition in forbid):
            total += math.prod(sizes[n] or 0 for n, c in rest if c is None or c.holds(config))
    return total
