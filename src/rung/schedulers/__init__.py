"""Which trial runs, stops, pauses, resumes: one file per algorithm.

A scheduler is added by one file and one line here; tests and the command line go over SCHEDULERS.
"""

from __future__ import annotations

from collections.abc import Callable

from rung.errors import Error
from rung.schedulers.asha import Asha
from rung.schedulers.base import Action, Drop, Finish, Resume, Scheduler, Start, Wait
from rung.schedulers.fifo import Fifo

SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    "fifo": Fifo,
    "asha": Asha,
}


def get(scheduler: str | Scheduler) -> Scheduler:
    """The scheduler of that name, or the one given; raises Error on an unknown name."""
    if not isinstance(scheduler, str):
        return scheduler
    if scheduler not in SCHEDULERS:
        raise Error(f"scheduler={scheduler!r}; there is: {', '.join(SCHEDULERS)}")
    return SCHEDULERS[scheduler]()


__all__ = [
    "SCHEDULERS",
    "Action",
    "Asha",
    "Drop",
    "Fifo",
    "Finish",
    "Resume",
    "Scheduler",
    "Start",
    "Wait",
    "get",
]
