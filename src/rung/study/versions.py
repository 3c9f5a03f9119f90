"""Versions as a log states them, which may come from a stranger."""

from __future__ import annotations

import re

_RELEASE = re.compile(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?")


def release(version: object) -> tuple[int, ...]:
    """The numbers of a version of rung, () of anything else."""
    match = _RELEASE.match(version) if isinstance(version, str) else None
    return tuple(int(number or 0) for number in match.groups()) if match else ()


def format_number(schema: object) -> int:
    """The number of a format, 0 of anything else."""
    text = str(schema) if isinstance(schema, int | str) else ""
    return int(text) if text.isdecimal() and len(text) < 30 else 0
