"""Totals of a study: how many trials, how long."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rung._text import brief
from rung.errors import ArgumentError

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)")
_LONGEST = 100  # characters of a duration
_SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}


def seconds(duration: str | float | timedelta, name: str = "timeout") -> float:
    """Read a duration: seconds as a number, ``"2h"``, ``"1h 30m"``, ``"45s"``, or a timedelta.

    Raises ArgumentError, naming the argument `name`, unless it is positive and finite.
    """
    value = _seconds(duration)
    if not (value > 0 and math.isfinite(value)):
        raise ArgumentError(
            f'{name}={brief(duration)}; give seconds, a timedelta, or text such as "90s", "2h", "1h 30m"'
        )
    return value


def whole(name: str, value: Any, low: int, high: int = 2**63 - 1) -> int:
    """The argument `name` as an int (numpy's are taken too); ArgumentError unless low <= it <= high."""
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low:
        raise ArgumentError(f"{name}={brief(value)}; give a whole number of at least {low}")
    if number > high:
        raise ArgumentError(f"{name}={brief(value)}; give a whole number of at most {high}")
    return number


def _seconds(duration: str | float | timedelta) -> float:
    match duration:
        case timedelta():
            return duration.total_seconds()
        case bool():
            return math.nan
        case int() if duration.bit_length() > 63:
            return math.nan
        case int() | float():
            return float(duration)
        case str() if len(duration) <= _LONGEST and _PART.sub("", duration).strip() == "":
            return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))
    return math.nan


@dataclass(frozen=True, slots=True)
class Budget:
    """Totals of the study, counted over all its sessions: None is no limit."""

    n_trials: int | None = None
    timeout: float | None = None
    """Seconds that coordinators have been running."""

    @classmethod
    def of(cls, n_trials: int | None, timeout: str | float | timedelta | None) -> Budget:
        """Build from what `tune` takes; raises ArgumentError naming the argument that is wrong."""
        trials = None if n_trials is None else whole("n_trials", n_trials, 1)
        return cls(trials, None if timeout is None else seconds(timeout))

    def trials_left(self, created: int) -> bool:
        """Whether another trial may be created."""
        return self.n_trials is None or created < self.n_trials

    def time_left(self, now: float) -> float:
        """Seconds until the timeout (infinite without one)."""
        return math.inf if self.timeout is None else self.timeout - now
