"""A workshop for schedulers: studies in virtual time where everything goes wrong, and a check of each decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from simulation import SPACE, Simulation

from rung.execution.base import End, Job
from rung.settings import Settings
from rung.study.algorithm import Problem
from rung.study.events import AttemptEnded, AttemptStarted, Outcome
from rung.study.history import History
from rung.study.metrics import Goals
from rung.study.state import StudyState

R = 9


class Doubled:
    """A scheduler asked twice, and once more without the caches that its history keeps."""

    def __init__(self, make):
        self.make, self.running = make, make()

    def next(self, history, propose):
        action = self.running.next(history, propose)
        assert self.make().next(History(history._state), propose) == action
        assert self.running.next(history, propose) == action, "asking twice changes nothing"
        return action

    def judge(self, history, trial):
        verdict = self.running.judge(history, trial)
        assert self.make().judge(History(history._state), trial) == verdict
        assert self.running.judge(history, trial) == verdict, "asking twice changes nothing"
        self.running.next(history, lambda: None)
        assert self.running.judge(history, trial) == verdict, "nor does asking something else in between"
        return verdict

    def check(self, problem):
        self.running.check(problem)

    def to_json(self):
        return self.running.to_json()


class Lab:
    """What tests of schedulers share."""

    Doubled = Doubled
    R = R

    @staticmethod
    def chaos(seed, faults=0.05, sign=1.0, r=R):
        """Noisy falling curves with ties, random durations, losses and failures."""

        def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
            rng = np.random.default_rng([seed, job.id.trial, job.id.attempt])
            for epoch in range(job.start_resource + 1, r + 1):
                seconds = float(rng.exponential())
                if rng.random() < faults:
                    yield (
                        seconds,
                        End(job.id, str(rng.choice([Outcome.LOST, Outcome.FAILED])), reason="chaos"),
                    )
                    return
                noise = np.random.default_rng([seed, job.id.trial, epoch]).normal(0, 0.1)
                yield seconds, {"y": sign * float(np.round(job.config["x"] + 1 / epoch + noise, 1))}
            if rng.random() < 2 * faults:
                yield 0.5, End(job.id, Outcome.FAILED, reason="chaos at the end")

        return curve

    @staticmethod
    def problem(max_resource):
        return Problem(SPACE, Goals.of("y"), max_resource)

    @staticmethod
    def simulation(
        scheduler, curve, *, n_trials=20, capacity=3, timeout=None, seed=0, mode="min", r=R, **more
    ):
        settings = Settings.of(n_trials=n_trials, timeout=timeout, max_resource=r, max_failures=10**6)
        scheduler.check(Lab.problem(r))
        return Simulation(
            curve, capacity=capacity, scheduler=scheduler, settings=settings, grace=0.1, max_resource=r, seed=seed,
            goals=Goals.of("y", mode), **more,
        )  # fmt: skip

    @staticmethod
    def idle(log, capacity):
        """The moments at which a worker stood idle though the study went on: (time, trials created)."""
        found, busy, created, last = [], 0, 0, 0.0
        for event in log:
            if event.t > last and busy < capacity:
                found.append((last, created))
            last = event.t
            busy += isinstance(event, AttemptStarted) - isinstance(event, AttemptEnded)
            created += event.kind == "TrialCreated"
        return found

    @staticmethod
    def replay(simulation) -> StudyState:
        return StudyState.replay(simulation.log)


@pytest.fixture(scope="session")
def lab():
    return Lab
