"""Choices: Categorical, Ordinal and Constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rung._text import brief, is_iterable
from rung.errors import ConfigError, SpaceError
from rung.space.conditions import ORDERINGS, Comparison
from rung.space.domains import Domain, cells, nudge
from rung.space.values import Value, did_you_mean, number, plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

_MOST = 100_000  # choices


@dataclass(frozen=True, slots=True, repr=False)
class _Choices(Domain):
    choices: Sequence[Value]
    _index: dict[Value, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.choices, str | bytes | set | frozenset | Mapping) or not is_iterable(self.choices):
            self._fail(f"choices of type {type(self.choices).__name__}; use a list, [...]")
        index: dict[Value, int] = {}
        for choice in self.choices:
            self._add(choice, index)
            if len(index) > _MOST:
                self._fail(f"more than {_MOST:,} choices; use Int or Float")
        if not index:
            self._fail("no choices; give at least one")
        object.__setattr__(self, "choices", tuple(index))
        object.__setattr__(self, "_index", index)

    def _add(self, choice: object, index: dict[Value, int]) -> None:
        try:
            value = plain(choice)
        except SpaceError as error:
            self._fail(error)
        if value in index:
            self._fail(
                f"{brief(value)} equals another choice (in Python 1 == 1.0 == True); leave one of them out"
            )
        index[value] = len(index)

    @property
    def size(self) -> int:
        """The number of choices."""
        return len(self.choices)

    def decode(self, u: float) -> Value:
        """Return the choice whose cell holds `u` in [0, 1]; the cells have equal width."""
        return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the middles of the cells of `values` in [0, 1], shape (n,)."""
        import numpy as np

        return (np.array([self._index[value] for value in values], dtype=np.float64) + 0.5) / self.size

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the middles of the cells that hold `u`, shape (n,), in [0, 1]."""
        return cells(u, self.size)

    def canonical(self, value: object) -> Value:
        """Return the choice equal to `value`; ConfigError if there is none."""
        try:
            return self.choices[self._index[plain(value)]]
        except (KeyError, SpaceError):
            raise ConfigError(f"{brief(value)} is no choice; {did_you_mean(value, self.choices)}") from None

    def lattice(self, points: int | None = None) -> Sequence[Value]:
        """Return the choices; SpaceError if `points` is given."""
        if points is not None:
            self._fail(f"points={brief(points)} for choices; leave it out, a grid takes all of them")
        return self.choices

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown()})" + self._when()

    def _shown(self) -> str:
        is_list = isinstance(self.choices, list | tuple)  # not so when the choices are refused
        return repr(list(self.choices) if is_list else self.choices)

    def _rank(self, value: Value) -> int:
        return self._index[value]


class Categorical(_Choices):
    """One of several choices without an order, all equally likely.

    Parameters
    ----------
    choices : sequence
        At least one bool, int, float, str, None or tuple of these. For a class or a function use its
        name, and map the name in the objective.
    condition : Condition, optional
        When the hyperparameter is active; set by `when`.

    Raises
    ------
    SpaceError
        If there is no choice, if two are equal (in Python True == 1), or if one is something else.

    Examples
    --------
    >>> import rung
    >>> rung.Categorical(["tanh", "relu"]).size
    2
    """

    __slots__ = ()

    def move(self, value: Any, rng: Generator) -> Value:
        """Return one of the other choices, each equally likely; `value` itself if there is no other."""
        others = [choice for choice in self.choices if choice != value]
        return others[rng.integers(len(others))] if others else value

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError for an ordering, or for a value that is no choice."""
        if comparison.op in ORDERINGS:
            raise SpaceError("a Categorical has no order; use Ordinal([...]), == or isin")
        for value in comparison.options():
            self.canonical(value)


class Ordinal(_Choices):
    """One of several choices in order, all equally likely; conditions compare by their order here.

    Parameters
    ----------
    choices : sequence
        From the lowest to the highest: at least one bool, int, float, str, None or tuple of these.
    condition : Condition, optional
        When the hyperparameter is active; set by `when`.

    Raises
    ------
    SpaceError
        If there is no choice, if two are equal (in Python True == 1), or if one is something else.

    Examples
    --------
    >>> import rung
    >>> sizes = rung.Ordinal(["small", "medium", "large"])
    >>> space = rung.Space({"size": sizes, "dropout": rung.Float(0, 1).when(rung.param("size") > "small")})
    >>> space.validate({"size": "small"})
    {'size': 'small'}
    """

    __slots__ = ()

    def move(self, value: Any, rng: Generator) -> Value:
        """Return the choice before or after `value`; `value` itself if there is no other."""
        return self.choices[nudge(self._rank(value), 1, 0, self.size - 1, rng)]

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError for a value that is no choice, or an ordering that can never hold."""
        for value in comparison.options():
            self.canonical(value)
        if comparison.op in ORDERINGS and not self.resolved(comparison).value:
            raise SpaceError(f"can never hold; the order is {list(self.choices)!r}")

    def resolved(self, comparison: Comparison) -> Comparison:
        """Return `comparison` with an ordering turned into the choices that fulfil it."""
        if comparison.op not in ORDERINGS:
            return comparison
        by_rank = Comparison(comparison.name, comparison.op, self._rank(comparison.value))
        keep = tuple(c for c in self.choices if by_rank.holds({comparison.name: self._rank(c)}))
        return Comparison(comparison.name, "in", keep)


@dataclass(frozen=True, slots=True, repr=False)
class Constant(Domain):
    """One value, always the same; a plain value in the space means this.

    Parameters
    ----------
    value : bool, int, float, str, None or tuple
        The value.
    condition : Condition, optional
        When the hyperparameter is active; set by `when`.

    Raises
    ------
    SpaceError
        If the value is something else.
    """

    value: Value

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "value", plain(self.value))
        except SpaceError as error:
            self._fail(error)

    @property
    def size(self) -> int:
        """One."""
        return 1

    def decode(self, u: float) -> Value:
        """Return the value, wherever `u` is."""
        return self.value

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the middle of the unit interval for each of `values`, shape (n,)."""
        import numpy as np

        return np.full(len(values), 0.5)

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the middle of the unit interval for each of `u`, shape (n,)."""
        import numpy as np

        return np.full(len(u), 0.5)

    def canonical(self, value: object) -> Value:
        """Return the value; ConfigError if `value` is not equal to it."""
        try:
            equal = plain(value) == self.value
        except SpaceError:
            equal = False
        if not equal:
            raise ConfigError(f"{brief(value)} is not the constant; use {brief(self.value)}")
        return self.value

    def lattice(self, points: int | None = None) -> Sequence[Value]:
        """Return the value alone; `points` changes nothing."""
        return (self.value,)

    def move(self, value: Any, rng: Generator) -> Value:
        """Return the value: there is no other."""
        return self.value

    def __repr__(self) -> str:
        return repr(self.value) if self.condition is None else f"Constant({self.value!r})" + self._when()

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError for an ordering between values that have none."""
        if comparison.op in ORDERINGS:
            number(self.value)
            number(comparison.value)
