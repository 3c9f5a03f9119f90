"""Studies that are looked at: read as their logs grow, for as long as somebody looks."""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Any

from rung.errors import StorageError, StudyNotFound
from rung.page import curves, documents
from rung.page.documents import Viewed
from rung.page.plain import encoded, text
from rung.storage import Owner, Storage, StudyInfo
from rung.study.state import StudyState

PERIOD = 0.25
"""Seconds between two looks at a log."""
_OWNER = 2.0
"""Seconds between two looks at who runs the study."""
_KEPT = 2
"""Studies in memory that nobody looks at any more."""
_AT_ONCE = 2000
"""Reports or trials that are sent as changes; with more, the page loads all again."""
_WAITING = 64
"""Messages that a slow page may be behind."""
_IDLE = 20.0
"""An expensive document is made again after so many times what it took: a twentieth of a core at most."""

Queue = queue.Queue[bytes]


class Followed:
    """One study. Every method may be called by any thread."""

    def __init__(self, view: Viewed, owner_of: Callable[[], Owner | None]) -> None:
        self.view = view
        self.lock = threading.RLock()
        self._slow = threading.Lock()
        self._owner_of, self._owner = owner_of, owner_of()
        self._looked = time.monotonic()
        self._listeners: list[Queue] = []
        self._thread: threading.Thread | None = None
        self._made: dict[Hashable, tuple[int, float, float, bytes]] = {}

    @property
    def owner(self) -> Owner | None:
        """Who ran the study when it was looked at last."""
        return self._owner

    def document(self, key: Hashable, make: Callable[[], Any], *, exact: bool = False) -> bytes:
        """What `make` returns, as JSON: made again if the log has grown, and if it pays (or `exact`)."""
        with self.lock:
            version, now = self.view.state.events, time.monotonic()
            made, at, cost, data = self._made.get(key, (-1, 0.0, 0.0, b""))
            if made == version or (made >= 0 and not exact and now - at < _IDLE * cost):
                return data
            data = encoded(make())
            self._made[key] = version, time.monotonic(), time.monotonic() - now, data
            return data

    def apart(self, key: Hashable, make: Callable[[StudyState], Any]) -> bytes:
        """As `document`, of what takes long: from a copy of the state, while the study is followed."""
        with self._slow:
            with self.lock:
                state = self.view.state
                made, at, cost, data = self._made.get(key, (-1, 0.0, 0.0, b""))
                began = time.monotonic()
                if made == state.events or (made >= 0 and began - at < _IDLE * cost):
                    return data
                state = state.copy()
            data, now = encoded(make(state)), time.monotonic()
            with self.lock:
                self._made[key] = state.events, now, now - began, data
            return data

    def whole(self) -> bytes:
        """All of the study but its curves, as it is now."""
        with self.lock:
            self.read()
            return self.document(
                "study", lambda: documents.study(self.view.name, self.view.state, self._owner), exact=True
            )

    def listen(self) -> Queue:
        """A queue that gets each change from now on."""
        messages: Queue = queue.Queue(_WAITING)
        with self.lock:
            self._listeners.append(messages)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="rung page", daemon=True)
                self._thread.start()
        return messages

    def leave(self, messages: Queue) -> None:
        """End what `listen` began."""
        with self.lock:
            self._listeners.remove(messages)

    @property
    def is_watched(self) -> bool:
        """Whether somebody listens."""
        return bool(self._listeners)

    def _follow(self) -> None:
        while True:
            time.sleep(PERIOD)
            with self.lock:
                if not self._listeners:
                    self._thread = None
                    return
                try:
                    self.read()
                except (StorageError, OSError) as error:
                    self._send(documents.problem(error))
                    self._thread = None
                    return

    def read(self) -> None:
        """Take in what was added to the log, and tell who listens."""
        with self.lock:
            self._read()

    def _read(self) -> None:
        before, rows = self.view.state.events, len(self.view.state.curve)
        state, owner = self.view.state, self._owner
        new = self.view.refresh()
        # Who just began to write is shown soon; who was killed, a little later.
        if time.monotonic() - self._looked > (PERIOD if new and self._owner is None else _OWNER):
            self._owner, self._looked = self._owner_of(), time.monotonic()
        if self.view.state is not state or self.view.state.events < before:
            self._made.clear()
            self._send({"reload": True})
        elif new or owner != self._owner:
            self._made.pop("study", None) if owner != self._owner else None
            if self._listeners:
                self._send(self._changes(before, new, rows))

    def _changes(self, before: int, new: int, rows: int) -> dict[str, Any]:
        state = self.view.state
        if len(state.curve) - rows > _AT_ONCE:
            return {"reload": True}
        changed = {getattr(event, "trial", None) for event in islice(self.view.events(before), new)}
        numbers = sorted({n for n in changed if n is not None} | set(state.open))
        if len(numbers) > _AT_ONCE:
            return {"reload": True}
        names = documents.metric_names(state)
        return {
            "version": state.events,
            "status": documents.status(self.view.name, state, self._owner),
            "metrics": names,
            "trials": documents.trials(state, numbers),
            "points": curves.new_points(state, rows, names),
        }

    def _send(self, change: Any) -> None:
        data = encoded(change)
        for messages in self._listeners:
            try:
                messages.put_nowait(data)
            except queue.Full:  # it will load everything again once it has read what is there
                with messages.mutex:
                    messages.queue.clear()
                    messages.queue.append(encoded({"reload": True}))


