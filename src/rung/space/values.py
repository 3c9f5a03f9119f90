"""What a configuration is made of: plain values that JSON can hold."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, TypeAlias

from rung._text import brief
from rung.errors import SpaceError

Value: TypeAlias = "bool | int | float | str | tuple[Value, ...] | None"
Config: TypeAlias = dict[str, Value]

_SHOWN = 20  # options in an error message
_BITS = 64  # of an int: Python itself refuses to print very long ones
_CHARACTERS = 65_536  # of a string
_DEEPEST = 20  # tuples in tuples
NAME = 200  # characters of the name of a hyperparameter


def plain(value: object, depth: int = 0) -> Value:
    """Return `value` as a plain Python value; numpy scalars are turned into Python ones.

    SpaceError if it is no bool, int of 64 bits, finite float, str of 65,536 characters, None or tuple.
    """
    value = _unwrapped(value)
    if isinstance(value, tuple):
        if depth == _DEEPEST:
            raise SpaceError(f"tuples more than {_DEEPEST} deep; use a string and map it in the objective")
        return tuple(plain(part, depth + 1) for part in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise SpaceError(f"{value!r} is not a finite number; use a finite one, None or a string")
    if type(value) is float:
        return value + 0.0  # -0.0 becomes 0.0, which it equals, so that equal values have equal JSON
    if type(value) is int and value.bit_length() > _BITS:
        raise SpaceError(f"an int of {value.bit_length()} bits; use at most {_BITS}, a float, or a string")
    if type(value) is str and len(value) > _CHARACTERS:
        raise SpaceError(
            f"a string of {len(value):,} characters; use a short one and map it in the objective"
        )
    if value is None or type(value) in (bool, int, str):
        return value  # type: ignore[return-value]  # mypy does not narrow by a tuple of types
    raise SpaceError(
        f"{brief(value)} ({type(value).__name__}) can't be stored as JSON; "
        "use a string (or bool, int, float, None, a tuple of these) and map it in the objective"
    )


def number(value: object) -> int | float:
    """Return `value` as a finite Python int or float; SpaceError otherwise, and for a bool."""
    value = _unwrapped(value)
    if type(value) not in (int, float):
        raise SpaceError(f"{brief(value)} ({type(value).__name__}) is not a number; use an int or a float")
    if not -sys.float_info.max <= value <= sys.float_info.max:  # type: ignore[operator]  # see above
        raise SpaceError(f"{brief(value)} is not a finite number; use one that a float can hold")
    return value + 0  # type: ignore[operator]  # -0.0 becomes 0.0


def _unwrapped(value: object) -> object:
    # There are numpy scalars only where numpy is imported; opening a study does not import it.
    scalar: Any = getattr(sys.modules.get("numpy"), "generic", ())
    return value.item() if isinstance(value, scalar) else value


def whole(value: object) -> int:
    """Return `value` as an int; SpaceError if it is not a whole number (3.0 is one)."""
    result = number(value)
    if result != int(result):
        raise SpaceError(
            f"{brief(result)} is not an integer; use {math.floor(result)} or {math.ceil(result)}"
        )
    return int(result)


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """Return the end of an error message: the option nearest to `word`, or all of them if none is near."""
    from difflib import get_close_matches

    known = {str(option): option for option in options}
    text = word if isinstance(word, str) else brief(word)
    near = get_close_matches(text, known, n=1) if len(text) <= NAME else []
    if near:
        return f"did you mean {brief(known[near[0]])}?"
    return "use one of " + ", ".join(brief(option) for option in list(known.values())[:_SHOWN])
