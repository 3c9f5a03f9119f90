"""A pool of persistent worker processes, each under a guard."""

from __future__ import annotations

import contextlib
import logging
import pickle
import selectors
import socket
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic  # bound now: an objective may patch the module

from rung.errors import WorkerError
from rung.execution.base import AttemptId, Deliver, End, Job, Log, Message, Report, WorkerUp
from rung.execution.worker import memory, pickling
from rung.execution.worker.frames import Broken, Hello, Ready, Said
from rung.execution.worker.handle import Worker, environments
from rung.execution.worker.leftovers import PROCESSES, Identity, kill_leftovers
from rung.objectives.checkpoints import CheckpointStore
from rung.objectives.function import Objective
from rung.objectives.guard import PATIENCE, how_it_ended
from rung.study.events import Outcome, Verdict
from rung.study.sizes import size_text

logger = logging.getLogger("rung")

_STARTS = 3
"""Workers in a row that may die before they are ready."""
_LOOK = 0.2
"""Seconds between two looks at the memory of trials that have a limit."""
_LONGEST_WAIT = 86_400.0
"""Seconds of one wait for workers; then it is waited again."""
_TOGETHER = 0.001
"""Seconds to wait, after a slow turn, for others who may report: storing is paid once for all of them."""
_SLOW = 2 * _TOGETHER
"""Seconds from one `poll` to the next that are slow, as they are where a disk takes its time."""


