"""What every executor must do: `check_executor(make)`, for rung's own and for a user's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rung.execution.base import AttemptId, End, Executor, Job, Message, Report, WorkerUp
from rung.execution.work import Backend, Work
from rung.objectives.checkpoints import FolderStore
from rung.objectives.function import Objective
from rung.objectives.trial import RunningTrial
from rung.space import Config
from rung.study.decoding import decode
from rung.study.events import Outcome, Verdict, WorkerStarted

_PATIENCE = 60.0
"""Seconds in which a message must come."""


def check_executor(make: Callable[[], Backend]) -> None:
    """Raise AssertionError, naming the promise, unless the executors of a backend do what rung relies on.

    Parameters
    ----------
    make : callable
        Returns the backend: its class, if that needs no arguments.

    Examples
    --------
    >>> from rung.execution.backends import InThisProcess
    >>> check_executor(InThisProcess)
    """
    for promise in (_results, _answers, _failures, _pauses, _reaps):
        with TemporaryDirectory(prefix="rung-", ignore_cleanup_errors=True) as folder:
            promise(make(), Path(folder))


class _Talk:
    """An executor and all that it has said; a stand-in for the coordinator."""

    def __init__(self, executor: Executor, verdict: Callable[[Report], Verdict]) -> None:
        self.executor, self.verdict, self.said = executor, verdict, list[Message]()
        executor.deliver = self._take

    def _take(self, messages: object) -> None:
        assert isinstance(messages, list | tuple), f"poll gave {messages!r}, no list or tuple of messages"
        for message in messages:
            self.said.append(message)
            if isinstance(message, Report):
                self.executor.answer(message, self.verdict(message))

    def run(self, *jobs: Job) -> dict[AttemptId, End]:
        """Submit the jobs, at most `capacity` at once, and return the end of each."""
        waiting, running, ends = list(jobs), 0, dict[AttemptId, End]()
        deadline = time.monotonic() + _PATIENCE
        while waiting or running:
            while waiting and running < self.executor.capacity:
                self.executor.submit(waiting.pop(0))
                running += 1
            before = len(self.said)
            self._take(self.executor.poll(1.0))
            for message in self.said[before:]:
                if isinstance(message, End):
                    assert message.id not in ends, f"{message.id} ended twice"
                    ends[message.id] = message
                    running -= 1
            assert time.monotonic() < deadline, f"no end of {running} jobs within {_PATIENCE:g} s"
        assert {job.id for job in jobs} == ends.keys(), "a job has no end, or an end no job"
        return ends

    def reports(self, job: Job) -> list[Report]:
        return [m for m in self.said if isinstance(m, Report) and m.id == job.id]


@contextmanager
def _talking(
    backend: Backend,
    folder: Path,
    objective: Callable[..., object],
    verdict: Callable[[Report], Verdict] = lambda _: Verdict.CONTINUE,
) -> Iterator[_Talk]:
    store = FolderStore(folder / "trials")
    work = Work(Objective.bind(objective, ("x",), ("y",)), checkpoints=store, logs=folder / "logs")
    backend.check(work)
    before = time.monotonic()
    with closing(backend.start(work)) as executor:
        clock = executor.now()
        yield _Talk(executor, verdict)
        passed = executor.now() - clock
        assert 0 <= passed <= time.monotonic() - before + 1, "its clock does not count seconds"


def _jobs(n: int) -> list[Job]:
    return [Job(AttemptId(i, 1), {"x": float(i)}, seed=i, max_resource=3) for i in range(n)]


def _square(config: Config) -> float:
    return float(config["x"]) ** 2  # type: ignore[arg-type]


def _results(backend: Backend, folder: Path) -> None:
    with _talking(backend, folder, _square) as talk:
        for attempt, end in talk.run(*_jobs(5)).items():
            assert end.outcome == Outcome.COMPLETED, f"{attempt}: {end.outcome}, {end.reason}"
            assert end.metrics["y"] == attempt.trial**2, f"{attempt}: another trial's result"


def _train(config: Config, trial: RunningTrial) -> None:
    for epoch in range(1, 4):
        trial.report(epoch=epoch, y=float(config["x"]) + epoch)  # type: ignore[arg-type]


def _answers(backend: Backend, folder: Path) -> None:
    with _talking(backend, folder, _train) as talk:
        (job,) = _jobs(1)
        end = talk.run(job)[job.id]
        reports = talk.reports(job)
        assert end.outcome == Outcome.COMPLETED, f"{end.outcome}, {end.reason}"
        assert [r.number for r in reports] == [1, 2, 3], f"reports {[r.number for r in reports]}, not 1, 2, 3"
        assert [r.metrics["y"] for r in reports] == [1.0, 2.0, 3.0], "reports with other metrics"


def _raise(config: Config) -> float:
    raise RuntimeError(f"no luck with {config['x']}")


def _failures(backend: Backend, folder: Path) -> None:
    with _talking(backend, folder, _raise) as talk:
        for attempt, end in talk.run(*_jobs(2)).items():
            assert end.outcome == Outcome.FAILED, f"{attempt} raised, and is {end.outcome}"
            assert "no luck" in end.reason, f"{attempt}: the reason is {end.reason!r}"


def _reaps(backend: Backend, folder: Path) -> None:
    with _talking(backend, folder, _square) as talk:
        talk.run(*_jobs(2))
    workers = [
        WorkerStarted(id=f"w{up.worker}", t=0.0, worker=up.worker, backend=up.backend, identity=up.identity)
        for up in talk.said
        if isinstance(up, WorkerUp)
    ]
    for worker in workers:
        assert worker.backend == backend.name, f"a worker of {worker.backend!r}, not of {backend.name!r}"
        body = json.loads(json.dumps(worker.body()))
        assert decode(worker.kind, worker.id, worker.t, body) == worker, "its identity is not what JSON keeps"
    made_up = [replace(worker, identity={"made": "up"}) for worker in workers]
    for several in ([], workers, workers, made_up):
        try:
            backend.reap(several, ended=False)
        except Exception as error:
            raise AssertionError(f"reap raised {error!r} for workers that are not there") from error


def _pauses(backend: Backend, folder: Path) -> None:
    with _talking(backend, folder, _train, lambda _: Verdict.STOP) as talk:
        (job,) = _jobs(1)
        talk.run(job)
        assert len(talk.reports(job)) == 1, "a trial went on after STOP"
