"""What a worker says, read into its types at one place: an objective may have written it instead.

A frame is a JSON object. `what` says which kind it is of, and which other keys it has, no more and no less.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rung._text import brief
from rung.errors import MetricError
from rung.execution.base import AttemptId, End, Log, Report
from rung.study.events import Outcome
from rung.study.metrics import check_metric_name
from rung.study.notes import check_files, check_values

T = TypeVar("T")
Kinds = Mapping[str, tuple[Callable[..., T], Mapping[str, Callable[[Any], Any]]]]
"""What makes the message of each kind, and what takes the value of each of its keys."""

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
    return read_as(KINDS, frame)


def read_as(kinds: Kinds[T], frame: bytes) -> T:
    """The message of a frame that is of one of these kinds; raises ValueError for any other."""
    try:
        said = json.loads(frame)
    except RecursionError as error:
        raise ValueError("a frame that is nested too deeply") from error
    what = said.pop("what", None) if isinstance(said, dict) else None
    make, fields = kinds.get(what, (None, {})) if isinstance(what, str) else (None, {})
    if make is None or said.keys() != fields.keys():
        raise ValueError("a frame that no worker sends")
    return make(**{name: take(said[name]) for name, take in fields.items()})


def whole(low: int, end: int) -> Callable[[Any], int]:
    """Take a whole number from `low` to below `end`."""

    def take(value: Any) -> int:
        if type(value) is not int or not low <= value < end:
            raise ValueError(f"{brief(value)} is not a whole number from {low} to {end - 1}")
        return value

    return take


def boolean(value: Any) -> bool:
    """Take true or false."""
    if type(value) is not bool:
        raise ValueError(f"{brief(value)} is neither true nor false")
    return value


def text(value: Any) -> str:
    """Take a text."""
    if type(value) is not str:
        raise ValueError(f"{brief(value)} is no text")
    return value


def one_of(known: Collection[str]) -> Callable[[Any], str]:
    """Take one of some texts."""

    def take(value: Any) -> str:
        if text(value) not in known:
            raise ValueError(f"{brief(value)} is none of {sorted(known)}")
        return str(value)

    return take


def attempt(value: Any) -> AttemptId:
    """Take the two numbers of an attempt."""
    if type(value) is not list or len(value) != 2:
        raise ValueError(f"{brief(value)} names no attempt")
    return AttemptId(*map(number, value))


def metrics(value: Any) -> dict[str, float]:
    """Take metrics by their names."""
    if type(value) is not dict or not all(type(number) is float for number in value.values()):
        raise ValueError(f"{brief(value)} are not metrics")
    try:
        return {check_metric_name(name): number for name, number in value.items()}
    except MetricError as error:
        raise ValueError(str(error)) from error


number = whole(0, 2**53)
"""Takes the number of a trial, an attempt or a report."""
KINDS: Kinds[Said] = {
    "hello": (Hello, {"pid": whole(1, 2**31)}),
    "ready": (Ready, {}),
    "broken": (Broken, {"traceback": text}),
    "report": (
        Report,
        {"id": attempt, "number": number, "resource": whole(1, 2**53), "metrics": metrics,
         "checkpoint": boolean},
    ),
    "log": (Log, {"id": attempt, "number": number, "values": check_values, "files": check_files}),
    "end": (
        End,
        {"id": attempt, "outcome": one_of({*Outcome} - {Outcome.LOST}), "metrics": metrics,
         "reason": text, "traceback": text, "broken": one_of({"", "metric", "code", "disk"})},
    ),
}  # fmt: skip
