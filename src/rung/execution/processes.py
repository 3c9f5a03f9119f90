"""A pool of persistent worker processes, each under a guard."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import monotonic  # bound now: an objective may patch the module
from typing import Any

from rung.errors import WorkerError
from rung.execution import _gpus, _guard, _memory, _pickling
from rung.execution._channel import Channel
from rung.execution._checkpoints import Checkpoints
from rung.execution._leftovers import boot_id, kill_leftovers, start_time
from rung.execution.base import AttemptId, End, Job, Message, Report, WorkerUp
from rung.execution.objective import Objective
from rung.study.events import Outcome, Verdict
from rung.study.sizes import size_text

logger = logging.getLogger("rung")

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from rung.execution._worker import main; main(*map(int, [sys.argv[1], *sys.argv[3:]]))"
)
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_STARTS = 3
"""Workers in a row that may die before they are ready."""
_LOOK = 0.2
"""Seconds between two looks at the memory of trials that have a limit."""
_TOGETHER = 0.001
"""Seconds to wait, after a slow turn, for others who may report: storing is paid once for all of them."""
_SLOW = 2 * _TOGETHER
"""Seconds from one `poll` to the next that are slow, as they are where a disk takes its time."""
_Fate = tuple[Outcome, str]
"""How an attempt is to end that is ended by force, and why."""


class _Worker:
    """The coordinator's side of one worker process and its guard."""

    def __init__(self, number: int, place: int, environment: dict[str, str], logs: Path | None) -> None:
        self.number, self.place = number, place
        self.ready = False
        self.up: WorkerUp | None = None
        self.job: Job | None = None
        self.deadlines: list[tuple[float, _Fate]] = []
        """When the attempt is to be ended by force."""
        self.fate: _Fate | None = None
        """Set when it is being ended."""
        control, guard_end = socket.socketpair()
        channel, worker_end = socket.socketpair()
        with contextlib.ExitStack() as ends:
            ends.enter_context(guard_end)
            ends.enter_context(worker_end)
            self.guard = subprocess.Popen(
                [sys.executable, "-I", "-S", _guard.__file__,
                 str(guard_end.fileno()), str(worker_end.fileno()), str(logs or ""), f"worker-{number}",
                 sys.executable, "-P", "-c", _BOOT, str(worker_end.fileno()), _search_path()],
                stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
                pass_fds=(guard_end.fileno(), worker_end.fileno()),
            )  # fmt: skip
        self.control, self.channel = control, Channel(channel)

    def send(self, frame: bytes) -> None:
        # A worker that just died is noticed by its guard; there is nothing to do here.
        with contextlib.suppress(OSError):
            self.channel.send(frame)

    @property
    def stopping(self) -> bool:
        return self.fate is not None and self.fate[0] is Outcome.INTERRUPTED

    def kill(self, fate: _Fate | None = None, *, at_once: bool = False) -> None:
        self.fate, self.deadlines = self.fate or fate, []
        with contextlib.suppress(OSError):
            self.control.send(b"K" if at_once else b"k")

    def close(self) -> None:
        self.channel.close()
        self.control.close()


