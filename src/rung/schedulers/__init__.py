"""Which trial runs, stops, pauses, resumes: one file per algorithm.

A scheduler is added by one file and one line here; tests and the command line go over SCHEDULERS.
"""

from __future__ import annotations

from collections.abc import Callable

from rung._text import brief
from rung.errors import Error
from rung.schedulers.asha import ASHA
from rung.schedulers.auto import Auto
from rung.schedulers.base import Action, Drop, Finish, Resume, Scheduler, Start, Wait
from rung.schedulers.fifo import FIFO
from rung.schedulers.hyperband import Hyperband
from rung.schedulers.median import MedianRule
from rung.schedulers.pbt import PBT
from rung.schedulers.successive_halving import SuccessiveHalving

SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    scheduler.name: scheduler
    for scheduler in (FIFO, ASHA, Auto, SuccessiveHalving, Hyperband, MedianRule, PBT)
}


def get(scheduler: str | Scheduler) -> Scheduler:
    """The scheduler of that name, or the one given; raises Error on an unknown name."""
    if not isinstance(scheduler, str):
        parts = ("next", "judge", "check", "to_json")
        if isinstance(scheduler, type) or not all(callable(getattr(scheduler, part, None)) for part in parts):
            raise Error(
                f"scheduler={brief(scheduler)}: no scheduler; use a name such as 'asha' or an object, ASHA()"
            )
        return scheduler
    if scheduler not in SCHEDULERS:
        raise Error(f"scheduler={brief(scheduler)}; there is: {', '.join(SCHEDULERS)}")
    return SCHEDULERS[scheduler]()


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
