"""Workers placed by Slurm."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, ClassVar

from rung.execution.node.crew import hold
from rung.execution.node.nodes import Nodes
from rung.execution.node.placed import installed, manned, remote
from rung.execution.work import Work
from rung.study.events import WorkerStarted

_ASK = 2.0
"""Seconds between two questions to Slurm."""


class Slurm:
    """Slurm runs `n_workers` workers, each a job; trials report to rung's own port.

    A job that ends, at its time limit or as another needs its place, is replaced by a new one. A minute
    before the time limit its trial goes on elsewhere, from the next report.

    Parameters
    ----------
    folder : str
        Where submitit keeps what jobs print, on a file system that all machines see; readable by you alone,
        as jobs find the token there.
    cpus_per_trial : int
        What each worker asks of Slurm; GPUs are the study's `gpus_per_trial`.
    listen : str, optional
        HOST:PORT where workers join; by default a free port on the address of this machine's name.
    token, lease
        As in `Remote`.
    **parameters
        As submitit has them: `slurm_partition="gpu"`, `timeout_min=240`, `slurm_additional_parameters={...}`.
    """

    name: ClassVar[str] = "slurm"

    def __init__(
        self,
        folder: str = "rung_slurm",
        *,
        cpus_per_trial: int = 1,
        listen: str | None = None,
        token: str | None = None,
        lease: str | float | timedelta = "30s",
        **parameters: Any,
    ) -> None:
        self._folder, self._cpus, self._parameters = folder, cpus_per_trial, parameters
        self._listen, self._token, self._lease = listen, token, lease

    def check(self, work: Work) -> None:
        """Raise ArgumentError if submitit is not installed, or nothing can listen."""
        installed("submitit", self.name)
        self._remote().check(work)

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """Do nothing: workers whose coordinator is gone end, and with them their jobs."""

    def start(self, work: Work) -> Nodes:
        """Have jobs submitted."""
        jobs = _Jobs(self._folder, self._cpus, work.gpus_per_trial, self._parameters)
        return manned(self._remote(), jobs, work, self.name)

    def _remote(self) -> Any:
        try:
            host = socket.gethostbyname(socket.gethostname())
        except OSError:
            host = "127.0.0.1"
        return remote(self._listen, host, self._token, self._lease)


class _Jobs:
    def __init__(self, folder: str, cpus: int, gpus: float | None, parameters: Mapping[str, Any]) -> None:
        from pathlib import Path

        import submitit

        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._states: dict[str, str] = {}
        self._asked = 0.0
        self._executor = submitit.AutoExecutor(folder=folder)
        asked: dict[str, Any] = {"name": "rung", "cpus_per_task": cpus, "slurm_additional_parameters": {}}
        if gpus:
            asked["gpus_per_node"] = int(gpus)
        self._executor.update_parameters(**{**asked, **parameters})

    def place(self, arguments: Sequence[str], env: Mapping[str, str]) -> Any:
        job = self._executor.submit(hold, list(arguments), dict(env))
        self._asked = 0.0
        return job

    def ended(self, job: Any) -> str:
        if self._state(job):
            return ""
        said = (job.stderr() or "").strip().splitlines()
        return f"job {job.job_id} has ended{': ' + said[-1] if said else ''}"

    def waits(self, job: Any) -> str:
        state = self._state(job)
        return f"job {job.job_id}: {state}" if state.startswith("PENDING") else ""

    def remove(self, job: Any) -> None:
        job.cancel(check=False)

    def close(self) -> None:
        """Nothing was opened."""

    def _state(self, job: Any) -> str:
        """State and reason, as Slurm says them; "" of a job that is over."""
        if monotonic() > self._asked + _ASK:
            command = ["squeue", "--me", "--noheader", "--format=%A %T (%r)"]
            try:
                asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
            except (OSError, subprocess.SubprocessError):  # a controller that is away for a while
                return "UNKNOWN"
            self._asked = monotonic()
            self._states = dict(line.split(" ", 1) for line in asked.stdout.splitlines())
        return self._states.get(str(job.job_id), "")
