"""What every storage must do: `check_storage(make)`, for rung's own and for a user's."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from rung._study import Study
from rung.errors import (
    ArgumentError,
    Error,
    StorageError,
    StudyExists,
    StudyInUse,
    StudyNotFound,
)
from rung.execution.base import End, Job
from rung.execution.simulator import Simulator
from rung.space import Float, Space
from rung.storage.base import Lease, Owner, Storage
from rung.storage.memory import MemoryStorage
from rung.study.events import AttemptEnded, Event, Outcome, Reported, StudyCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState

CREATED = StudyCreated(
    id="study", t=0.0, space=Space({"x": Float(0, 1)}).to_json(), goals=Goals.of("y").to_json(), seed=1
)
ENDED = AttemptEnded(id="t0/a1/end", t=1.0, trial=0, attempt=1, outcome="failed", metrics={"y": 1.0})


def reported(number: int) -> Reported:
    """The report of that number."""
    return Reported(
        id=f"t0/a1/r{number}", t=float(number), trial=0, attempt=1, number=number, resource=number,
        metrics={"y": 0.1 * number},
    )  # fmt: skip


def unreadable() -> dict[str, Event]:
    """Events that no log could give back, by what is wrong with them."""

    def wrong(**fields: Any) -> Event:
        return replace(reported(1), **fields)

    return {
        "a clock that ran away": wrong(t=1e15),
        "a clock without end": wrong(t=math.inf),
        "a clock that is no number": wrong(t=math.nan),
        "a complex clock": wrong(t=1j),
        "an id of a number": wrong(id=1),
        "metrics in a list": wrong(metrics=[1.0]),
        "a metric of text": wrong(metrics={"y": "1.0"}),
        "a metric of too large a number": wrong(metrics={"y": 10**400}),
        "a metric without a name": wrong(metrics={3: 1.0}),
        "a resource of text": wrong(resource="1"),
        "a resource of numpy": wrong(resource=np.int64(1)),
        "a resource of a bool": wrong(resource=True),
        "a resource beyond 64 bits": wrong(resource=2**64),
        "a reason in a list": replace(ENDED, reason=[1]),  # type: ignore[arg-type]
        "no traceback": replace(ENDED, traceback=None),  # type: ignore[arg-type]
    }


def check_storage(make: Callable[[], Storage]) -> None:
    """Raise AssertionError, naming the promise, unless a storage does what rung relies on.

    Parameters
    ----------
    make : callable
        Returns a storage without studies, at every call.

    Examples
    --------
    >>> from rung.storage import MemoryStorage
    >>> check_storage(MemoryStorage)
    """
    for promise in _PROMISES:
        promise(make())
    for what, event in unreadable().items():
        _unreadable(make(), what, event)


def _order(storage: Storage) -> None:
    storage.create("a", CREATED)
    with _taken(storage, "a") as lease:
        counts = [storage.append(lease, [reported(1), reported(2)]), storage.append(lease, [reported(3)])]
        assert counts == [3, 4], f"append returns how many events the log holds: {counts}, not [3, 4]"
        _check_log(storage, [CREATED, reported(1), reported(2), reported(3)])
    for after in (2, 3, 4):
        found, rest = list(storage.read("a", after)), [reported(1), reported(2), reported(3)][after - 1 :]
        assert found == rest, f"read gives the events after the first {after}: {found}, not {rest}"


def _checksum(storage: Storage) -> None:
    storage.create("a", CREATED)
    with _taken(storage, "a") as lease:
        storage.append(lease, [reported(1), reported(2)])
        spans = ((0, 2), (0, 3), (1, 3))
        before = [storage.checksum("a", *span) for span in spans]
        assert len(set(before)) == len(spans), "checksum: the same of other events"
        storage.append(lease, [reported(3)])
        after = [storage.checksum("a", *span) for span in spans]
        assert after == before, "checksum: another one of the same events, after an append"
    _refused(StudyNotFound, "a study that is not there", storage.checksum, "b", 0, 2)


def _once(storage: Storage) -> None:
    storage.create("a", CREATED)
    _refused(StudyExists, "a study is created once", storage.create, "a", CREATED)
    _check_log(storage, [CREATED])


def _absent(storage: Storage) -> None:
    for ask in (
        lambda: storage.acquire("nope", _me()),
        lambda: list(storage.read("nope")),
        lambda: storage.delete("nope", _me()),
    ):
        _refused(StudyNotFound, "a study that is not there", ask)
    assert not list(storage.studies()), "a study that is not there: it is listed"


def _names(storage: Storage) -> None:
    for name in ("", " a", "a\n", "a\x00b", "x" * 201, "\ud800", 7, None):
        _refused(
            ArgumentError,
            f"names are checked (rung.storage.base.check_name): {name!r}",
            storage.create,
            name,
            CREATED,
        )
    for name in ("../../etc", "a/b", "CON", "'; DROP TABLE event; --", "ünï ☃", "." * 30, "x" * 200):
        storage.create(name, CREATED)
        assert name in {info.name for info in storage.studies()}, (
            f"any printable name: {name!r} is not listed"
        )
        _check_log(storage, [CREATED], name)


def _whole(storage: Storage) -> None:
    storage.create("a", CREATED)
    with _taken(storage, "a") as lease:
        _refused(
            StorageError,
            "an append is all or nothing, an id is there once",
            storage.append,
            lease,
            [reported(1)] * 2,
        )
        _check_log(storage, [CREATED])
        storage.append(lease, [reported(1)])
        again = [reported(2), reported(1)]
        _refused(
            StorageError, "an append is all or nothing, an id is there once", storage.append, lease, again
        )
    _check_log(storage, [CREATED, reported(1)])


def _plain(storage: Storage) -> None:
    """Numbers of numpy and infinite ones, and words of an enumeration, come back as plain ones."""
    storage.create("a", CREATED)
    metrics = MappingProxyType({"y": np.float64(1.0), "ü\n": -math.inf})
    with _taken(storage, "a") as lease:
        storage.append(lease, [replace(ENDED, outcome=Outcome.FAILED, metrics=metrics, reason="a\n\x1b☃")])
    _check_log(storage, [CREATED, replace(ENDED, metrics={"y": 1.0, "ü\n": -math.inf}, reason="a\n\x1b☃")])


def _unreadable(storage: Storage, what: str, event: Event) -> None:
    promise = f"what could not be read back is refused: {what}"
    storage.create("a", CREATED)
    with _taken(storage, "a") as lease:
        _refused(StorageError, promise, storage.append, lease, [reported(5), event])
        storage.append(lease, [reported(1)])
    _check_log(storage, [CREATED, reported(1)])


def _listed(storage: Storage) -> None:
    for name in ("first", "second"):
        storage.create(name, CREATED)
        time.sleep(0.02)
    with _taken(storage, "first") as lease:
        storage.append(lease, [reported(1)])
    names = [info.name for info in storage.studies()]
    assert names == ["first", "second"], f"studies lists the one changed last first: {names}"


def _owner(storage: Storage) -> None:
    storage.create("a", CREATED)
    owner = Owner("node7", 4321, 0.0)
    with _taken(storage, "a", owner):
        said = _refused(StudyInUse, "a second owner is refused", storage.acquire, "a", _me())
        for fact in ("4321", "node7"):
            assert fact in said, (
                f"the refusal of a second owner says who runs the study: no {fact} in {said!r}"
            )
        _refused(StudyInUse, "a study that runs is not deleted", storage.delete, "a", _me())
        (info,) = storage.studies()
        assert info.owner == owner, f"studies says who runs one: {info.owner}, not {owner}"
    (info,) = storage.studies()
    assert info.owner is None, f"a study that was released has no owner: {info.owner}"


def _epochs(storage: Storage) -> None:
    storage.create("a", CREATED)
    stale = storage.acquire("a", _me())
    storage.append(stale, [reported(1)])
    storage.release(stale)
    with _taken(storage, "a") as lease:
        assert lease.epoch > stale.epoch, f"each lease has a higher epoch: {lease.epoch} after {stale.epoch}"
        _refused(StorageError, "a stale lease writes nothing", storage.append, stale, [reported(2)])
        storage.append(lease, [reported(3)])
    _check_log(storage, [CREATED, reported(1), reported(3)])


def _released(storage: Storage) -> None:
    storage.create("a", CREATED)
    lease = storage.acquire("a", _me())
    _release(storage, lease)
    _release(storage, lease)
    with _taken(storage, "a") as another:
        _release(storage, lease)
        _refused(
            StudyInUse, "an earlier lease gives back nothing of a later one", storage.acquire, "a", _me()
        )
        storage.append(another, [reported(1)])
    _check_log(storage, [CREATED, reported(1)])
    storage.delete("a", _me())
    _release(storage, lease)


def _release(storage: Storage, lease: Lease) -> None:
    try:
        storage.release(lease)
    except Exception as raised:
        raise AssertionError(f"a lease that is over is released silently: it raised {raised!r}") from raised


def _requests(storage: Storage) -> None:
    _refused(StudyNotFound, "a request for no study is refused", storage.request, "a", "stop")
    storage.create("a", CREATED)
    storage.create("b", CREATED)
    for wrong in ("", "a/b", "..", "x" * 41, "ü", 3):
        _refused(ArgumentError, f"requests are short names: {wrong!r}", storage.request, "a", wrong)
    storage.request("a", "stop-1")
    with _taken(storage, "a") as lease, _taken(storage, "b") as other:
        assert not list(storage.requests(lease)), "a request is for the session that ran when it was left"
        for request in ("stop", "stop-17", "stop"):
            storage.request("a", request)
        assert not list(storage.requests(other)), "a request is for the study that it names"
        found = sorted(storage.requests(lease))
        assert found == ["stop", "stop-17"], f"each request is there once: {found}"
        assert not list(storage.requests(lease)), "a request that was taken is gone"
        storage.append(lease, [reported(1)])
    _check_log(storage, [CREATED, reported(1)])


def _delete(storage: Storage) -> None:
    for name in ("a", "b"):
        storage.create(name, CREATED)
    storage.delete("a", _me())
    names = [info.name for info in storage.studies()]
    assert names == ["b"], f"delete removes that study and no other: {names} are left"
    _refused(StudyNotFound, "a deleted study is gone", storage.delete, "a", _me())
    storage.create("a", CREATED)
    _check_log(storage, [CREATED])


def _studies(storage: Storage) -> None:
    """A study that is run in two sessions is the same as in memory."""
    digests = []
    for where in (storage, MemoryStorage()):
        for n_trials in (3, 6):
            study = Study({"x": Float(0, 1)}, metric="y", searcher="random", seed=1, storage=where, name="a")
            study.drive(Simulator(_curve, 2), n_trials=n_trials)
        digests.append(StudyState.replay(where.read("a")).digest())
    assert digests[0] == digests[1], "a study goes on as it does in memory: it does not"


def _curve(job: Job) -> Iterator[tuple[float, dict[str, float] | End]]:
    yield 1.0, {"y": float(job.config["x"])}


_PROMISES = (
    _order, _checksum, _once, _absent, _names, _whole, _plain, _listed, _owner, _epochs, _released,
    _requests, _delete, _studies,
)  # fmt: skip


def _me() -> Owner:
    return Owner("here", os.getpid(), time.time())


@contextmanager
def _taken(storage: Storage, study: str, owner: Owner | None = None) -> Iterator[Lease]:
    lease = storage.acquire(study, owner or _me())
    try:
        yield lease
    finally:
        storage.release(lease)


def _check_log(storage: Storage, events: Sequence[Event], study: str = "a") -> None:
    found = list(storage.read(study))
    assert found == list(events), f"what is appended is read, in order: {found}, not {list(events)}"


def _refused(error: type[Error], promise: str, call: Callable[..., object], *arguments: object) -> str:
    """Return the message of the error that the call must raise."""
    try:
        call(*arguments)
    except error as raised:
        return str(raised)
    except Exception as raised:
        raise AssertionError(f"{promise}: it raised {raised!r}, no {error.__name__}") from raised
    raise AssertionError(f"{promise}: nothing was raised")
