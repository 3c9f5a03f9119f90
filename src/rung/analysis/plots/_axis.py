"""The axis of a hyperparameter as the unit interval, with the ticks of its domain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator

from rung.analysis.plots._figure import plain
from rung.space import Categorical, Distribution, Domain, Float, Int, Ordinal, Value

GOLDEN = (math.sqrt(5) - 1) / 2
MOST = 10
"""Choices that are all named on an axis."""
_LONGEST = 12  # characters of a choice's name
_LOG_DISTRIBUTIONS = ("loguniform", "reciprocal", "lognorm")


def choices(domain: Domain) -> Sequence[Value] | None:
    """The values that are named one by one; None of a number with many."""
    few = domain.size is not None and domain.size <= MOST
    return domain.lattice() if few or isinstance(domain, Categorical | Ordinal) else None


def is_log(domain: Domain) -> bool:
    """Whether its axis is logarithmic."""
    if isinstance(domain, Distribution):
        return domain.name in _LOG_DISTRIBUTIONS and domain.support[0] >= 0
    return isinstance(domain, Float | Int) and domain.log


def ends(domain: Domain) -> tuple[float, float]:
    """The least and the greatest number."""
    if isinstance(domain, Distribution):
        return domain.support
    assert isinstance(domain, Float | Int)
    return domain.low, domain.high


def ticks(domain: Domain) -> list[tuple[float, str]]:
    """Return places in the unit interval and their names."""
    named = choices(domain)
    if named is not None:
        shown = named[:: math.ceil(len(named) / MOST)]
        return list(zip(domain.encode(shown).tolist(), [plain(short(str(v))) for v in shown], strict=True))
    low, high = ends(domain)
    if not math.isfinite(high - low):
        low, high = float(domain.decode(0.02)), float(domain.decode(0.98))
    if is_log(domain) and low > 0 and high >= 10 * low:
        found = LogLocator(numticks=6).tick_values(low, high)
    else:
        found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=isinstance(domain, Int)).tick_values(
            low, high
        )
    inside: list[Any] = [float(x) for x in found if low <= x <= high]
    if isinstance(domain, Int):
        inside = sorted({round(x) for x in inside})
    return [(float(domain.encode([x])[0]), f"{x:g}") for x in inside]


def set_up(axis: Axis, domain: Domain) -> None:
    """Give an axis that goes from 0 to 1 the domain's ticks."""
    places = ticks(domain)
    axis.set_ticks([u for u, _ in places], labels=[name for _, name in places])


def short(name: str) -> str:
    """The name of a choice, cut where it is long."""
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
