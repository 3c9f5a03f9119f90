"""Bytes and shares of GPUs, read and written."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from rung.errors import ArgumentError

_UNITS = ("kB", "MB", "GB", "TB")
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


def size_of(name: str, value: Any) -> int:
    """Read the argument `name`: bytes as a number, ``"8GB"`` (of 10**9), ``"8GiB"`` (of 2**30), ``"500 MB"``.

    Raises ArgumentError unless it is positive and finite.
    """
    size = _bytes(value)
    if not (size >= 1 and math.isfinite(size)):
        raise ArgumentError(f'{name}={value!r}; give bytes, or text such as "8GB", "500MB", "16GiB"')
    return int(size)


def _bytes(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, str) and (match := _TEXT.fullmatch(value.strip())):
        number, unit, binary = match.groups()
        return float(number) * float((1024 if binary else 1000) ** " kmgt".index(unit.lower() or " "))
    try:
        return math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def gpu_share(name: str, value: Any) -> float:
    """Read the argument `name`: a whole number of GPUs, or 1 / a whole number; raises ArgumentError."""
    try:
        share = Fraction(0 if isinstance(value, bool) else value).limit_denominator(100)
    except (TypeError, ValueError, OverflowError):
        share = Fraction(0)
    if share <= 0 or (share.denominator != 1 and share.numerator != 1):
        raise ArgumentError(
            f"{name}={value!r}; give a whole number of at least 1, or a share such as 0.5 or 0.25"
        )
    return int(share) if share.denominator == 1 else float(share)


def size_text(size: int) -> str:
    """Such as `512 B`, `4.2 MB` (of 10**6 bytes)."""
    if size < 1000:
        return f"{size} B"
    power = min(len(_UNITS), int(math.log10(size * 1.0005) // 3))  # 999.6 kB is 1 MB
    return f"{size / 1000**power:.3g} {_UNITS[power - 1]}"
