"""Numbers: Float and Int, on a linear or a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rung._text import brief
from rung.errors import ConfigError, SpaceError
from rung.space.conditions import ORDERINGS, Comparison
from rung.space.domains import Domain, cells, check_numeric, check_points, evenly, nudge, spread
from rung.space.values import Value, number, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

_LARGEST = 2**40  # beyond this, float64 can't tell the cells of neighbouring integers apart
_MOST = 1_000_000  # values of a Float with a step
_NOISE = 1e-6  # of a step


def _number(value: object) -> float:
    try:
        return number(value)
    except SpaceError as error:
        raise ConfigError(str(error)) from None


class _Bounded(Domain):
    """What Float and Int share: bounds, and how to check them."""

    __slots__ = ()
    low: float
    high: float
    log: bool

    def _check_bounds(self) -> None:
        if self.low > self.high:
            self._fail(f"low={self.low!r} > high={self.high!r}; swap them")
        if self.low == self.high:
            self._fail(f"low and high are both {self.low!r}; use a constant, {self.low!r}")
        if type(self.log) is not bool:
            self._fail(f"log={brief(self.log)}; use True or False")
        if self.log and self.low <= 0:
            self._fail(f"low={self.low!r} with log=True; a log scale needs low > 0")

    def _inside(self, value: object) -> float:
        result = _number(value)
        if not self.low <= result <= self.high:
            raise ConfigError(f"{result!r} is out of range; use a value from {self.low!r} to {self.high!r}")
        return result

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError if `comparison` is with no number, or can never hold."""
        check_numeric(self, comparison, self.low, self.high)


