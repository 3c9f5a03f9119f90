"""Which lines of a program's output are reports or something to log, and what they say."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

_LOG = "rung.log"
"""The key of what is to be kept, which no line has by chance."""


def read(
    line: str, tuned: Collection[str], resource: str, pattern: re.Pattern[str] | None
) -> dict[str, Any] | None:
    """The metrics that a line tells, the resource perhaps among them; None if it is no report.

    A report is a JSON object, or with `pattern` a match of it, that has a tuned metric. Whatever that and the
    resource are is kept, but null, as JavaScript writes NaN, is NaN; of the rest numbers alone.
    """
    text = line.rstrip("\r\n").rpartition("\r")[2]  # a progress bar may stand before it
    found = _of_json(text.strip()) if pattern is None else _of_match(pattern.search(text))
    if found is None or not any(name in found for name in tuned):
        return None
    for name in tuned:
        if name in found and found[name] is None:
            found[name] = math.nan
    kept = {*tuned, resource}
    return {name: value for name, value in found.items() if name in kept or _is_number(name, value)}


def read_log(line: str, folder: Path) -> dict[str, Any] | None:
    """What a line asks to keep, as `RunningTrial.log` takes it; None if it is another line.

    `{"file": "curve.png"}` is a file, which lies in `folder` unless the path is absolute.
    """
    found = _of_json(line.strip()) if _LOG in line else None
    kept = found.get(_LOG) if found else None
    if not isinstance(kept, dict):
        return None
    return {name: folder / value["file"] if _is_file(value) else value for name, value in kept.items()}


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str)


def _of_json(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # it only looks like one
        return None
    return found if isinstance(found, dict) else None


def _of_match(match: re.Match[str] | None) -> dict[str, Any] | None:
    groups: Mapping[str, str | None] = match.groupdict() if match else {}
    return {name: _as_number(text) for name, text in groups.items() if text is not None}


def _as_number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_number(name: str, value: Any) -> bool:
    return bool(name) and isinstance(value, int | float)
