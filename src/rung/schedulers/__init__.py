"""Which trial runs, stops, pauses, resumes: one file per algorithm.

A scheduler is added by one file and one line here; tests and the command line go over SCHEDULERS.
"""

from __future__ import annotations

from collections.abc import Callable

from rung._text import brief
from rung.errors import ArgumentError
from rung.schedulers.asha import Asha
from rung.schedulers.auto import Auto
from rung.schedulers.base import Action, Drop, Finish, Resume, Scheduler, Start, Wait
from rung.schedulers.fifo import Fifo
from rung.schedulers.hyperband import Hyperband
from rung.schedulers.median import Median
from rung.schedulers.pbt import Pbt
from rung.schedulers.successive_halving import SuccessiveHalving

SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    "fifo": Fifo,
    "asha": Asha,
    "auto": Auto,
    "successive-halving": SuccessiveHalving,
    "hyperband": Hyperband,
    "median": Median,
    "pbt": Pbt,
}


def get(scheduler: str | Scheduler) -> Scheduler:
    """The scheduler of that name, or the one given; raises ArgumentError on an unknown name."""
    if not isinstance(scheduler, str):
        parts = ("next", "judge", "check", "to_json")
        if isinstance(scheduler, type) or not all(callable(getattr(scheduler, part, None)) for part in parts):
            raise ArgumentError(
                f"scheduler={brief(scheduler)}: no scheduler; use a name such as 'asha' or an object, Asha()"
            )
        return scheduler
    if scheduler not in SCHEDULERS:
        raise ArgumentError(f"scheduler={brief(scheduler)}; there is: {', '.join(SCHEDULERS)}")
    return SCHEDULERS[scheduler]()


__all__ = [
    "SCHEDULERS",
    "Action",
    "Asha",
    "Auto",
    "Drop",
    "Fifo",
    "Finish",
    "Hyperband",
    "Median",
    "Pbt",
    "Resume",
    "Scheduler",
    "Start",
    "SuccessiveHalving",
    "Wait",
    "get",
]
