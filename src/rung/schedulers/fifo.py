"""First in, first out: every trial runs to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rung.schedulers.base import Action, Propose, Scheduler, train_to_the_end
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


@dataclass(frozen=True)
class FIFO(Scheduler):
    """Start trials as workers get free and never stop one.

    Good where early epochs predict little or trials are cheap. Bad where epochs are expensive: each bad trial
    gets as many as the best. `BasicScheduler` in section 19.2 of Dive into Deep Learning.
    """

    name: ClassVar[str] = "fifo"

    def next(self, history: History, propose: Propose) -> Action:
        """Start what the searcher proposes, after what another scheduler paused."""
        return train_to_the_end(history, propose)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Go on."""
        return Verdict.CONTINUE
