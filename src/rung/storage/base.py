"""What a storage is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from rung._text import brief
from rung.errors import ArgumentError
from rung.study.events import Event, StudyCreated

Durability = Literal["machine", "process"]
"""What an appended event survives: a crash of the machine, or of any process only."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs a study."""

    host: str
    pid: int
    since: float
    """Unix time, seconds."""

    def __str__(self) -> str:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, since {began}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to append to a study; `epoch` fences older leases off."""

    study: str
    epoch: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """A line of the list of studies."""

    name: str
    changed: float
    """Unix time of the last write, seconds."""
    owner: Owner | None
    """Who runs it now."""


class Storage(Protocol):
    """Keeps events, in order, once each."""

    def create(self, study: str, created: StudyCreated) -> None:
        """Make a study with its first event; raises StudyExists. All or nothing."""
        ...

    def acquire(self, study: str, owner: Owner) -> Lease:
        """Take the study; raises StudyNotFound, or StudyInUse with who, where and since when."""
        ...

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        """Add events, all or nothing, durable on return; returns how many the log holds then.

        Raises LeaseLost, and writes nothing, if the study was acquired again since.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give the study back; one that was lost, or released before, is released silently."""
        ...

    def delete(self, study: str, owner: Owner) -> None:
        """Remove the study and all its files; raises StudyNotFound, StudyInUse."""
        ...

    def read(self, study: str, after: int = 0) -> Iterator[Event]:
        """The events beyond the first `after`; raises StudyNotFound, StudyCorrupt, StudyNewer."""
        ...

    def checksum(self, study: str, after: int, end: int) -> str:
        """A text that changes if anything changes in how events `after` + 1 to `end` are stored."""
        ...

    def studies(self) -> Sequence[StudyInfo]:
        """All studies, the one changed last first."""
        ...

    def request(self, study: str, request: str) -> None:
        """Leave a short name for the session that runs the study; raises StudyNotFound, ArgumentError."""
        ...

    def requests(self, lease: Lease) -> Sequence[str]:
        """Take what was left since the study was acquired; called twice a second, it raises nothing."""
        ...

    def folder(self, study: str) -> Path | None:
        """Where files of the study may lie; None if it has no folder."""
        ...


def check_durability(durability: object) -> None:
    """Raise ArgumentError unless `durability` is "machine" or "process"."""
    if not isinstance(durability, str) or durability not in {"machine", "process"}:
        raise ArgumentError(f'durability={brief(durability)}; use "machine" or "process"')


def check_name(study: str) -> None:
    """Raise ArgumentError unless `study` is a usable name: 1 to 200 printable characters."""
    if (
        not isinstance(study, str)
        or not 0 < len(study) <= 200
        or not study.isprintable()
        or study.strip() != study
    ):
        raise ArgumentError(
            f"name={brief(study, 60)}; a study's name is 1 to 200 printable characters without space around"
        )
