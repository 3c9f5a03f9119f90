"""What `trial.log` keeps of a trial beside its metrics: small values, and copies of small files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rung._text import brief

MOST_BYTES = 16_384
"""Of all values of one run of a trial, with their names, as JSON."""
MOST_FILES = 20
"""Of one run of a trial."""
LARGEST_FILE = 5_000_000
"""Bytes."""
_LONGEST_NAME = 200
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,150}")
"""What a kept file is called: nothing that leads to another folder, or that a shell or a terminal obeys."""


@dataclass(frozen=True, slots=True)
class Note:
    """What one call of `trial.log` kept.

    Attributes
    ----------
    attempt : int
        The run of the trial.
    t : float
        Seconds on the study's clock.
    values : dict
        Texts and numbers by their names.
    files : dict of str to str
        For each file by its name, where the copy is in the study's folder (`study.folder / path`); "" of a
        study in memory, which keeps none.
    """

    attempt: int
    t: float
    values: Mapping[str, Any]
    files: Mapping[str, str]


def size(values: Mapping[str, Any]) -> int:
    """Bytes that values come to."""
    return len(json.dumps(values).encode())


def check_values(values: Any) -> dict[str, Any]:
    """Return the values of a note; raises ValueError unless they are plain, named and few."""
    if not isinstance(values, dict):
        raise ValueError(f"{brief(values)} are not values by their names")
    for name, value in values.items():
        check_name(name)
        if not isinstance(value, str | int | float | None):
            raise ValueError(f"{name}={brief(value)} is neither text nor a number")
    if size(values) > MOST_BYTES:
        raise ValueError(f"values of {size(values)} bytes, more than {MOST_BYTES}")
    return values


def check_files(files: Any) -> dict[str, str]:
    """Return the files of a note; raises ValueError unless they lie in the trial's own folder."""
    if not isinstance(files, dict) or len(files) > MOST_FILES:
        raise ValueError(f"{brief(files)} are not files by their names")
    for name, file in files.items():
        check_name(name)
        if not isinstance(file, str) or not (file == "" or _FILE.fullmatch(file)):
            raise ValueError(f"{name}={brief(file)} is no name of a kept file")
    return files


def check_name(name: Any) -> None:
    """Raise ValueError unless it can name a value or a file."""
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError(f"{brief(name)}: a name has 1 to {_LONGEST_NAME} characters")


def place(trial: int, file: str) -> str:
    """Where a file is kept, in the study's folder."""
    return f"notes/{trial}/{file}" if file else ""
