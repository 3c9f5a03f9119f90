"""What a worker says, read into its types at one place: an objective may have written it instead.

A frame is a JSON object. `what` says which kind it is of, and which other keys it has, no more and no less.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rung._text import brief
from rung.errors import MetricError
from rung.execution.base import AttemptId, End, Log, Report
from rung.study.events import Outcome
from rung.study.metrics import check_metric_name
from rung.study.notes import check_files, check_values

LONGEST = 1 << 22
"""Bytes of a frame: what the metrics, the reason and the traceback of an attempt may come to together."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker has started."""

    pid: int


@dataclass(frozen=True, slots=True)
class Ready:
    """It has loaded the objective and takes jobs."""


@dataclass(frozen=True, slots=True)
class Broken:
    """It can't load the objective."""

    traceback: str


Said = Hello | Ready | Broken | Report | Log | End


def read(frame: bytes) -> Said:
    """The message of a frame; raises ValueError unless a worker's own code may have said it."""
    try:
        said = json.loads(frame)
    except RecursionError as error:
        raise ValueError("a frame that is nested too deeply") from error
    what = said.pop("what", None) if isinstance(said, dict) else None
    make, fields = _KINDS.get(what, (None, {})) if isinstance(what, str) else (None, {})
    if make is None or said.keys() != fields.keys():
        raise ValueError("a frame that no worker sends")
    return make(**{name: take(said[name]) for name, take in fields.items()})


def _whole(low: int, end: int) -> Callable[[Any], int]:
    def take(value: Any) -> int:
        if type(value) is not int or not low <= value < end:
            raise ValueError(f"{brief(value)} is not a whole number from {low} to {end - 1}")
        return value

    return take


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{brief(value)} is neither true nor false")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"{brief(value)} is no text")
    return value


def _one_of(known: Collection[str]) -> Callable[[Any], str]:
    def take(value: Any) -> str:
        if _text(value) not in known:
            raise ValueError(f"{brief(value)} is none of {sorted(known)}")
        return str(value)

    return take


def _attempt(value: Any) -> AttemptId:
    if type(value) is not list or len(value) != 2:
        raise ValueError(f"{brief(value)} names no attempt")
    return AttemptId(*map(_number, value))


def _metrics(value: Any) -> dict[str, float]:
    if type(value) is not dict or not all(type(number) is float for number in value.values()):
        raise ValueError(f"{brief(value)} are not metrics")
    try:
        return {check_metric_name(name): number for name, number in value.items()}
    except MetricError as error:
        raise ValueError(str(error)) from error


_number = _whole(0, 2**53)
_KINDS: Mapping[str, tuple[Callable[..., Said], Mapping[str, Callable[[Any], Any]]]] = {
    "hello": (Hello, {"pid": _whole(1, 2**31)}),
    "ready": (Ready, {}),
    "broken": (Broken, {"traceback": _text}),
    "report": (
        Report,
        {"id": _attempt, "number": _number, "resource": _whole(1, 2**53), "metrics": _metrics,
         "checkpoint": _bool},
    ),
    "log": (Log, {"id": _attempt, "number": _number, "values": check_values, "files": check_files}),
    "end": (
        End,
        {"id": _attempt, "outcome": _one_of({*Outcome} - {Outcome.LOST}), "metrics": _metrics,
         "reason": _text, "traceback": _text, "broken": _one_of({"", "metric", "code", "disk"})},
    ),
}  # fmt: skip
"""What makes the message of each kind, and what takes the value of each of its keys."""
