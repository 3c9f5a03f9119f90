"""Events in memory: for throw-away studies, and the reference that other storages are tested against."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from rung.errors import LeaseLost, StorageError, StudyExists, StudyInUse, StudyNotFound
from rung.storage._requests import check_request
from rung.storage._rows import check_readable
from rung.storage.base import Lease, Owner, StudyInfo, check_name
from rung.study.events import Event, StudyCreated


@dataclass(slots=True)
class _Log:
    events: list[Event]
    ids: set[str]
    epoch: int = 0
    owner: Owner | None = None
    changed: float = field(default_factory=time.time)
    requests: list[str] = field(default_factory=list)


class MemoryStorage:
    """Keeps events as long as the process lives."""

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}

    def __str__(self) -> str:
        return "memory"

    def create(self, study: str, created: StudyCreated) -> None:
        """See `Storage`."""
        check_name(study)
        check_readable(created)
        if study in self._logs:
            raise StudyExists(f"study {study!r} is there already")
        self._logs[study] = _Log([created], {created.id})

    def acquire(self, study: str, owner: Owner) -> Lease:
        """See `Storage`."""
        log = self._log(study)
        if log.owner is not None:
            raise StudyInUse(f"study {study!r} is run by {log.owner}")
        log.epoch, log.owner, log.requests = log.epoch + 1, owner, []
        return Lease(study, log.epoch, owner)

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        """See `Storage`."""
        log = self._log(lease.study)
        if log.epoch != lease.epoch:
            raise LeaseLost(
                f"study {lease.study!r} was taken over by {log.owner}; this process wrote nothing since"
            )
        for event in events:
            check_readable(event)
        ids = {event.id for event in events}
        if len(ids) < len(events) or not ids.isdisjoint(log.ids):
            raise StorageError(
                f"study {lease.study!r}: the log can't be written: an event's id is there already"
            )
        log.events.extend(events)
        log.ids |= ids
        log.changed = time.time()
        return len(log.events)

    def release(self, lease: Lease) -> None:
        """See `Storage`."""
        log = self._logs.get(lease.study)
        if log is not None and log.epoch == lease.epoch:
            log.owner = None

    def delete(self, study: str, owner: Owner) -> None:
        """See `Storage`."""
        self.acquire(study, owner)
        del self._logs[study]

    def read(self, study: str, after: int = 0) -> Iterator[Event]:
        """See `Storage`."""
        return islice(iter(list(self._log(study).events)), after, None)

    def checksum(self, study: str, after: int, end: int) -> str:
        """See `Storage`."""
        return blake2b(repr(self._log(study).events[after:end]).encode(), digest_size=16).hexdigest()

    def studies(self) -> Sequence[StudyInfo]:
        """See `Storage`."""
        infos = [StudyInfo(name, log.changed, log.owner) for name, log in self._logs.items()]
        return sorted(infos, key=lambda info: -info.changed)

    def request(self, study: str, request: str) -> None:
        """See `Storage`."""
        check_request(request)
        log = self._log(study)
        log.requests = [*{*log.requests, request}]

    def requests(self, lease: Lease) -> Sequence[str]:
        """See `Storage`."""
        log = self._logs.get(lease.study)
        if log is None or log.epoch != lease.epoch:
            return ()
        taken, log.requests = sorted(log.requests), []
        return taken

    def folder(self, study: str) -> Path | None:
        """None: nothing is on disk."""
        return None

    def _log(self, study: str) -> _Log:
        if study not in self._logs:
            raise StudyNotFound(f"no study {study!r} in memory")
        return self._logs[study]
