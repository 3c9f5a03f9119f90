"""A storage that fails in every way a storage may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import LeaseLost, StorageError
from rung.storage.base import Lease, Owner, Storage, StudyInfo
from rung.study.events import Event, StudyCreated

if TYPE_CHECKING:
    from rung.testing.faults.world import World


class Broken(StorageError):
    """An error that the simulation made."""


class FaultyStorage:
    """Passes everything on to another storage, unless something goes wrong."""

    def __init__(self, inner: Storage, world: World) -> None:
        self._inner, self._world = inner, world
        self.newest: Lease | None = None
        """The lease of the owner who came last."""
        self.holder: Lease | None = None
        """The lease whose owner holds the lock."""

    def create(self, study: str, created: StudyCreated) -> None:
        """See `Storage`."""
        self._inner.create(study, created)

    def acquire(self, study: str, owner: Owner) -> Lease:
        """See `Storage`."""
        self.newest = self.holder = self._inner.acquire(study, owner)
        return self.newest

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        """See `Storage`; dies, is full, or has written and does not say so."""
        self._world.point("before an append")
        if self._world.happens("full disk"):
            raise Broken("the disk is full")
        try:
            count = self._inner.append(lease, events)
        except LeaseLost:
            assert self._world.is_stale(lease), "the owner is refused"
            raise
        self._world.appended(lease, events, count)
        if self._world.happens("unknown outcome"):
            raise Broken("the connection broke")
        self._world.point("after an append")
        return count

    def release(self, lease: Lease) -> None:
        """See `Storage`."""
        self._inner.release(lease)
        if self.holder is not None and self.holder.epoch == lease.epoch:
            self.holder = None

    def break_lock(self) -> None:
        """Let another owner in though this one is alive, as if it had been thought dead."""
        if self.holder is None:
            return
        folder = self._inner.folder(self.holder.study)
        if folder is None:
            self._inner.release(self.holder)
        else:
            (folder / "study.lock").unlink()
        self.holder = None

    def delete(self, study: str, owner: Owner) -> None:
        """See `Storage`."""
        self._inner.delete(study, owner)

    def read(self, study: str, after: int = 0) -> Iterator[Event]:
        """See `Storage`."""
        return self._inner.read(study, after)

    def checksum(self, study: str, after: int, end: int) -> str:
        """See `Storage`."""
        return self._inner.checksum(study, after, end)

    def studies(self) -> Sequence[StudyInfo]:
        """See `Storage`."""
        return self._inner.studies()

    def request(self, study: str, request: str) -> None:
        """See `Storage`."""
        self._inner.request(study, request)

    def requests(self, lease: Lease) -> Sequence[str]:
        """See `Storage`."""
        return self._inner.requests(lease)

    def folder(self, study: str) -> Path | None:
        """See `Storage`."""
        return self._inner.folder(study)