class Processes:
    """Runs `n_workers` attempts at once, each in a process that outlives the attempt.

    A worker that dies takes only its attempt with it; another one takes its place. Workers get an equal
    share of the cores for the threads of BLAS and PyTorch, unless the environment says otherwise, and their
    GPUs if `gpus` gives each worker's CUDA_VISIBLE_DEVICES.
    """

    deliver: Deliver | None = None

    def __init__(
        self,
        objective: Objective | bytes,
        n_workers: int,
        logs: Path | None = None,
        store: CheckpointStore | None = None,
        gpus: Sequence[str] | None = None,
    ) -> None:
        # `logs` gets what workers print, `store` the checkpoints; an objective may be pickled already.
        pickled = objective if isinstance(objective, bytes) else pickling.dumps(objective)
        self._objective = pickle.dumps((pickled, store))
        self._capacity = n_workers
        self._logs = logs
        self._environments = environments(n_workers, gpus)
        self._selector = selectors.DefaultSelector()
        self._jobs: deque[Job] = deque()
        self._messages: list[Message] = []
        self._workers: dict[int, Worker] = {}
        self._greeted: list[Worker] = []
        """Those whose start is not stored yet."""
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

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """See `Executor`."""
        worker = self._worker_of(report.id)
        if worker is not None and worker.talk is not None:
            worker.talk.waiting = False
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

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """See `Executor`; raises WorkerError when no worker can be started."""
        # What the last call handed out is stored by now. A worker gets the objective, and so runs code that
        # may start processes, once the log knows it: else nobody could find them after a kill.
        for worker in self._greeted:
            worker.send(self._objective)
        self._greeted.clear()
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

    def watch(self, line: int) -> None:
        """Have `poll` return when there is something to read on this descriptor of the caller's, too."""
        self._selector.register(line, selectors.EVENT_READ, None)

    def ignore(self, line: int) -> None:
        """Watch it no more."""
        self._selector.unregister(line)

    def _hear_until(self, deadline: float | None) -> bool:
        """Take in what comes first; False once it is time, or when `interrupt` was called."""
        self._enforce_limits()
        patience = self._patience(deadline)
        # The system counts a wait in milliseconds of 31 bits, which is 25 days.
        ready = self._selector.select(None if patience is None else min(patience, _LONGEST_WAIT))
        # What a worker said comes before the news of its death.
        for key, _ in sorted(
            ready, key=lambda item: item[0].data is not None and item[0].data[1] == "control"
        ):
            self._serve(key)
        over = not ready and deadline is not None and self.now() >= deadline
        return not over and not any(key.data is None for key, _ in ready)

    def _others_work(self) -> bool:
        """Whether a worker has a job and does not wait for an answer."""
        waiting = sum(isinstance(message, Report | Log) for message in self._messages)
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
        last = monotonic() + 2 * PATIENCE
        for worker in workers:
            _wait_for_guard(worker, last)
        kill_leftovers([w.identity for w in workers if w.identity is not None and w.guard.returncode])
        self._workers.clear()
        self._selector.close()
        self._wake.close()
        self._waker.close()

    # ---- workers

    def _add_worker(self, place: int) -> None:
        try:
            if self._logs is not None:
                self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
            worker = Worker(self._started, place, self._environments[place], self._logs)
        except OSError as error:
            raise WorkerError(f"a worker process can't be started: {error}") from error
        self._started += 1
        self._workers[worker.number] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, (worker, "channel"))
        self._selector.register(worker.control, selectors.EVENT_READ, (worker, "control"))

    def _worker_of(self, attempt: AttemptId) -> Worker | None:
        return next((w for w in self._workers.values() if w.job is not None and w.job.id == attempt), None)

    def _assign(self) -> None:
        free = sum(worker.job is None and worker.fate is None for worker in self._workers.values())
        if len(self._workers) < self._capacity and free < len(self._jobs):
            # One that was stopped is not replaced before.
            taken = {worker.place for worker in self._workers.values()}
            self._add_worker(min(set(range(self._capacity)) - taken))
        for worker in self._workers.values():
            if self._jobs and worker.is_free:
                job = self._jobs.popleft()
                if job.timeout is not None:
                    why = f"it ran longer than the {job.timeout:.4g} s that trial_timeout left it"
                    worker.deadlines.append((self.now() + job.timeout, (Outcome.FAILED, why)))
                worker.start(job)

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            if key.fileobj is self._wake:
                self._wake.recv(4096)
            return
        worker, which = key.data
        if worker.number not in self._workers:
            return
        if which == "control":
            self._bury(worker)
            return
        self._listen(worker)
        if worker.channel.ended or not worker.trusted:
            self._selector.unregister(worker.channel)  # its guard will tell how it died

    def _listen(self, worker: Worker) -> None:
        for said in worker.says():
            self._hear(worker, said)

    def _hear(self, worker: Worker, said: Said) -> None:
        match said:
            case Hello(pid):
                worker.identity = Identity.of(pid, worker.guard.pid)
                self._messages.append(WorkerUp(worker.number, PROCESSES, asdict(worker.identity)))
                self._greeted.append(worker)
            case Ready():
                worker.ready, self._failed_starts = True, 0
                self._assign()
            case Broken(traceback):
                raise WorkerError(
                    f"the objective can't be loaded in a worker process:\n{traceback}"
                    "(a module that only this process can import: put its folder on PYTHONPATH, or call "
                    "cloudpickle.register_pickle_by_value(module))"
                )
            case Report() | Log():
                if worker.talk is not None:
                    worker.talk.take(said)
                self._messages.append(said)
            case End():
                self._messages.append(said)
                worker.talk, worker.deadlines = None, []
                self._assign()

    def _bury(self, worker: Worker) -> None:
        status = worker.status()
        self._listen(worker)
        del self._workers[worker.number]
        for item in (worker.channel, worker.control):
            with contextlib.suppress(KeyError):
                self._selector.unregister(item)
        worker.close()
        _wait_for_guard(worker, monotonic() + PATIENCE)
        how = "its guard was killed" if status is None else how_it_ended(status)
        if status is None and worker.identity is not None:  # nobody else ends the worker's children then
            kill_leftovers([worker.identity])
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
            if worker.overdue is not None and now >= worker.overdue:
                worker.kill_guard()
        if now >= self._looked + _LOOK and (limits := self._memory_limits()):
            self._look_at_memory(limits)
            self._looked = self.now()

    def _memory_limits(self) -> dict[int, int]:
        """The bytes that a trial may hold, by the guard of its worker, where there is a limit."""
        running = ((w.guard.pid, w.job) for w in self._workers.values() if w.job and not w.fate)
        return {guard: job.memory for guard, job in running if job.memory}

    def _look_at_memory(self, limits: dict[int, int]) -> None:
        workers = {worker.guard.pid: worker for worker in self._workers.values()}
        for guard, size in memory.exceeding(limits).items():
            why = f"it held {size_text(size)} of memory, more than trial_memory={size_text(limits[guard])}"
            workers[guard].kill((Outcome.FAILED, why), at_once=True)

    def _patience(self, deadline: float | None) -> float | None:
        ends = [at for worker in self._workers.values() for at, _ in worker.deadlines]
        ends += [worker.overdue for worker in self._workers.values() if worker.overdue is not None]
        if self._memory_limits():
            ends.append(self._looked + _LOOK)
        if deadline is not None:
            ends.append(deadline)
        return max(0.0, min(ends) - self.now()) if ends else None


def _wait_for_guard(worker: Worker, until: float) -> None:
    try:
        worker.guard.wait(max(0.0, until - monotonic()))
    except subprocess.TimeoutExpired:
        worker.kill_guard()
        worker.guard.wait()