@dataclass(frozen=True, slots=True, repr=False)
class Float(_Bounded):
    """Real numbers from `low` to `high`, uniform on a linear or (`log=True`) logarithmic scale.

    Parameters
    ----------
    low, high : float
        The ends, both included; low < high, and low > 0 on a log scale.
    log : bool
        Whether a draw is uniform in the logarithm: where a factor matters, as of a learning rate.
    points : int, optional
        Values in a grid search, at least 2, both ends among them; other searchers ignore it.
    step : float, optional
        Keeps low, low + step, ..., high only, at most 1,000,000 values; not with log or points.
    condition : Condition, optional
        When the hyperparameter is active; set by `when`.

    Raises
    ------
    SpaceError
        If the range is empty or not finite, if low <= 0 on a log scale, or if `step` does not lead to `high`.

    Examples
    --------
    >>> import rung
    >>> rung.Float(1e-4, 1, log=True).decode(0.5)  # the middle of four decades
    0.01
    >>> rung.Float(0, 0.5, step=0.1).lattice()
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """

    low: float
    high: float
    log: bool = False
    points: int | None = None
    step: float | None = None

    def __post_init__(self) -> None:
        try:
            low, high = float(number(self.low)), float(number(self.high))
            if self.points is not None:
                check_points(self.points)
            step = None if self.step is None else float(number(self.step))
        except SpaceError as error:
            self._fail(error)
        self._check_bounds()
        if low == high:
            self._fail(f"low and high are the same float, {low!r}; use Int, or a wider range")
        if math.isinf(high - low):
            self._fail("high - low is more than a float can hold; use a narrower range or log=True")
        if step is not None:
            self._check_step(low, high, step)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "step", step)

    def _check_step(self, low: float, high: float, step: float) -> None:
        if step <= 0:
            self._fail(f"step={step!r}; a step needs to be above 0")
        if self.log or self.points is not None:
            other = "log=True" if self.log else f"points={self.points}"
            self._fail(f"{other} with step={step!r}; use only one of them")
        if step < 8 * math.ulp(max(abs(low), abs(high))):
            self._fail(
                f"step={step!r} is too small: floats can't tell such neighbours apart; use a larger one"
            )
        if (high - low) / step > _MOST - 0.5:
            self._fail(f"step={step!r} makes more than {_MOST:,} values; use a larger step, or none")
        steps = (high - low) / step
        if steps < 0.5 or abs(steps - round(steps)) * step > _noise(high, step) + _noise(low, step):
            end = _on_grid(low, step, max(1, int(steps)))
            self._fail(f"step={step!r} does not lead from {low!r} to {high!r}; use high={end!r}")

    @property
    def size(self) -> int | None:
        """The number of values with a `step`; otherwise None: there are infinitely many."""
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    def _at(self, k: int) -> float:
        # The value after k steps.
        assert self.size is not None
        assert self.step is not None
        return self.high if k == self.size - 1 else _on_grid(self.low, self.step, k)

    def decode(self, u: float) -> float:
        """Return the value at `u` in [0, 1] of the (log) scale, of a `step` the one whose cell holds `u`."""
        if self.size:
            return self._at(min(int(u * self.size), self.size - 1))
        if self.log:
            x: float = self.low ** (1 - u) * self.high**u  # exact at both ends
        else:
            x = self.low + u * (self.high - self.low)
        return min(max(x, self.low), self.high)

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the places of `values` on the (log) scale, in [0, 1], shape (n,).

        With a `step`, a value's place is the middle of its cell.
        """
        import numpy as np

        x = np.asarray(values, dtype=np.float64)
        if self.step is not None and self.size:
            return np.clip((np.rint((x - self.low) / self.step) + 0.5) / self.size, 0, 1)
        low, high = self.low, self.high
        if self.log:
            x, low, high = np.log(x), math.log(low), math.log(high)
        return np.clip((x - low) / (high - low), 0, 1)

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `u`, shape (n,), itself: each place has a value of its own, but for those of a `step`."""
        return cells(u, self.size) if self.size else u

    def canonical(self, value: object) -> float:
        """Return `value` as a float; ConfigError if it is no number, out of range or off the step."""
        if self.step is None:
            return float(self._inside(value))
        x = float(_number(value))
        for end in (self.low, self.high):
            if abs(x - end) <= _noise(end, self.step):
                return end
        inside = self._inside(x)
        steps = (inside - self.low) / self.step
        nearest = self._at(round(steps))
        if abs(inside - nearest) > _noise(inside, self.step):
            below = math.floor(steps)
            between = f"{self._at(below)!r} or {self._at(below + 1)!r}"
            raise ConfigError(f"{inside!r} is off the step of {self.step!r}; use {between}")
        return nearest

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError if `comparison` is with no number, or can never hold."""
        check_numeric(self, comparison, self.low, self.high)
        for value in () if comparison.op in ORDERINGS else comparison.options():
            if (exact := self.canonical(value)) != value:
                raise SpaceError(f"{value!r} is not quite the value on the step; use {exact!r}")

    def lattice(self, points: int | None = None) -> Sequence[Value]:
        """Return `points` (or the domain's own `points`) values, evenly spaced on the (log) scale.

        With a `step`, and no `points`, all values.
        """
        if self.size and points is None:
            return [self._at(k) for k in range(self.size)]
        chosen = self.points if points is None else points
        if chosen is None:
            self._fail("a grid needs the number of points; use Float(..., points=5) or Grid(points=5)")
        return spread(self, evenly(chosen))

    def move(self, value: Any, rng: Generator) -> Value:
        """Return `value` after a normal step of sd 0.2 in the unit interval; with a `step`, another value."""
        moved = self._step(value, rng)
        if moved != value or self.step is None or not self.size:
            return moved  # type: ignore[no-any-return]
        return self._at(nudge(round((value - self.low) / self.step), 1, 0, self.size - 1, rng))


def _noise(x: float, step: float) -> float:
    # How far off the step a value near x may be that was computed.
    return _NOISE * step + 2 * math.ulp(x)


def _on_grid(low: float, step: float, k: int) -> float:
    # 0.1 + 2 * 0.1 is 0.30000000000000004; a user who reads the decimals of low and step expects 0.3.
    return round(low + k * step, max(_decimals(low), _decimals(step))) + 0.0


@lru_cache(maxsize=256)
def _decimals(x: float) -> int:
    digits, _, exponent = repr(x).partition("e")
    return max(0, len(digits.partition(".")[2]) - int(exponent or 0))


@dataclass(frozen=True, slots=True, repr=False)
class Int(_Bounded):
    """Integers from `low` to `high`, both included, uniform on a linear or logarithmic scale.

    On a log scale k has the weight log(k + 1/2) - log(k - 1/2), so that the ends are as well served as
    the middle.

    Parameters
    ----------
    low, high : int
        The ends, both included, within 2**40 of zero; low <= high, and low >= 1 on a log scale.
    log : bool
        Whether a draw is uniform in the logarithm: where a factor matters, as of a width.
    step : int
        Keeps low, low + step, ..., high only; at least 1, and 1 on a log scale.
    condition : Condition, optional
        When the hyperparameter is active; set by `when`.

    Raises
    ------
    SpaceError
        If the range is empty, if low < 1 on a log scale, if `step` does not lead to `high`, or with both log
        and step.

    Examples
    --------
    >>> import rung
    >>> list(rung.Int(16, 64, step=16).lattice())
    [16, 32, 48, 64]
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        try:
            low, high, step = whole(self.low), whole(self.high), whole(self.step)
        except SpaceError as error:
            self._fail(error)
        self._check_bounds()
        self._check_step(low, high, step)
        if max(-low, high) > _LARGEST:
            self._fail(f"bounds beyond 2**40 = {_LARGEST}; use Float and round in the objective")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "step", step)

    def _check_step(self, low: int, high: int, step: int) -> None:
        if step <= 0:
            self._fail(f"step={step}; a step needs to be at least 1")
        if self.log and step > 1:
            self._fail(f"log=True with step={step}; use only one of them")
        if (high - low) % step:
            self._fail(
                f"step={step} does not lead from {low} to {high}; use high={high - (high - low) % step}"
            )

    @property
    def size(self) -> int:
        """The number of integers."""
        return (self.high - self.low) // self.step + 1

    def _log_ends(self) -> tuple[float, float]:
        return math.log(self.low - 0.5), math.log(self.high + 0.5)

    def decode(self, u: float) -> int:
        """Return the integer whose cell holds `u` in [0, 1]."""
        if self.log:
            low, high = self._log_ends()
            return min(max(math.floor(math.exp(low + u * (high - low)) + 0.5), self.low), self.high)
        return self.low + self.step * min(int(u * self.size), self.size - 1)

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the places of `values` in [0, 1], shape (n,): the middle of each one's cell, or its log."""
        import numpy as np

        x = np.asarray(values, dtype=np.float64)
        if self.log:
            low, high = self._log_ends()
            return (np.log(x) - low) / (high - low)
        return ((x - self.low) / self.step + 0.5) / self.size

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places of the integers whose cells hold `u`, shape (n,), in [0, 1]."""
        import numpy as np

        if not self.log:
            return cells(u, self.size)
        low, high = self._log_ends()
        nearest = np.floor(np.exp(low + u * (high - low)) + 0.5)
        return (np.log(np.clip(nearest, self.low, self.high)) - low) / (high - low)  # type: ignore[no-any-return]

    def canonical(self, value: object) -> int:
        """Return `value` as an int (8.0 becomes 8); ConfigError if it is not one of the integers."""
        inside = self._inside(value)
        try:
            result = whole(inside)
        except SpaceError as error:
            raise ConfigError(str(error)) from None
        if (result - self.low) % self.step:
            below = result - (result - self.low) % self.step
            raise ConfigError(f"{result} is off the step of {self.step}; use {below} or {below + self.step}")
        return result

    def lattice(self, points: int | None = None) -> Sequence[Value]:
        """Return all integers, or at most `points` of them, evenly spaced on the (log) scale."""
        if points is None:
            return range(self.low, self.high + 1, self.step)
        return spread(self, evenly(points))

    def move(self, value: Any, rng: Generator) -> Value:
        """Return another integer: a normal step of sd 0.2 in the unit interval, at least one integer far."""
        moved = self._step(value, rng)
        return moved if moved != value else nudge(value, self.step, self.low, self.high, rng)
