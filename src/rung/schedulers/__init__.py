"""Which trial runs, stops, pauses, resumes: one file per algorithm.

A scheduler is added by one file and one line here; tests and the command line go over SCHEDULERS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung._registry import Registry
from rung.errors import ArgumentError
from rung.schedulers.asha import ASHA
from rung.schedulers.auto import Auto
from rung.schedulers.base import Action, Drop, Finish, Resume, Scheduler, Start, Wait
from rung.schedulers.fifo import FIFO
from rung.schedulers.hyperband import Hyperband
from rung.schedulers.median import MedianRule
from rung.schedulers.pbt import PBT
from rung.schedulers.successive_halving import SuccessiveHalving
from rung.study.algorithm import Problem

SCHEDULERS: Registry[Scheduler] = Registry(
    "scheduler",
    {part.name: part for part in (FIFO, ASHA, Auto, SuccessiveHalving, Hyperband, MedianRule, PBT)},
    ["next", "judge", "check", "to_json"],
)
get = SCHEDULERS.of


def stored(described: Mapping[str, Any], problem: Problem) -> Scheduler | None:
    """The scheduler that a log describes; None if it is the user's own, or its arguments are refused."""
    arguments = {name: value for name, value in described.items() if name != "name"}
    try:
        scheduler: Scheduler = SCHEDULERS[described["name"]](**arguments)
        scheduler.check(problem)
    except (KeyError, TypeError, ArgumentError):
        return None
    return scheduler


def rungs_of(scheduler: Scheduler, max_resource: int | None) -> Sequence[int]:
    """The resources at which a scheduler compares trials; none if it has no rungs, or says of none."""
    rungs = getattr(scheduler, "rungs", None)  # one of the user's own need not be a Scheduler
    return () if max_resource is None or rungs is None else rungs(max_resource)


__all__ = [
    "ASHA",
    "FIFO",
    "PBT",
    "SCHEDULERS",
    "Action",
    "Auto",
    "Drop",
    "Finish",
    "Hyperband",
    "MedianRule",
    "Resume",
    "Scheduler",
    "Start",
    "SuccessiveHalving",
    "Wait",
    "get",
    "rungs_of",
    "stored",
]
