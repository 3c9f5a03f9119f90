"""The suites for parts of a user's own name the promise that a part breaks."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

import rung
from rung.schedulers import ASHA, FIFO, Finish, Start
from rung.searchers import CMAES, Random
from rung.storage import Lease, MemoryStorage
from rung.testing import check_scheduler, check_searcher, check_storage
from rung.testing.storages import CREATED

pytestmark = pytest.mark.unmeasured


@dataclass(frozen=True)
class Mine(Random):
    name: ClassVar[str] = "mine"


class Stateful(Mine):
    calls: ClassVar = itertools.count()

    def suggest(self, history, rng):
        return history.space.sample(rng) if next(self.calls) % 2 else super().suggest(history, rng) and None


class Remembering(Mine):
    """Counts its own decisions, which a copy does too, and a new instance does not."""

    def suggest(self, history, rng):
        asked = self.__dict__.setdefault("asked", set())
        asked.add(len(history.trials))
        rng.random(len(asked))
        return super().suggest(history, rng)


class Hoarding(Mine):
    """What it keeps in the history changes its answers."""

    def suggest(self, history, rng):
        seen = history.cached("hoarding", lambda _: set())
        seen.add(len(history.trials))
        rng.random(len(seen))
        return super().suggest(history, rng)


class Outside(Mine):
    def suggest(self, history, rng):
        return {**history.space.sample(rng), "extra": 1}


class Repeating(Mine):
    def suggest(self, history, rng):
        return history.space.sample(rng)


class Lazy(Mine):
    def suggest(self, history, rng):
        return super().suggest(history, rng) if len(history.trials) < 10 else None


class GivesUp(Mine):
    def suggest(self, history, rng):
        size = history.space.size
        return None if size and len(history.trials) == size - 1 else super().suggest(history, rng)


class Fragile(Mine):
    def suggest(self, history, rng):
        losses = [history.loss(t.metrics) for t in history.trials if t.is_finished]
        if len(losses) > 5 and not any(math.isfinite(loss) for loss in losses):
            raise ZeroDivisionError("nothing to go by")
        return super().suggest(history, rng)


class ByIdentity(Mine):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass
class Mutable:
    name: ClassVar[str] = "mutable"

    def to_json(self):
        return {"name": self.name}


@dataclass(frozen=True)
class Unwritten(Mine):
    shape: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Unwritable(Mine):
    kinds: frozenset[int] = frozenset({1})


class Misnamed(Mine):
    def to_json(self):
        return super().to_json() | {"name": "random"}


@pytest.mark.parametrize(
    ("make", "promise"),
    [
        (Stateful, "equal history, equal answers: .*asked again"),
        (Remembering, "equal history, equal answers: .*a fresh instance"),
        (Hoarding, "equal history, equal answers: .*a fresh instance with a fresh History"),
        (Outside, "configurations lie in the space: "),
        (Repeating, "a finite space is exhausted, not repeated: "),
        (Lazy, "it ended a study after 10 trials"),
        (GivesUp, "a finite space is exhausted: 12 of 13 configurations"),
        (Fragile, "failures and strange losses are survived: .*nothing to go by"),
        (ByIdentity, "value: two made alike are not equal"),
        (Mutable, r"value: it has no hash .*frozen=True"),
        (Unwritten, "JSON form: .* is another after a round trip"),
        (Unwritable, "JSON form: .* is not one: "),
        (Misnamed, "JSON form: its name is 'random', not 'mine'"),
    ],
)
def test_a_broken_searcher(make, promise):
    with pytest.raises(AssertionError, match=promise):
        check_searcher(make)


def test_a_space_of_the_users_own():
    seen = []

    class Curious(Mine):
        def suggest(self, history, rng):
            seen.append(tuple(history.space))
            return super().suggest(history, rng)

    check_searcher(Curious, space={"mine": rung.Int(1, 5)})
    assert set(seen) == {("mine",)}
    with pytest.raises(rung.Error, match="cmaes needs an order"):
        check_searcher(CMAES, space={"kind": rung.Categorical(["a", "b"])})


@dataclass(frozen=True)
class Other(FIFO):
    name: ClassVar[str] = "other"


class Alternating(Other):
    calls: ClassVar = itertools.count()

    def next(self, history, propose):
        action = super().next(history, propose)
        return replace(action, target=1 + next(self.calls) % 2) if isinstance(action, Start) else action


class Moody(Other):
    calls: ClassVar = itertools.count()

    def judge(self, history, trial):
        return rung.Verdict.STOP if next(self.calls) % 2 else rung.Verdict.CONTINUE


class Distracted(Other):
    """`next` without a proposal changes what `judge` says of the newest report."""

    asked: ClassVar[list] = [None]

    def next(self, history, propose):
        self.asked[0] = None if propose() else len(history.curve)
        return super().next(history, propose)

    def judge(self, history, trial):
        same = self.asked[0] == len(history.curve)
        return rung.Verdict.STOP if same else rung.Verdict.CONTINUE


class OwnCount(Other):
    """Knows only what this instance was asked."""

    def judge(self, history, trial):
        seen = self.__dict__.setdefault("seen", set())
        seen.add((trial.number, len(trial.reports)))
        return rung.Verdict.STOP if len(seen) > 5 else rung.Verdict.CONTINUE


class Deaf(Other):
    """Takes lower for better, whatever the mode."""

    def judge(self, history, trial):
        return rung.Verdict.STOP if trial.reports[-1].metrics["y"] > 0.5 else rung.Verdict.CONTINUE


class Far(Other):
    def next(self, history, propose):
        action = super().next(history, propose)
        return replace(action, target=history.full_resource + 1) if isinstance(action, Start) else action


class Early(Other):
    def next(self, history, propose):
        return Finish() if len(history.trials) > 4 else super().next(history, propose)


@pytest.mark.parametrize(
    ("make", "promise"),
    [
        (Alternating, "asked twice, the same answer: next gave"),
        (Moody, "asked twice, the same answer: judge gave"),
        (Distracted, "the same decisions whatever is asked in between: judge gave"),
        (OwnCount, "asked twice, the same answer: judge gave .*a fresh instance"),
        (Deaf, 'mode="max" of -y decides as mode="min"'),
        (Far, "targets lie in 1 to max_resource=4: .* has 5"),
        (Early, "as many trials as were asked for: 5, not 27"),
        (Mutable, "value: it has no hash"),
    ],
)
def test_a_broken_scheduler(make, promise):
    with pytest.raises(AssertionError, match=promise):
        check_scheduler(make, max_resource=4)


def test_the_epochs_are_those_asked_for():
    with pytest.raises(rung.Error, match="min_resource=10"):
        check_scheduler(lambda: ASHA(min_resource=10))
    check_scheduler(lambda: ASHA(min_resource=10), max_resource=30)


class Unchecked(MemoryStorage):
    """Stores whatever it gets, half of it if that goes wrong."""

    def append(self, lease, events):
        log = self._log(lease.study)
        for event in events:
            if event.id not in log.ids:
                log.events.append(event)
        return len(log.events)


class Reversed(MemoryStorage):
    def read(self, study, after=0):
        return iter(sorted(super().read(study, after), key=lambda event: event.t)[::-1])


class Shared(MemoryStorage):
    def acquire(self, study, owner):
        self._log(study).owner = None
        return super().acquire(study, owner)


class Unfenced(MemoryStorage):
    def append(self, lease, events):
        return super().append(replace(lease, epoch=self._log(lease.study).epoch), events)


class SameEpoch(MemoryStorage):
    def acquire(self, study, owner):
        return Lease(study, 1, super().acquire(study, owner).owner)

    def append(self, lease, events):
        return super().append(replace(lease, epoch=self._log(lease.study).epoch), events)

    def release(self, lease):
        self._log(lease.study).owner = None


class Trusting(MemoryStorage):
    """Looks at ids only."""

    def append(self, lease, events):
        kept = self._log(lease.study).events
        count = super().append(lease, [replace(CREATED, id=event.id) for event in events])
        kept[-len(events) :] = events
        return count


class Overwriting(MemoryStorage):
    def create(self, study, created):
        self._logs.pop(study, None)
        super().create(study, created)


@pytest.mark.parametrize(
    ("make", "promise"),
    [
        (Unchecked, "an append is all or nothing, an id is there once: nothing was raised"),
        (Reversed, "what is appended is read, in order"),
        (Shared, "a second owner is refused: nothing was raised"),
        (Unfenced, "a stale lease writes nothing: nothing was raised"),
        (SameEpoch, "each lease has a higher epoch: 1 after 1"),
        (Trusting, "what could not be read back is refused: a clock that ran away"),
        (Overwriting, "a study is created once: nothing was raised"),
    ],
)
def test_a_broken_storage(make, promise):
    with pytest.raises(AssertionError, match=promise):
        check_storage(make)
