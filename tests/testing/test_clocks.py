"""Clocks that stall, jump and lie change no decision and end no study early."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest
from simulation import Simulation

from rung.execution.simulator import Simulator
from rung.settings import Settings
from rung.testing.faults import Setting, World

pytestmark = pytest.mark.unmeasured


def settings(seeds: range) -> list[Setting]:
    """Studies without a timeout, and without PBT: that one goes by who has waited longest."""
    drawn = [replace(Setting.draw(seed), clock=False, sqlite=False) for seed in seeds]
    return [
        replace(setting, rates={k: v for k, v in setting.rates.items() if k != "timeout"})
        for setting in drawn
        if setting.scheduler().to_json()["name"] != "pbt"
    ]


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 120), marks=pytest.mark.slow)])
def test_a_clock_that_stalls_and_jumps_changes_no_decision(seeds):
    for setting in settings(seeds):
        erring = World(replace(setting, clock=True))
        assert erring.run().digest() == World(setting).run().digest(), setting.seed


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 120), marks=pytest.mark.slow)])
def test_the_time_of_day_is_decoration(monkeypatch, seeds):
    for setting in settings(seeds):
        with monkeypatch.context() as patch:
            steady = World(setting)
            steady.run()
            now = time.time()
            jumps = itertools.cycle([now, now - 86400, now + 86400, now + 3600, 1.0])
            patch.setattr("time.time", lambda jumps=jumps: next(jumps))
            jumping = World(setting)
            jumping.run()
        assert [(e.id, e.t) for e in jumping.log] == [(e.id, e.t) for e in steady.log]
        assert jumping.state.digest() == steady.state.digest()


def test_a_suspended_machine_ends_no_study_early(monkeypatch):
    class Suspended(Simulator):
        """Its clock stands still for 100 s at its fourth second."""

        def now(self):
            true = super().now()
            return min(true, 4.0) if true < 104.0 else true - 100.0

    def run() -> str:
        return Simulation(settings=Settings.of(n_trials=10, timeout=10.0)).run().ended

    assert run() == "timeout"  # the trials take 15 s
    monkeypatch.setattr("simulation.Simulator", Suspended)
    assert run() == "done"  # what is done meanwhile takes none of the study's time
