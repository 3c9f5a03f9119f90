"""An attempt to run, and what comes back from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple


class AttemptId(NamedTuple):
    """Which run of which trial."""

    trial: int
    attempt: int

    def __str__(self) -> str:
        return f"t{self.trial}/a{self.attempt}"


@dataclass(frozen=True, slots=True)
class Job:
    """An attempt to run."""

    id: AttemptId
    config: Mapping[str, Any]
    seed: int
    max_resource: int | None = None
    start_resource: int = 0
    """The last resource that was reported before."""
    target_resource: int | None = None
    """The resource at which the trial is looked at again; None is `max_resource`."""
    parent: int | None = None
    """The trial whose checkpoint this one begins from."""
    resource: str = "epoch"
    """What the resource is called: the keyword of `report`."""
    timeout: float | None = None
    """Seconds that the attempt may run; then it has failed. None is no limit."""
    memory: int | None = None
    """Bytes that its process and all below it may hold; beyond them it has failed."""
    folder: Path | None = None
    """The study's, in which `trial.log` keeps files; None of a study in memory."""
    repeat: int | None = None
    """The number of its seed, if it runs a finalist again."""
    reported: Mapping[int, int] | None = None
    """Up to which resource each attempt before has reported: of its checkpoints, those up to there count."""


@dataclass(frozen=True, slots=True)
class Report:
    """The objective reported; it waits for the answer."""

    id: AttemptId
    number: int
    resource: int
    metrics: Mapping[str, float]
    checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """The objective logged something of its own; it waits for the answer as after a report."""

    id: AttemptId
    number: int
    values: Mapping[str, Any]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class End:
    """An attempt is over. `outcome` is one of `rung.study.events.Outcome`."""

    id: AttemptId
    outcome: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    traceback: str = ""
    broken: Literal["", "metric", "code", "disk"] = ""
    """The objective itself seems wrong, in what it returns or in its code, or the disk is full: another
    configuration would do no better."""
    blameless: bool = False
    """Whether it ended with the machine it ran on: it runs again, and that is no loss of the trial's."""
