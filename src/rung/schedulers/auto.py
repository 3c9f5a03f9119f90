"""The scheduler that looks at what the objective does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rung.schedulers._levels import check_levels
from rung.schedulers.asha import ASHA, Form
from rung.schedulers.base import Action, Propose, Scheduler
from rung.schedulers.fifo import FIFO
from rung.study.algorithm import Problem
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Auto(Scheduler):
    """FIFO for an objective that never reports; ASHA for one that does.

    ASHA in the form "promotion" once a trial has saved a checkpoint, so that a paused one can go on where it
    stopped; in the form "stopping" else. Without `max_resource` there are no rungs: fifo. The choice may
    change as the first reports come in; `explain` names it.

    Parameters
    ----------
    min_resource, eta : int
        As in `ASHA`.
    """

    name: ClassVar[str] = "auto"
    min_resource: int = 1
    eta: int = 3

    def check(self, problem: Problem) -> None:
        """Raise ArgumentError unless the arguments make rungs below `max_resource`, if there is one."""
        if problem.max_resource is not None:
            check_levels(self.name, self.min_resource, problem.max_resource, self.eta)

    def next(self, history: History, propose: Propose) -> Action:
        """Return what the scheduler chosen does."""
        return self._chosen(history)[0].next(history, propose)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Return the verdict of the scheduler chosen."""
        return self._chosen(history)[0].judge(history, trial)

    def rungs(self, max_resource: int) -> tuple[int, ...]:
        """Return those of ASHA."""
        return self._asha("stopping").rungs(max_resource)

    def explain(self, history: History) -> str:
        """Return which scheduler is at work, and why."""
        scheduler, why = self._chosen(history)
        form = f" ({scheduler.form})" if isinstance(scheduler, ASHA) else ""
        return f"{scheduler.name}{form}, since {why}"

    def _chosen(self, history: History) -> tuple[Scheduler, str]:
        # The log only grows, so the answer only moves down this list: a study changes at most from fifo to
        # "stopping", and from there to "promotion". ASHA reads all reports, so trials that fifo started
        # reach their rungs like any others.
        if history.max_resource is None:
            return FIFO(), "no max_resource was given: there are no rungs to compare trials at"
        if not history.curve:
            return FIFO(), "no trial has reported yet: there is nothing to compare"
        if history.checkpoints:
            return self._asha("promotion"), "trials save checkpoints: a paused one can go on where it stopped"
        return self._asha("stopping"), "trials report but save no checkpoint: a paused one would begin again"

    def _asha(self, form: Form) -> ASHA:
        return ASHA(form, min_resource=self.min_resource, eta=self.eta)
