"""Where the trials of a study run: the door to executors, this library's and a user's own.

An executor is added by a class with `name`, `check`, `reap` and `start`, and one line in EXECUTORS; one of a
user's own is handed to `rung.tune(executor=...)` as an object.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from rung._registry import Registry
from rung._text import brief
from rung.errors import ArgumentError, ObjectiveError
from rung.execution.base import End, Executor, Job, Log, Report
from rung.execution.worker.gpus import assign
from rung.execution.worker.leftovers import INLINE, PROCESSES
from rung.execution.worker.leftovers import reap as reap_processes
from rung.objectives.attempt import run_attempt
from rung.objectives.checkpoints import CheckpointStore
from rung.objectives.command import Command
from rung.objectives.function import Objective
from rung.study.budget import whole
from rung.study.events import Verdict, WorkerStarted

_MOST_WORKERS = 1024
"""Processes that one machine may be asked for."""
_MANY = 4
"""Workers for each core that are probably a mistake, unless they use GPUs or wait for programs."""

logger = logging.getLogger("rung")


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


class InThisProcess:
    """Runs the objective in this thread: for debuggers, and for what can't travel to another process."""

    name: ClassVar[str] = INLINE

    def check(self, work: Work) -> None:
        """Raise ArgumentError for more than one worker, or limits that only a process can keep."""
        if work.limits:
            raise ArgumentError(
                f'{work.limits[0]} with executor="inline": a trial in this process can\'t be ended by force; '
                'use executor="processes"'
            )
        if work.n_workers != 1:
            raise ArgumentError(
                f'n_workers={work.n_workers} with executor="inline", which runs one trial at a time; '
                'use executor="processes"'
            )

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """Kill what the objective started; what outlives a session that ended is the user's own."""
        if not ended:
            reap_processes(workers)

    def start(self, work: Work) -> Executor:
        """Return an `Inline`."""
        from rung.execution.inline import Inline

        # A study in memory is gone with this process.
        return Inline(work.objective, work.checkpoints, guarded=work.logs is not None)


class InWorkerProcesses:
    """Runs each trial in a worker process under a guard, `n_workers` at once."""

    name: ClassVar[str] = PROCESSES

    def check(self, work: Work) -> None:
        """Raise ArgumentError for too many workers or too few GPUs."""
        whole("n_workers", work.n_workers, 1, _MOST_WORKERS)
        if work.gpus_per_trial is not None:
            assign(work.gpus_per_trial, work.n_workers)

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """Kill the worker processes and what they started."""
        reap_processes(workers)

    def start(self, work: Work) -> Executor:
        """Return `Processes`; raises ObjectiveError if the objective can't travel to a process."""
        from rung.execution.processes import Processes
        from rung.execution.worker.handle import cores

        share = work.gpus_per_trial
        gpus = None if share is None else assign(share, work.n_workers)
        waits = share is not None or isinstance(work.objective.function, Command)
        if not waits and work.n_workers > _MANY * cores():
            logger.warning("n_workers=%d on %d cores: trials that compute will wait for each other",
                           work.n_workers, cores())  # fmt: skip
        try:
            return Processes(work.objective, work.n_workers, work.logs, work.checkpoints, gpus)
        except ObjectiveError as error:
            if work.limits:
                raise ObjectiveError(f"{work.limits[0]} needs a worker process, but {error}") from error
            raise


def _remote() -> Backend:
    from rung.execution.remote import Remote

    return Remote()


EXECUTORS: Registry[Backend] = Registry(
    "executor",
    {INLINE: InThisProcess, PROCESSES: InWorkerProcesses, "remote": _remote},
    ("check", "reap", "start"),
)


def backend_for(work: Work, executor: str | Backend | None) -> Backend:
    """Return the backend that was asked for; by default this process for one worker without limits."""
    if executor is None:
        executor = "inline" if work.n_workers == 1 and not work.limits else "processes"
    backend = EXECUTORS.of(executor)
    backend.check(work)
    return backend


def reap(workers: Sequence[WorkerStarted], ended: bool, backend: Backend | None = None) -> None:
    """End what is left of a dead coordinator's workers, each by the backend that it names.

    That is `backend`, or one of EXECUTORS.
    """
    by_name: dict[str, list[WorkerStarted]] = {}
    for worker in workers:
        by_name.setdefault(worker.backend, []).append(worker)
    for name, its in by_name.items():
        if backend is not None and backend.name == name:
            backend.reap(its, ended=ended)
        elif name in EXECUTORS:
            EXECUTORS[name]().reap(its, ended=ended)
        else:
            logger.warning("%d workers of executor %s, which is not known here, may still run; give it as "
                           "executor=, or end them yourself", len(its), brief(name))  # fmt: skip
