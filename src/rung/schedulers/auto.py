"""The scheduler that looks at what the objective does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rung.schedulers._rungs import check_levels
from rung.schedulers.asha import Asha
from rung.schedulers.base import Action, Scheduler
from rung.schedulers.fifo import Fifo
from rung.space import Config
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


class Auto:
    """Fifo for an objective that never reports; ASHA for one that does.

    ASHA in the form "promotion" once a trial has saved a checkpoint, so that a paused one can go on where it
    stopped; in the form "stopping" else. Without `max_resource` there are no rungs: fifo. Which it is may
    change as the first reports come in; `explain` tells.
    """

    def __init__(self, *, min_resource: int = 1, eta: int = 3) -> None:
        self.min_resource, self.eta = min_resource, eta
        self._fifo = Fifo()
        self._promotion = Asha("promotion", min_resource=min_resource, eta=eta)
        self._stopping = Asha("stopping", min_resource=min_resource, eta=eta)

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """What the scheduler chosen says."""
        return self._chosen(history)[0].next(history, propose)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """What the scheduler chosen says."""
        return self._chosen(history)[0].judge(history, trial)

    def check(self, max_resource: int | None) -> None:
        """Raise ArgumentError unless the arguments make rungs below `max_resource`, if there is one."""
        if max_resource is not None:
            check_levels("auto", max_resource, self.min_resource, self.eta)

    def explain(self, history: History) -> str:
        """Which scheduler is at work, and why."""
        scheduler, why = self._chosen(history)
        told = scheduler.to_json()
        form = f" ({told['form']})" if "form" in told else ""
        return f"{told['name']}{form}, since {why}"

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "auto", "min_resource": self.min_resource, "eta": self.eta}

    def _chosen(self, history: History) -> tuple[Scheduler, str]:
        if history.max_resource is None:
            return self._fifo, "no max_resource was given: there are no rungs to compare trials at"
        if not history.curve:
            return self._fifo, "no trial has reported yet: there is nothing to compare"
        if history.checkpoints:
            return self._promotion, "trials save checkpoints: a paused one can go on where it stopped"
        return self._stopping, "trials report but save no checkpoint: a paused one would begin anew"
