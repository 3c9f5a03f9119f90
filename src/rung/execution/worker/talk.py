"""What is said of one attempt, and whose turn it is: each report waits for its answer."""

from __future__ import annotations

from dataclasses import dataclass

from rung.execution.base import End, Job, Log, Report


@dataclass(slots=True)
class Talk:
    """The reports and logs of an attempt, up to its end."""

    job: Job
    report: Report | None = None
    """The last one."""
    logs: int = 0
    """How often it has logged something of its own."""
    waiting: bool = False
    """Whether what was said last was not answered yet."""

    def expects(self, said: Report | Log | End) -> bool:
        """Whether rung's own code may say that now."""
        if said.id != self.job.id:
            return False
        if isinstance(said, End):
            return True
        if self.waiting:
            return False
        if isinstance(said, Log):
            return said.number == self.logs + 1
        number, resource = (self.report.number, self.report.resource) if self.report else (0, 0)
        return said.number == number + 1 and said.resource > resource

    def take(self, said: Report | Log) -> None:
        """Remember it; its answer is awaited."""
        self.waiting = True
        if isinstance(said, Report):
            self.report = said
        else:
            self.logs = said.number
