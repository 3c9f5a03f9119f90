"""First in, first out: every trial runs to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rung.schedulers.base import Action, Finish, Start, resume_first
from rung.space import Config
from rung.study.events import Verdict
from rung.study.history import History
from rung.study.trial import Trial


class Fifo:
    """Start trials as workers get free and never stop one (chapter 19.2's BasicScheduler)."""

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """Start what the searcher proposes, after what another scheduler paused."""
        if (paused := resume_first(history)) is not None:
            return paused
        config = propose()
        return Finish() if config is None else Start(config)

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Go on."""
        return Verdict.CONTINUE

    def check(self, max_resource: int | None) -> None:
        """Do nothing: any will do."""

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "fifo"}
