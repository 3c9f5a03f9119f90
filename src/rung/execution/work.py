"""What an executor is to run, and what starts one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from rung.execution.base import End, Executor, Job, Log, Report
from rung.objectives.attempt import run_attempt
from rung.objectives.checkpoints import CheckpointStore
from rung.objectives.function import Objective
from rung.study.events import Verdict, WorkerStarted


@dataclass(frozen=True, slots=True)
class Work:
    """What an executor is to run.

    Attributes
    ----------
    objective : Objective
        What a trial calls.
    n_workers : int
        Trials at once.
    trial_timeout, trial_memory : float or None, int or None
        Seconds and bytes of a trial; each job has what is left of them.
    gpus_per_trial : float or None
        GPUs that each worker is to see.
    checkpoints : CheckpointStore or None
        Where trials keep their checkpoints; None before the study exists.
    logs : Path or None
        The folder for what workers print; None of a study in memory.
    pauses : bool
        Whether trials may be paused, so that all workers must see the same checkpoints.
    """

    objective: Objective
    n_workers: int = 1
    trial_timeout: float | None = None
    trial_memory: int | None = None
    gpus_per_trial: float | None = None
    checkpoints: CheckpointStore | None = None
    logs: Path | None = None
    pauses: bool = False

    def run(self, job: Job, send: Callable[[Report | Log], Verdict]) -> End:
        """Run an attempt in this thread, to its end. `send` hands a report in and returns its answer."""
        return run_attempt(self.objective, job, send, self.checkpoints)

    @property
    def limits(self) -> list[str]:
        """The arguments that only a process of the trial's own can keep."""
        names = ("trial_timeout", "trial_memory", "gpus_per_trial")
        return [name for name in names if getattr(self, name) is not None]


class Backend(Protocol):
    """Starts an executor for a study."""

    name: ClassVar[str]

    def check(self, work: Work) -> None:
        """Raise ArgumentError or ObjectiveError if this can't do the work; called before the study exists."""
        ...

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """End what still runs of a dead coordinator's workers, as each `WorkerUp` described them.

        Called before `start`, and also for a study that goes on elsewhere. `ended` says whether their session
        came to its end, so that nothing should be left. Workers may be long gone, of another machine, or made
        up: nothing is certain of an identity but that the log holds it.
        """
        ...

    def start(self, work: Work) -> Executor:
        """Start workers; called once the study is ours and what an earlier coordinator left is gone."""
        ...
