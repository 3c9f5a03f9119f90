"""The coordinator dies at every possible point of a study: before and after each append and each command."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from simulation import Simulation

from rung.execution.simulator import Simulator
from rung.settings import Settings
from rung.storage import Lease, MemoryStorage
from rung.study.events import AttemptEnded, Event
from rung.testing import check_log


class Died(BaseException):
    """The process is gone."""


class Mortal(MemoryStorage):
    """Dies at the n-th point; a point lies before and after each append."""

    def __init__(self) -> None:
        super().__init__()
        self.points = 0
        self.die_at = -1

    def point(self) -> None:
        self.points += 1
        if self.points == self.die_at:
            raise Died

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        self.point()
        count = super().append(lease, events)
        self.point()
        return count


def mortal_executor(storage: Mortal) -> type[Simulator]:
    class MortalExecutor(Simulator):
        def submit(self, job):
            storage.point()
            super().submit(job)

        def answer(self, report, verdict):
            storage.point()
            super().answer(report, verdict)

    return MortalExecutor


def run(monkeypatch: pytest.MonkeyPatch, die_at: int) -> tuple[Simulation, Mortal, int]:
    """Run a study whose coordinator dies at point `die_at`, then run it again to its end."""
    storage = Mortal()
    simulation = Simulation(capacity=2, settings=Settings.of(n_trials=5), storage=storage, seed=5)
    monkeypatch.setattr("simulation.Simulator", mortal_executor(storage))
    storage.die_at = die_at
    deaths = 0
    try:
        simulation.run()
    except Died:
        deaths = 1
        simulation.run()
    return simulation, storage, deaths


def test_a_death_at_every_point_loses_and_doubles_nothing(monkeypatch):
    unbroken, storage, deaths = run(monkeypatch, -1)
    assert deaths == 0
    configs = [t.config for t in check_log(unbroken.log).trials]
    for point in range(1, storage.points + 1):
        simulation, _, deaths = run(monkeypatch, point)
        assert deaths == 1
        state = check_log(simulation.log, n_trials=5, capacity=2)
        assert [t.config for t in state.trials] == configs
        assert [t.status for t in state.trials] == ["completed"] * 5
        ends = [e for e in simulation.log if isinstance(e, AttemptEnded) and e.outcome == "completed"]
        assert len(ends) == 5