class Library:
    """The studies of a storage, or one of them."""

    def __init__(self, storage: Storage, load: Callable[[str], Viewed], only: str | None = None) -> None:
        self.storage, self.only = storage, only
        self._load = load
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}
        self._followed: OrderedDict[str, Followed] = OrderedDict()
        self._cards: dict[str, tuple[object, bytes]] = {}

    def studies(self) -> Sequence[StudyInfo]:
        """Those that may be looked at, the one changed last first."""
        return [info for info in self.storage.studies() if self.only in {None, info.name}]

    def owner(self, name: str) -> Owner | None:
        """Who runs a study now."""
        return next((info.owner for info in self.studies() if info.name == name), None)

    def study(self, name: str) -> Followed:
        """A study, read once and then followed; raises StudyNotFound."""
        if self.only not in {None, name}:
            raise StudyNotFound(f"this page shows study {self.only!r} alone")
        with self._lock:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:  # two tabs that open a study of a million reports read it once
            with self._lock:
                found = self._followed.get(name)
            if found is None:
                found = Followed(self._load(name), lambda: self.owner(name))
            with self._lock:
                self._followed[name] = found
                self._followed.move_to_end(name)
                self._forget()
        return found

    def _forget(self) -> None:
        idle = [name for name, found in self._followed.items() if not found.is_watched]
        for name in idle[:-_KEPT]:
            del self._followed[name]

    def card(self, name: str) -> bytes:
        """A line of the list of studies."""
        info = next((info for info in self.studies() if info.name == name), None)
        if info is None:
            raise StudyNotFound(f"there is no study {name!r}")
        stamp = (info.changed, info.owner)
        kept = self._cards.get(name)
        if kept is None or kept[0] != stamp:
            with self._lock:
                followed = self._followed.get(name)
            if followed is None:
                view = self._load(name)
                data = encoded(documents.card(name, view.state, info.owner))
            else:
                with followed.lock:
                    followed.view.refresh() if not followed.is_watched else None
                    data = encoded(documents.card(name, followed.view.state, info.owner))
            kept = self._cards[name] = stamp, data
        return kept[1]


def list_changes(library: Library, period: float) -> Iterator[bytes | None]:
    """The list of studies, each time that it has changed; None where it has not."""
    before: object = None
    while True:
        listed = listing(library)
        yield None if listed == before else encoded(listed)
        before = listed
        time.sleep(period)


def listing(library: Library) -> Any:
    """Names and owners of all studies."""
    return {
        "only": library.only,
        "storage": text(str(library.storage)),
        "studies": [
            {
                "name": info.name,
                "changed": info.changed,
                "owner": text(info.owner) if info.owner else None,
            }
            for info in library.studies()
        ],
    }
