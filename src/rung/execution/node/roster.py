"""Who works for a study now, in a file of its folder, for `rung status`; nothing is decided by it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rung.execution.node.peer import Peer

_PAUSE = 1.0
"""Seconds between two writes."""
_FOR_EVER = 1e11
"""Seconds on the wall's clock that no file was written at."""
_MOST = 1 << 20
"""Bytes that are read of it: a study's folder may come from a stranger."""


class Roster:
    """Keeps the file up to date, as far as the disk lets it; `folder` is the study's, if it has one."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else _path(folder)
        self._kept: list[dict[str, Any]] = []
        self._next = 0.0

    def keep(self, peers: Iterable[Peer]) -> None:
        """Write who is there, if that has changed; at most so often."""
        if self._path is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PAUSE
        found = [
            {"host": peer.host, "pid": peer.pid, "since": peer.joined, "slots": peer.slots,
             "state": _state(peer), "trials": sorted(attempt.trial for attempt in peer.talks)}
            for peer in peers
        ]  # fmt: skip
        if found != self._kept:
            self._kept = found
            aside = self._path.with_suffix(".new")
            with contextlib.suppress(OSError):
                aside.write_text(json.dumps(found))
                aside.replace(self._path)

    def close(self) -> None:
        """Nobody is there any more."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


def workers_of(folder: Path | None) -> list[dict[str, Any]]:
    """Who works for the study of this folder, as its coordinator last wrote; none if nothing can be read."""
    if folder is None:
        return []
    try:
        with _path(folder).open() as file:
            found = json.loads(file.read(_MOST))
        if not all(0 <= worker["since"] < _FOR_EVER for worker in found):
            return []
        return [
            {"host": str(worker["host"]), "pid": int(worker["pid"]), "since": float(worker["since"]),
             "slots": int(worker["slots"]), "state": str(worker["state"]),
             "trials": [int(trial) for trial in worker["trials"]]}
            for worker in found
        ]  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return []


def _path(folder: Path) -> Path:
    return folder / "workers.json"


def _state(peer: Peer) -> str:
    if peer.line.link is None:
        return "out of reach"
    if peer.leaving:
        return "leaving"
    if not peer.ready:
        return "starting"
    return "busy" if peer.talks else "idle"
