"""A workshop for schedulers: studies in virtual time where everything goes wrong, and a check of each decision."""

from __future__ import annotations

import pytest
from simulation import SPACE, Simulation

from rung.settings import Settings
from rung.study.algorithm import Problem
from rung.study.events import AttemptEnded, AttemptStarted
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.testing.schedulers import AskedAgain, chaos

R = 9


class Lab:
    """What tests of schedulers share."""

    Doubled = AskedAgain
    chaos = staticmethod(chaos)
    R = R

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