class Processes:
    """Runs `n_workers` attempts at once, each in a process that outlives the attempt.

    A worker that dies takes only its attempt with it; another one takes its place. Workers get an equal
    share of the cores for the threads of BLAS and PyTorch, unless the environment says otherwise, and their
    GPUs if `gpus` gives each worker's CUDA_VISIBLE_DEVICES.
    """

    def __init__(
        self,
        objective: Objective,
        n_workers: int,
        logs: Path | None = None,
        trials: Path | None = None,
        gpus: Sequence[str] | None = None,
    ) -> None:
        # `logs` gets what workers print, `trials` the checkpoints.
        self._objective = pickle.dumps((_pickling.dumps(objective), trials))
        self._capacity = n_workers
        self._logs = logs
        self._trials = trials
        self._environments = _environments(n_workers, gpus)
        self._selector = selectors.DefaultSelector()
        self._jobs: deque[Job] = deque()
        self._messages: list[Message] = []
        self._workers: dict[int, _Worker] = {}
        self._started = 0
        self._failed_starts = 0
        self._looked = self._returned = self.now()
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        try:
            for place in range(n_workers):
                self._add_worker(place)
        except BaseException:
            self.close()
            raise

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        return self._capacity

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return monotonic()

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        self._jobs.append(job)
        self._assign()

    def answer(self, report: Report, verdict: Verdict) -> None:
        """See `Executor`."""
        worker = self._worker_of(report.id)
        if worker is not None:
            worker.send(verdict.value.encode())

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """See `Executor`."""
        for job in [j for j in self._jobs if j.id == attempt]:
            self._jobs.remove(job)
            self._messages.append(End(attempt, Outcome.INTERRUPTED))
        worker = self._worker_of(attempt)
        if worker is not None:
            worker.deadlines.append(
                (self.now() + grace, (Outcome.INTERRUPTED, f"no report within {grace:g} s"))
            )

    def discard(self, trial: int) -> None:
        """See `Executor`."""
        if self._trials is not None:
            Checkpoints(self._trials, trial).discard()

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """See `Executor`; raises WorkerError when no worker can be started."""
        deadline = None if timeout is None else self.now() + timeout
        slow = self.now() - self._returned > _SLOW
        while not self._messages and self._hear_until(deadline):
            pass
        together = self.now() + _TOGETHER
        while slow and self._messages and self._others_work() and self._hear_until(together):
            pass
        messages, self._messages = self._messages, []
        self._returned = self.now()
        return messages

    def _hear_until(self, deadline: float | None) -> bool:
        """Take in what comes first; False once it is time, or when `interrupt` was called."""
        self._enforce_limits()
        ready = self._selector.select(self._patience(deadline))
        # What a worker said comes before the news of its death.
        for key, _ in sorted(
            ready, key=lambda item: item[0].data is not None and item[0].data[1] == "control"
        ):
            self._serve(key)
        over = not ready and deadline is not None and self.now() >= deadline
        return not over and not any(key.data is None for key, _ in ready)

    def _others_work(self) -> bool:
        """Whether a worker has a job and does not wait for an answer."""
        waiting = sum(isinstance(message, Report) for message in self._messages)
        return waiting < sum(worker.job is not None for worker in self._workers.values())

    def interrupt(self) -> None:
        """See `Executor`."""
        with contextlib.suppress(OSError):
            self._waker.send(b"i")

    def close(self) -> None:
        """End all workers: idle ones by asking, busy ones by force. No process is left behind."""
        workers = list(self._workers.values())
        polite = monotonic() + 2.0
        for worker in workers:
            (worker.control if worker.job else worker.channel).close()
        for worker in workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.guard.wait(max(0.0, polite - monotonic()))
            worker.close()
        for worker in workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.guard.wait(2 * _guard.PATIENCE)
        kill_leftovers([worker.up for worker in workers if worker.up is not None and worker.guard.returncode])
        self._workers.clear()
        self._selector.close()
        self._wake.close()
        self._waker.close()

    # ---- workers

    def _add_worker(self, place: int) -> None:
        if self._logs is not None:
            self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            worker = _Worker(self._started, place, self._environments[place], self._logs)
        except OSError as error:
            raise WorkerError(f"a worker process can't be started: {error}") from error
        self._started += 1
        self._workers[worker.number] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, (worker, "channel"))
        self._selector.register(worker.control, selectors.EVENT_READ, (worker, "control"))

    def _worker_of(self, attempt: AttemptId) -> _Worker | None:
        return next((w for w in self._workers.values() if w.job is not None and w.job.id == attempt), None)

    def _assign(self) -> None:
        if len(self._workers) < min(
            self._capacity, len(self._jobs)
        ):  # one that was stopped is not replaced before
            taken = {worker.place for worker in self._workers.values()}
            self._add_worker(min(set(range(self._capacity)) - taken))
        for worker in self._workers.values():
            if self._jobs and worker.ready and worker.job is None and worker.fate is None:
                job = worker.job = self._jobs.popleft()
                if job.timeout is not None:
                    why = f"it ran longer than the {job.timeout:.4g} s that trial_timeout left it"
                    worker.deadlines.append((self.now() + job.timeout, (Outcome.FAILED, why)))
                worker.send(pickle.dumps(job))

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            self._wake.recv(4096)
            return
        worker, which = key.data
        if worker.number not in self._workers:
            return
        if which == "control":
            self._bury(worker)
            return
        self._listen(worker)
        if worker.channel.ended:
            self._selector.unregister(worker.channel)  # its guard will tell how it died

    def _listen(self, worker: _Worker) -> None:
        try:
            said = [json.loads(frame) for frame in worker.channel.available()]
        except ValueError:
            said = [None]
        if not all(isinstance(what, dict) and "what" in what for what in said):
            worker.kill()  # the objective wrote into our line
            return
        for what in said:
            self._hear(worker, what)

    def _hear(self, worker: _Worker, said: dict[str, Any]) -> None:
        match said.pop("what"):
            case "hello":
                worker.send(self._objective)
                pid = said["pid"]
                worker.up = WorkerUp(worker.number, pid, worker.guard.pid, start_time(pid), boot_id())
                self._messages.append(worker.up)
            case "ready":
                worker.ready, self._failed_starts = True, 0
                self._assign()
            case "broken":
                raise WorkerError(
                    f"the objective can't be loaded in a worker process:\n{said['traceback']}"
                    "(a module that only this process can import: put its folder on PYTHONPATH, or call "
                    "cloudpickle.register_pickle_by_value(module))"
                )
            case "report" if worker.job is not None:
                self._messages.append(Report(worker.job.id, **said))
            case "end" if worker.job is not None:
                self._messages.append(End(worker.job.id, **said))
                worker.job, worker.deadlines = None, []
                self._assign()

    def _bury(self, worker: _Worker) -> None:
        status = worker.control.recv(64)
        self._listen(worker)
        del self._workers[worker.number]
        for item in (worker.channel, worker.control):
            with contextlib.suppress(KeyError):
                self._selector.unregister(item)
        worker.close()
        worker.guard.wait()
        how = _describe(int(status)) if status else "its guard was killed"
        if not status and worker.up is not None:  # nobody else ends the worker's children then
            kill_leftovers([worker.up])
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise WorkerError(f"worker processes die before they are ready; the last one: {how}")
        if worker.job is not None:
            outcome, why = worker.fate or (Outcome.LOST, f"worker died: {how}")
            if outcome is not Outcome.INTERRUPTED:
                logger.warning("trial %d, worker %d: %s", worker.job.id.trial, worker.number, why)
            self._messages.append(End(worker.job.id, outcome, reason=why))
        if not worker.stopping:
            self._add_worker(worker.place)

    def _enforce_limits(self) -> None:
        now = self.now()
        for worker in self._workers.values():
            if worker.deadlines and now >= min(worker.deadlines)[0]:
                worker.kill(min(worker.deadlines)[1])
        if now >= self._looked + _LOOK and (limits := self._memory_limits()):
            self._look_at_memory(limits)
            self._looked = self.now()

    def _memory_limits(self) -> dict[int, int]:
        """The bytes that a trial may hold, by the guard of its worker, where there is a limit."""
        running = ((w.guard.pid, w.job) for w in self._workers.values() if w.job and not w.fate)
        return {guard: job.memory for guard, job in running if job.memory}

    def _look_at_memory(self, limits: dict[int, int]) -> None:
        workers = {worker.guard.pid: worker for worker in self._workers.values()}
        for guard, size in _memory.exceeding(limits).items():
            why = f"it held {size_text(size)} of memory, more than trial_memory={size_text(limits[guard])}"
            workers[guard].kill((Outcome.FAILED, why), at_once=True)

    def _patience(self, deadline: float | None) -> float | None:
        ends = [at for worker in self._workers.values() for at, _ in worker.deadlines]
        if self._memory_limits():
            ends.append(self._looked + _LOOK)
        if deadline is not None:
            ends.append(deadline)
        return max(0.0, min(ends) - self.now()) if ends else None


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        names = {known.value: known.name for known in signal.Signals}
        return f"killed by {names.get(number, f'signal {number}')}{hint}"
    return f"exit code {os.WEXITSTATUS(status)}"


def _search_path() -> str:
    # Tools put other things than strings there, which the import system skips.
    return json.dumps([entry for entry in sys.path if isinstance(entry, str)])


def _environments(n_workers: int, gpus: Sequence[str] | None) -> list[dict[str, str]]:
    """The environment of each worker's place; who takes a dead worker's place gets its GPUs."""
    shared = _environment(n_workers)
    return [shared] * n_workers if gpus is None else [{**shared, _gpus.VARIABLE: seen} for seen in gpus]


def _environment(n_workers: int) -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = str(max(1, cores // n_workers))
    return {**dict.fromkeys(_THREADS, share), **os.environ}
