"""What all domains have in common: a place in the unit interval for each value, and a condition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Never, Self

from rung._text import brief
from rung.errors import SpaceError
from rung.space.conditions import ORDERINGS, Comparison, Condition, Param, conjunction
from rung.space.values import Value, number

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

STEP = 0.2  # standard deviation of a move to a neighbour, in the unit interval


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Domain:
    """The values one hyperparameter can have; the base of Float, Int, Categorical and so on."""

    condition: Condition | None = None

    def when(self, condition: Condition) -> Self:
        """Return a copy that is active only when `condition` holds (and its own condition, if it has one).

        Parameters
        ----------
        condition : Condition
            A comparison of another hyperparameter, or several joined by `&` and `|`.

        Raises
        ------
        SpaceError
            If it is no condition.

        Examples
        --------
        >>> import rung
        >>> rung.Float(0, 0.5).when(rung.param("optimizer") == "sgd")
        Float(low=0.0, high=0.5).when(param('optimizer') == 'sgd')
        """
        if isinstance(condition, Param):
            raise SpaceError(f"when({condition!r}): no condition; compare it, as in {condition!r} == True")
        if not isinstance(condition, Condition):
            raise SpaceError(
                f'when({brief(condition)}): no condition; use one such as param("num_layers") >= 2'
            )
        return replace(self, condition=conjunction(self.condition, condition))

    @property
    def size(self) -> int | None:
        """The number of values, or None if there are infinitely many."""
        raise NotImplementedError

    def decode(self, u: float) -> Any:
        """Return the value at a place of the unit interval.

        Parameters
        ----------
        u : float
            In [0, 1]; a uniform one gives a draw from the domain's distribution.
        """
        raise NotImplementedError

    def decode_all(self, u: NDArray[np.float64]) -> list[Value]:
        """Return the values at `u`, shape (n,), in [0, 1]."""
        return [self.decode(x) for x in u.tolist()]

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the places of values in the unit interval: the inverse of `decode`.

        Parameters
        ----------
        values : sequence
            n values of the domain.

        Returns
        -------
        numpy.ndarray
            Shape (n,), in [0, 1]: of an integer or a choice the middle of its cell.
        """
        raise NotImplementedError

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places of the values at `u`, shape (n,), in [0, 1]: `encode` of `decode_all`."""
        return self.encode(self.decode_all(u))

    def canonical(self, value: object) -> Value:
        """Return `value` in its one plain form.

        Raises
        ------
        ConfigError
            If it is not in the domain; the message has no name, which only the space knows.
        """
        raise NotImplementedError

    def lattice(self, points: int | None = None) -> Sequence[Value]:
        """Return the values of a grid in order.

        Parameters
        ----------
        points : int, optional
            At most so many, at least 2.

        Raises
        ------
        SpaceError
            If there are infinitely many values and no `points`.
        """
        raise NotImplementedError

    def move(self, value: Any, rng: Generator) -> Value:
        """Return a value near `value`, another one if there is another."""
        raise NotImplementedError

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError (without a name) if `comparison` makes no sense for this domain."""
        raise NotImplementedError

    def _step(self, value: Any, rng: Generator) -> Any:
        u = abs(float(self.encode([value])[0]) + STEP * rng.standard_normal())
        return self.decode(max(0.0, 1 - abs(1 - u)))  # a step over an end is reflected

    def _fail(self, message: object) -> Never:
        raise SpaceError(f"{brief(self, 200)}: {message}") from None

    def __repr__(self) -> str:
        shown = (f for f in fields(self) if f.repr and f.name != "condition")
        words = (f"{f.name}={getattr(self, f.name)!r}" for f in shown if getattr(self, f.name) != f.default)
        return f"{type(self).__name__}({', '.join(words)})" + self._when()

    def _when(self) -> str:
        return "" if self.condition is None else f".when({self.condition!r})"


def check_points(points: int) -> None:
    """Raise SpaceError unless `points` is an int of at least 2."""
    if type(points) is not int or points < 2:
        raise SpaceError(f"points={brief(points)}; a grid needs an int of at least 2")


def spread(domain: Domain, places: Iterable[float]) -> list[Value]:
    """Return the distinct values of `domain` at `places` in [0, 1]."""
    return list(dict.fromkeys(domain.decode(u) for u in places))


def cells(u: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the middles of those of `size` equal cells of [0, 1] that hold `u`."""
    import numpy as np

    return (np.minimum(np.floor(u * size), size - 1) + 0.5) / size


def evenly(points: int) -> list[float]:
    """Return `points` evenly spaced places in [0, 1], both ends among them; SpaceError if points < 2."""
    check_points(points)
    return [i / (points - 1) for i in range(points)]


def check_numeric(domain: Domain, comparison: Comparison, low: float, high: float) -> None:
    """Raise SpaceError if `comparison` is never true for numbers of `domain`, from low to high."""
    values = [number(value) for value in comparison.options()]
    if comparison.op not in ORDERINGS:
        for value in values:
            domain.canonical(value)
        return
    never = {"<": values[0] <= low, "<=": values[0] < low, ">": values[0] >= high, ">=": values[0] > high}
    if never[comparison.op]:
        raise SpaceError(f"can never hold; the values go from {low!r} to {high!r}")


def nudge(value: int, step: int, low: float, high: float, rng: Generator) -> int:
    """Return `value` plus or minus `step`, within [low, high]; `value` itself if both lie outside."""
    near = [other for other in (value - step, value + step) if low <= other <= high]
    return near[rng.integers(len(near))] if near else value
