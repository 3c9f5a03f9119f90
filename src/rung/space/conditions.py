"""Conditions: when a hyperparameter is active, and which combinations are forbidden."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from rung._text import brief, is_iterable
from rung.errors import SpaceError
from rung.space.values import Value, plain

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, options: value in options,
}
_DEEPEST = 100  # conditions joined in a row
ORDERINGS = frozenset({"<", "<=", ">", ">="})


class Condition:
    """A yes-or-no question about a configuration; join two with & and |."""

    __slots__ = ()

    def holds(self, config: Mapping[str, Value]) -> bool:
        """Return the answer for `config`; a comparison on an absent (inactive) hyperparameter is False."""
        raise NotImplementedError

    def comparisons(self) -> Iterator[Comparison]:
        """Yield the comparisons it is made of, from left to right."""
        raise NotImplementedError

    def replaced(self, change: Callable[[Comparison], Comparison]) -> Condition:
        """Return a copy with each comparison replaced by `change(comparison)`."""
        raise NotImplementedError

    def __and__(self, other: Condition) -> Condition:
        return And(self, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: Condition) -> Condition:
        return Or(self, other) if isinstance(other, Condition) else NotImplemented

    def __bool__(self) -> bool:
        raise SpaceError(
            f"{self!r}: a condition is neither true nor false before there is a configuration; "
            "join conditions with & and | (not `and`, `or`, `not`), "
            "and write `2 <= x < 4` as `(x >= 2) & (x < 4)`"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Condition):
    """One hyperparameter compared with a value; `op` is ==, !=, <, <=, >, >= or in."""

    name: str
    op: str
    value: Value

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise SpaceError(f"param({brief(self.name)}): a {type(self.name).__name__}; use the name, a str")
        if not isinstance(self.op, str) or self.op not in _OPERATORS:
            raise SpaceError(f"{brief(self.op)} is no comparison; use one of {', '.join(_OPERATORS)}")
        try:
            object.__setattr__(self, "value", plain(self.value))
        except SpaceError as error:
            raise SpaceError(f"{brief(self)}: {error}") from None
        if self.op == "in" and not isinstance(self.value, tuple):
            raise SpaceError(
                f"{self.name!r} in {brief(self.value)}: no tuple; use param({self.name!r}).isin([...])"
            )

    def holds(self, config: Mapping[str, Value]) -> bool:
        """Return whether the hyperparameter is active and the comparison true."""
        return self.name in config and _OPERATORS[self.op](config[self.name], self.value)

    def options(self) -> tuple[Value, ...]:
        """Return the values compared with: several for `isin`, otherwise one."""
        return self.value if self.op == "in" and isinstance(self.value, tuple) else (self.value,)

    def comparisons(self) -> Iterator[Comparison]:
        """Yield itself."""
        yield self

    def replaced(self, change: Callable[[Comparison], Comparison]) -> Condition:
        """Return `change(self)`."""
        return change(self)

    def __repr__(self) -> str:
        if self.op == "in":
            return f"param({self.name!r}).isin({list(self.options())!r})"
        return f"param({self.name!r}) {self.op} {self.value!r}"


@dataclass(frozen=True, slots=True, repr=False)
class _Pair(Condition):
    left: Condition
    right: Condition
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        depth = 1 + max(getattr(side, "depth", 0) for side in (self.left, self.right))
        if depth > _DEEPEST:
            raise SpaceError(f"more than {_DEEPEST} conditions joined in a row; use isin([...])")
        object.__setattr__(self, "depth", depth)

    def comparisons(self) -> Iterator[Comparison]:
        """Yield the comparisons of both sides."""
        yield from self.left.comparisons()
        yield from self.right.comparisons()

    def replaced(self, change: Callable[[Comparison], Comparison]) -> Condition:
        """Return a copy with the comparisons of both sides replaced."""
        return type(self)(self.left.replaced(change), self.right.replaced(change))


class And(_Pair):
    """Both sides hold."""

    __slots__ = ()

    def holds(self, config: Mapping[str, Value]) -> bool:
        """Return whether both sides hold."""
        return self.left.holds(config) and self.right.holds(config)

    def __repr__(self) -> str:
        return f"({self.left!r}) & ({self.right!r})"


class Or(_Pair):
    """At least one side holds."""

    __slots__ = ()

    def holds(self, config: Mapping[str, Value]) -> bool:
        """Return whether at least one side holds."""
        return self.left.holds(config) or self.right.holds(config)

    def __repr__(self) -> str:
        return f"({self.left!r}) | ({self.right!r})"


class Param:
    """A hyperparameter in a condition: compare it by ==, !=, <, <=, >, >= or `isin` to get a Condition."""

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so it can't be a key

    def __init__(self, name: str) -> None:
        self.name = name

    def isin(self, options: Iterable[Value]) -> Condition:
        """Return the condition that the value is one of `options`."""
        if isinstance(options, str):
            raise SpaceError(f"param({self.name!r}).isin({options!r}): a str; use a list, [{options!r}]")
        if not is_iterable(options):
            raise SpaceError(f"param({self.name!r}).isin({brief(options)}): no list; use [...]")
        values = tuple(options)
        if not values:
            raise SpaceError(f"param({self.name!r}).isin([]) can never hold; give at least one value")
        return Comparison(self.name, "in", values)

    def __eq__(self, value: Value) -> Condition:  # type: ignore[override]
        return Comparison(self.name, "==", value)

    def __ne__(self, value: Value) -> Condition:  # type: ignore[override]
        return Comparison(self.name, "!=", value)

    def __lt__(self, value: Value) -> Condition:
        return Comparison(self.name, "<", value)

    def __le__(self, value: Value) -> Condition:
        return Comparison(self.name, "<=", value)

    def __gt__(self, value: Value) -> Condition:
        return Comparison(self.name, ">", value)

    def __ge__(self, value: Value) -> Condition:
        return Comparison(self.name, ">=", value)

    def __rand__(self, other: Any) -> NoReturn:
        self._needs_parentheses("&")

    def __ror__(self, other: Any) -> NoReturn:
        self._needs_parentheses("|")

    def _needs_parentheses(self, sign: str) -> NoReturn:
        # Python reads  a == 1 & b == 2  as  a == (1 & b) == 2
        raise SpaceError(f"{sign} before {self!r}: put parentheses, (... == ...) {sign} (... == ...)")

    def __repr__(self) -> str:
        return f"param({self.name!r})"


def param(name: str) -> Param:
    """Return the hyperparameter `name` for use in a condition: in `when`, or in `forbid` of a `Space`.

    Parameters
    ----------
    name : str
        The name of a hyperparameter of the same space.

    Returns
    -------
    Param
        Compare it by ==, !=, <, <=, >, >= or `isin([...])`, and join comparisons by & and |.

    Examples
    --------
    >>> import rung
    >>> (rung.param("num_layers") >= 2) & (rung.param("activation") == "relu")
    (param('num_layers') >= 2) & (param('activation') == 'relu')
    """
    return Param(name)


def conjunction(first: Condition | None, second: Condition) -> Condition:
    """Return `first & second`, or `second` alone if there is no first."""
    return second if first is None else first & second
