"""What the page is sent: strict JSON with every number exact, and texts of bounded length."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from rung._text import visible, visible_lines

NAME = 200
"""Characters of a name or a reason."""
_WHOLE = 2**53
"""Integers beyond are not exact in JavaScript; they are sent as text."""


def encoded(data: Any) -> bytes:
    """JSON of plain types whose numbers went through `number`."""
    return json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode(
        errors="replace"
    )


def number(value: float | None) -> float | str | None:
    """A number as JSON has it: NaN, infinities and large integers are written as text."""
    if value is None or abs(value) <= _WHOLE:
        return value
    if math.isfinite(value):
        return value if isinstance(value, float) else str(value)
    return _NOT_FINITE.get(value, "NaN")


_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def numbers(values: Iterable[float | None]) -> list[float | str | None]:
    """`number` of each."""
    return [number(value) for value in values]


def text(value: object, most: int = NAME) -> str:
    """Foreign text on one line, its control characters spelled out, the end left out if it is long."""
    return visible(_cut(str(value), most))


def lines(value: str, most: int) -> str:
    """Foreign text with its line ends."""
    return visible_lines(_cut(value.expandtabs(4), most))


def _cut(value: str, most: int) -> str:
    return value if len(value) <= most else f"{value[: most - 1]}…"


def value(chosen: Any) -> Any:
    """A hyperparameter's or a note's value: a number, a truth value, or text."""
    if chosen is None or isinstance(chosen, bool):
        return chosen
    if isinstance(chosen, int | float):
        return number(chosen)
    return text(chosen)
