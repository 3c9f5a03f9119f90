"""Which trial runs, stops, pauses, resumes: one file per algorithm.

A scheduler is added by one file and one line here; tests and the command line go over SCHEDULERS.
"""

from __future__ import annotations

from rung._registry import Registry
from rung.schedulers.asha import ASHA
from rung.schedulers.auto import Auto
from rung.schedulers.base import Action, Drop, Finish, Resume, Scheduler, Start, Wait
from rung.schedulers.fifo import FIFO
from rung.schedulers.hyperband import Hyperband
from rung.schedulers.median import MedianRule
from rung.schedulers.pbt import PBT
from rung.schedulers.successive_halving import SuccessiveHalving

SCHEDULERS: Registry[Scheduler] = Registry(
    "scheduler",
    {part.name: part for part in (FIFO, ASHA, Auto, SuccessiveHalving, Hyperband, MedianRule, PBT)},
    ["next", "judge", "check", "to_json"],
)
get = SCHEDULERS.of


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
]
