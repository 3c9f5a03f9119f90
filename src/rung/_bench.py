"""Attempts of one trial, each in a process of its own, that may be killed on the way."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from rung.analysis.usage import folder_bytes
from rung.execution.base import AttemptId, End, Executor, Job, Message, Report
from rung.execution.processes import Processes
from rung.objectives.checkpoints import FolderStore
from rung.objectives.function import Objective
from rung.study.events import Verdict

logger = logging.getLogger("rung")


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint at one moment."""

    folder: str
    epoch: int
    """The epoch that `trial.checkpoint` said; 0 for one that was written directly."""
    changed: int
    """When the last file in it changed, in nanoseconds."""
    size: int

    @classmethod
    def look(cls, trials: Path, trial: int) -> Saved | None:
        """The checkpoint of a trial, None if there is none."""
        store = FolderStore(trials)
        epoch = store.fetch(trial)
        if epoch is None:
            return None
        folder = store.path(trial).resolve()
        changed = max((path.lstat().st_mtime_ns for path in folder.rglob("*")), default=0)
        return cls(folder.name, epoch, changed, folder_bytes(folder))


@dataclass(frozen=True, slots=True)
class Step:
    """A report, when it came, and the checkpoint at that moment."""

    epoch: int
    metrics: Mapping[str, float]
    when: float
    saved: Saved | None


@dataclass(frozen=True, slots=True)
class Run:
    """What one attempt did. Without an end it was killed; `hung` tells that this was for its time."""

    steps: Sequence[Step]
    end: End | None = None
    hung: bool = False

    @property
    def until(self) -> str:
        """How far it got, in words."""
        return f"after epoch {self.steps[-1].epoch}" if self.steps else "before its first report"

    @property
    def final(self) -> Mapping[str, float]:
        """The metrics with which it ended."""
        reported = self.steps[-1].metrics if self.steps else {}
        return {**reported, **(self.end.metrics if self.end else {})}

    @property
    def saved(self) -> Saved | None:
        """The last checkpoint."""
        return next((step.saved for step in reversed(self.steps) if step.saved), None)

    @property
    def epoch_seconds(self) -> float | None:
        """The median time of an epoch but the first; None with less than two reports."""
        gaps = [(b.when - a.when) / (b.epoch - a.epoch) for a, b in pairwise(self.steps)]
        return median(gaps) if gaps else None


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs attempts of one trial by the executor of real studies; `limit` is in seconds for each."""

    objective: Objective
    job: Job
    limit: float
    home: Path

    def run(self, name: str, attempt: int = 1, after: int = 0, kill_at: int | None = None) -> Run:
        """Run an attempt, killed while it waits in its report of epoch `kill_at`, if given.

        Attempts of one `name` share their checkpoints. Raises ObjectiveError or WorkerError if the
        objective can't travel to a process.
        """
        logger.info("check: epochs %d to %s", after + 1, kill_at or self.job.max_resource)
        trials = self.home / name
        # To leave an executor whose worker is busy kills that worker by SIGKILL.
        with closing(Processes(self.objective, 1, self.home / "output", FolderStore(trials))) as executor:
            executor.submit(replace(self.job, id=AttemptId(0, attempt), start_resource=after))
            return self._watch(executor, trials, kill_at)

    def _watch(self, executor: Executor, trials: Path, kill_at: int | None) -> Run:
        steps: list[Step] = []
        for message in self._messages(executor):
            match message:
                case End():
                    return Run(steps, message)
                case Report(_, _, epoch, metrics):
                    steps.append(Step(epoch, metrics, executor.now(), Saved.look(trials, 0)))
                    if kill_at is not None and epoch >= kill_at:
                        return Run(steps)
                    executor.answer(message, Verdict.CONTINUE)
        return Run(steps, hung=True)

    def _messages(self, executor: Executor) -> Iterator[Message]:
        deadline = executor.now() + self.limit
        while (left := deadline - executor.now()) > 0:
            yield from executor.poll(left)
