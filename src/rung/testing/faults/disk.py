"""The checkpoints of all trials, as `rung.objectives.checkpoints` keeps them.

Of each trial the last one, and until its report is answered the one before.
"""

from __future__ import annotations

from rung.execution.base import Job


class Disk:
    """Which epochs of which trial are saved. Survives every crash."""

    def __init__(self) -> None:
        self.saved: dict[int, list[int]] = {}
        """Epochs by trial, in order."""
        self.furthest: dict[int, int] = {}
        """The last epoch that was ever saved, by trial."""

    def begin(self, job: Job) -> int:
        """Make ready what an attempt begins from; returns the epoch it was saved at, 0 if there is none."""
        last = job.start_resource if job.max_resource is None else job.max_resource - 1
        if job.id.attempt > 1:
            self._roll_back(job.id.trial, min(job.start_resource, last))
        if job.parent is not None and not self.saved.get(job.id.trial):
            self.saved[job.id.trial] = self.saved.get(job.parent, [])[-1:]
            self._roll_back(job.id.trial, last)
        return max(self.saved.get(job.id.trial, ()), default=0)

    def _roll_back(self, trial: int, epoch: int) -> None:
        self.saved[trial] = [saved for saved in self.saved.get(trial, ()) if saved <= epoch]

    def save(self, trial: int, epoch: int) -> None:
        """Save, and keep the one before."""
        self.saved[trial] = [*self.saved.get(trial, [])[-1:], epoch]
        self.furthest[trial] = max(epoch, self.furthest.get(trial, 0))

    def settle(self, trial: int) -> None:
        """The report of the last one is durable."""
        self.saved[trial] = self.saved.get(trial, [])[-1:]

    def discard(self, trial: int) -> None:
        """Delete it all."""
        self.saved.pop(trial, None)
