"""The simulated studies hold their invariants, and the invariants find what is broken on purpose."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rung.engine.coordinator import Coordinator, act
from rung.engine.engine import Answer, Engine
from rung.errors import LeaseLost, StorageError
from rung.execution.base import End, Report
from rung.storage import Lease, MemoryStorage
from rung.study.events import AttemptEnded, Event, Outcome, Verdict
from rung.testing.faults import Parts, Setting, World
from rung.testing.faults.__main__ import run
from rung.testing.faults.setting import COMMON, RARE
from rung.testing.faults.storage import Broken

pytestmark = pytest.mark.unmeasured


def test_nothing_breaks():
    tally = run(range(25))
    assert not tally.broken
    assert tally.seeds == 25


def test_seeds_that_once_found_something():
    """Of 100,000: clones that were said to stand where their parents got to later, as no clock moved meanwhile."""
    seeds = (17272, 54687, 63114, 78571, 84954, 92708)
    assert not run(seeds).broken


@pytest.mark.slow
def test_nothing_breaks_in_400_seeds_of_every_fault():
    command = [sys.executable, "-m", "rung.testing.faults", "--seeds", "400", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 seeds broke an invariant" in done.stdout
    for fault in (*RARE, *COMMON):
        assert f"{fault} " in done.stdout


def test_a_seed_tells_the_same_story_again():
    def story() -> list[str]:
        told: list[str] = []
        World(Setting.draw(3), tell=told.append).run()
        return [line for line in told if "SessionStarted" not in line]  # it tells the time of day

    assert story() == story()


def test_one_command_reproduces_a_seed():
    command = [sys.executable, "-m", "rung.testing.faults", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert World(Setting.draw(3)).run().digest() in done.stdout


# ---- broken on purpose


class ActsFirst(Coordinator):
    """Acts before it logs."""

    def _commit(self, step):
        act(step, self._executor, self._discard)
        if step.events:
            self._storage.append(self._lease, step.events)


class GoesOnTorn(Coordinator):
    """Goes on with a state that is ahead of the log."""

    def step(self, messages, capacity=None):
        try:
            return super().step(messages, capacity)
        except StorageError as error:
            if isinstance(error, LeaseLost):
                raise
            self.torn = False
            return super().step((), capacity)


class BelievesTheDead(Engine):
    """Takes whatever an attempt says for the trial's current one."""

    def _receive(self, message):
        if isinstance(message, Report | End) and (open_ := self.state.open.get(message.id.trial)):
            message = replace(message, id=message.id._replace(attempt=open_.number))
        super()._receive(message)


class CountsRepeats(Engine):
    """Takes a repeated report for another one."""

    def _on_report(self, report):
        self._seen = getattr(self, "_seen", itertools.count(1000))
        super()._on_report(replace(report, number=next(self._seen)))


class AnswersRepeats(Engine):
    """Answers a repeated report, and so the next one too."""

    def _on_report(self, report):
        before = len(self._step.commands)
        super()._on_report(report)
        if len(self._step.commands) == before:
            self._step.commands.append(Answer(report, Verdict.CONTINUE))


class IgnoresLosses(Engine):
    """Never hears that a worker died."""

    def _on_end(self, end):
        if end.outcome != Outcome.LOST:
            super()._on_end(end)


class ForgetsVerdicts(Engine):
    """Lets a trial that was told to pause run again because its worker died."""

    def _on_end(self, end):
        if (open_ := self.state.open.get(end.id.trial)) and end.outcome == Outcome.LOST:
            open_.verdict = None
        super()._on_end(end)


class Overshoots(Engine):
    """Counts the trials that are finished, not those created."""

    def _propose(self):
        if sum(t.is_finished for t in self.state.trials) >= (self.settings.n_trials or 0):
            return None
        return self.searcher.suggest(self.history, self.history.stream("suggest", len(self.state.trials)))


class DiscardsAtOnce(Engine):
    """Deletes the checkpoints of paused trials too."""

    def _on_end(self, end):
        super()._on_end(end)
        self._over.add(end.id.trial)


class Tenth(MemoryStorage):
    """Counts its appends, so that each tenth can go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.appends = 0

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        self.appends += 1
        return self.badly(lease, events) if self.appends % 10 == 0 else super().append(lease, events)

    def badly(self, lease: Lease, events: Sequence[Event]) -> int:
        raise NotImplementedError


class DropsAnAppend(Tenth):
    """Says that it has written, and has not."""

    def badly(self, lease, events):
        return len(list(self.read(lease.study))) + len(events)


class TearsAnAppend(Tenth):
    """Writes half."""

    def badly(self, lease, events):
        MemoryStorage.append(self, lease, events[: len(events) // 2])
        raise Broken("half")


class WritesTwice(Tenth):
    """Tries again after it has written."""

    def badly(self, lease, events):
        MemoryStorage.append(self, lease, events)
        log = self._logs[lease.study]
        log.events += events
        return len(log.events)


class Forgets(MemoryStorage):
    """Loses the last event when a session ends, as a file that was never synced."""

    def release(self, lease):
        super().release(lease)
        if len(self._logs[lease.study].events) > 5:
            self._logs[lease.study].events.pop()


class AcceptsAnybody(MemoryStorage):
    """Does not look at the epoch."""

    def append(self, lease, events):
        return super().append(replace(lease, epoch=self._logs[lease.study].epoch), events)


class LetsAnybodyIn(MemoryStorage):
    """Has no lock."""

    def acquire(self, study, owner):
        self._log(study).owner = None
        return super().acquire(study, owner)


class ChangesTheLog(MemoryStorage):
    """Gives another outcome back than it got."""

    def read(self, study, after=0):
        for event in super().read(study, after):
            failed = isinstance(event, AttemptEnded) and event.outcome == Outcome.FAILED
            yield replace(event, outcome=Outcome.STOPPED) if failed else event


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (Parts(coordinator=ActsFirst), "not in the log"),
        (Parts(coordinator=GoesOnTorn), "differs from the log|hangs"),
        (Parts(engine=BelievesTheDead), "needs its checkpoint"),
        (Parts(engine=CountsRepeats), "answered twice|not in the log|acknowledged"),
        (Parts(engine=AnswersRepeats), "answered twice"),
        (Parts(engine=IgnoresLosses), "without a worker|hangs"),
        (Parts(engine=ForgetsVerdicts), "though the verdict was"),
        (Parts(engine=Overshoots), "trials where"),
        (Parts(engine=DiscardsAtOnce), "needs its checkpoint|begins at"),
        (Parts(memory=DropsAnAppend), "has grown by"),
        (Parts(memory=TearsAnAppend), "has grown by|has changed"),
        (Parts(memory=WritesTwice), "has grown by"),
        (Parts(memory=Forgets), "has changed"),
        (Parts(memory=AcceptsAnybody), "wrote in epoch"),
        (Parts(memory=LetsAnybodyIn), "let in"),
        (Parts(memory=ChangesTheLog), "differs from the log"),
    ],
    ids=lambda value: "-".join(p.__name__ for p in (value.engine, value.coordinator, value.memory) if p.__module__ == __name__)
    if isinstance(value, Parts) else "",
)  # fmt: skip
def test_what_is_broken_is_found(parts, found):
    parts = replace(parts, sqlite=lambda _: parts.memory())
    said = (what for seed in range(300) for what in run([seed], parts).broken.values())
    assert any(re.search(found, what) for what in said)
