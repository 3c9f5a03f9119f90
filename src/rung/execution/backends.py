"""Where the trials of a study run: the door to executors, this library's and a user's own.

An executor is added by a class with `name`, `check`, `reap` and `start`, and one line in EXECUTORS; one of a
user's own is handed to `rung.tune(executor=...)` as an object.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import ClassVar

from rung._registry import Registry
from rung._text import brief
from rung.errors import ArgumentError, ObjectiveError
from rung.execution.base import Executor
from rung.execution.work import Backend, Work
from rung.execution.worker.gpus import assign
from rung.execution.worker.leftovers import INLINE, PROCESSES
from rung.execution.worker.leftovers import reap as reap_processes
from rung.objectives.command import Command
from rung.study.budget import whole
from rung.study.events import WorkerStarted

_MOST_WORKERS = 1024
"""Processes that one machine may be asked for."""
_MANY = 4
"""Workers for each core that are probably a mistake, unless they use GPUs or wait for programs."""

logger = logging.getLogger("rung")


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


def _imported(name: str) -> Callable[[], Backend]:
    """What makes an executor whose module is imported when it is asked for."""

    def make() -> Backend:
        made: Backend = getattr(import_module(f"rung.execution.{name}"), name.capitalize())()
        return made

    return make


EXECUTORS: Registry[Backend] = Registry(
    "executor",
    {
        INLINE: InThisProcess,
        PROCESSES: InWorkerProcesses,
        **{name: _imported(name) for name in ("remote", "ray", "slurm", "dask")},
    },
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
