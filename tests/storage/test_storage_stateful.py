"""Whatever is done to a storage, it answers as the one in memory does. A further one is a line in SUBJECTS."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rung.errors import Error
from rung.space import Float, Space
from rung.storage import Lease, MemoryStorage, Owner, Storage
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Event, Reported, StudyCreated
from rung.study.metrics import Goals

OWNER = Owner("here", 1, 0.0)
NAMES = st.sampled_from(["a", "b"])


class Subject(Protocol):
    """A storage under test, and what can befall it."""

    storage: Storage

    def crash(self) -> None:
        """Open it anew, as after the death of all processes; nothing was released."""

    def break_lock(self, lease: Lease) -> None:
        """Let another owner in, as if this one were thought dead."""

    def close(self) -> None:
        """Leave nothing behind."""


class Sqlite:
    def __init__(self) -> None:
        # In memory, where there is a folder for that: what a power cut leaves is tested elsewhere.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._root = Path(tempfile.mkdtemp(prefix="rung-stateful-", dir=memory))
        self._lives = 0
        self.storage = SqliteStorage(self._root / "0", "process")

    def crash(self) -> None:
        # What the dead process had written, its write-ahead log included; nobody holds the locks of a copy.
        dead, self._lives = self._root / str(self._lives), self._lives + 1
        if dead.exists():
            shutil.copytree(dead, self._root / str(self._lives), ignore=shutil.ignore_patterns("*-shm"))
        self.storage = SqliteStorage(self._root / str(self._lives), "process")

    def break_lock(self, lease: Lease) -> None:
        (self.storage.folder(lease.study) / "study.lock").unlink()

    def close(self) -> None:
        shutil.rmtree(self._root)


SUBJECTS: dict[str, Callable[[], Subject]] = {"sqlite": Sqlite}


class Both(NamedTuple):
    """A lease of the model and one of the subject."""

    model: Lease
    real: Lease


class StorageMachine(RuleBasedStateMachine):
    def __init__(self, make: Callable[[], Subject]) -> None:
        super().__init__()
        self.model, self.subject = MemoryStorage(), make()
        self.held: dict[str, Both] = {}
        self.stale: list[Both] = []
        self.dead: list[Lease] = []
        """Leases of the subject whose process crashed."""
        self.events = 0

    def both(self, model: Callable[[], Any], real: Callable[[], Any]) -> tuple[Any, Any] | None:
        """The answers of both; None if both raised the same error."""
        answers, errors = [], []
        for call in (model, real):
            try:
                answers.append(call())
            except Error as error:
                errors.append(type(error))
        assert len(errors) != 1, f"one raised {errors[0]}, the other said {answers[0]}"
        assert len(set(errors)) <= 1, errors
        return (answers[0], answers[1]) if answers else None

    def fresh(self, n: int) -> list[Event]:
        first, self.events = self.events, self.events + n
        return [
            Reported(id=f"t0/a1/r{i}", t=float(i), trial=0, attempt=1, number=i, resource=i, metrics={"y": 0.1 * i})
            for i in range(first, first + n)
        ]  # fmt: skip

    def append(self, lease: Both, events: list[Event]) -> bool:
        counts = self.both(
            lambda: self.model.append(lease.model, events),
            lambda: self.subject.storage.append(lease.real, events),
        )
        assert counts is None or counts[0] == counts[1]
        return counts is not None

    @initialize()
    def begin(self):
        self.create("a")
        self.acquire("a")

    @rule(name=NAMES)
    def create(self, name):
        created = StudyCreated(id="study", t=0.0, space=Space({"x": Float(0, 1)}).to_json(),
                               goals=Goals.of("y").to_json(), seed=1)  # fmt: skip
        self.both(
            lambda: self.model.create(name, created), lambda: self.subject.storage.create(name, created)
        )

    @rule(name=NAMES)
    def acquire(self, name):
        leases = self.both(
            lambda: self.model.acquire(name, OWNER), lambda: self.subject.storage.acquire(name, OWNER)
        )
        if leases is not None:
            assert leases[0].epoch == leases[1].epoch
            assert name not in self.held
            self.held[name] = Both(*leases)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), n=st.integers(0, 4))
    def append_more(self, data, n):
        assert self.append(self.held[data.draw(st.sampled_from(sorted(self.held)))], self.fresh(n))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def append_an_id_twice(self, data):
        twice = self.fresh(2)
        assert not self.append(self.held[data.draw(st.sampled_from(sorted(self.held)))], [*twice, twice[0]])

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def append_as_a_stale_owner(self, data):
        assert not self.append(data.draw(st.sampled_from(self.stale)), self.fresh(1))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def take_over(self, data):
        name = data.draw(st.sampled_from(sorted(self.held)))
        stale = self.held.pop(name)
        self.stale.append(stale)
        self.model.release(stale.model)
        self.subject.break_lock(stale.real)
        self.acquire(name)
        assert name in self.held

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data):
        lease = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        self.model.release(lease.model)
        self.subject.storage.release(lease.real)

    @precondition(lambda self: self.stale)
    @rule()
    def release_a_stale_lease(self):
        lease = self.stale.pop()
        self.model.release(lease.model)
        self.subject.storage.release(lease.real)

    @rule()
    def crash(self):
        for lease in self.held.values():
            self.model.release(lease.model)
        self.dead += [lease.real for lease in (*self.held.values(), *self.stale)]
        self.held.clear()
        self.stale.clear()
        self.subject.crash()

    @rule(name=NAMES)
    def delete(self, name):
        for lease in [lease for lease in self.stale if lease.real.study == name]:
            self.subject.storage.release(lease.real)
            self.stale.remove(lease)
        self.both(lambda: self.model.delete(name, OWNER), lambda: self.subject.storage.delete(name, OWNER))

    @rule(name=NAMES, after=st.integers(0, 12))
    def read(self, name, after):
        logs = self.both(
            lambda: list(self.model.read(name, after)), lambda: list(self.subject.storage.read(name, after))
        )
        assert logs is None or logs[0] == logs[1]

    @invariant()
    def they_list_the_same_studies(self):
        model, real = (
            {info.name: info.owner is not None for info in storage.studies()}
            for storage in (self.model, self.subject.storage)
        )
        assert model == real

    def teardown(self):
        for name in ("a", "b"):
            self.read(name, 0)
        for lease in [*self.dead, *(both.real for both in (*self.held.values(), *self.stale))]:
            self.subject.storage.release(lease)
        self.subject.close()


@pytest.mark.parametrize("make", SUBJECTS.values(), ids=SUBJECTS)
@pytest.mark.parametrize(
    ("examples", "steps"), [(10, 30), pytest.param(60, 50, marks=pytest.mark.slow)], ids=["quick", "long"]
)
def test_it_answers_as_the_one_in_memory(make, examples, steps):
    run_state_machine_as_test(
        lambda: StorageMachine(make),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
