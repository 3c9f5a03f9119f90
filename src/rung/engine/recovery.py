"""Taking a study: own it, read it, end what a dead coordinator left open.

Recovery only re-queues; the ordinary loop runs the trials again.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from rung.execution.backends import reap
from rung.execution.work import Backend
from rung.storage.base import Lease, Owner, Storage
from rung.storage.foreign import refuse_strangers
from rung.storage.snapshots import Keeper, open_to_go_on
from rung.study.events import SCHEMA_VERSION, AttemptEnded, Event, Outcome, SessionStarted, after_verdict
from rung.study.state import StudyState


def take(
    storage: Storage, study: str, plan: Mapping[str, Any], backend: Backend | None = None
) -> tuple[Lease, StudyState, Keeper]:
    """Own the study, or raise StudyInUse; on return its log has this session and no open attempt.

    What a dead coordinator's workers left is gone by then; `backend` is this session's, if it has one. The
    keeper is that of the study's snapshot. Raises StudyError if the study's folder is another user's, who
    is not trusted.
    """
    refuse_strangers(storage.folder(study))
    lease = storage.acquire(study, Owner(socket.gethostname(), os.getpid(), time.time()))
    try:
        state, keeper = open_to_go_on(storage, study)
        reap(state.workers, bool(state.ended), backend)
        events = [_session(lease, state, plan), *_interrupted(state)]
        storage.append(lease, events)
    except BaseException:
        storage.release(lease)
        raise
    for event in events:
        state.apply(event)
    keeper.keep(state, events)
    return lease, state, keeper


def _session(lease: Lease, state: StudyState, plan: Mapping[str, Any]) -> SessionStarted:
    owner = {"host": lease.owner.host, "pid": lease.owner.pid}
    return SessionStarted(id=f"s{lease.epoch}", t=state.t, epoch=lease.epoch, wall=lease.owner.since,
                          owner=owner, plan=plan, versions=_versions())  # fmt: skip


def _interrupted(state: StudyState) -> list[Event]:
    return [
        AttemptEnded(id=f"t{number}/a{attempt.number}/end", t=state.t, trial=number, attempt=attempt.number,
                     outcome=after_verdict(attempt.verdict) if attempt.verdict else Outcome.INTERRUPTED,
                     metrics={}, reason="its coordinator died")
        for number, attempt in sorted(state.open.items())
    ]  # fmt: skip


def _versions() -> dict[str, str]:
    import numpy as np

    from rung import __version__

    return {
        "rung": __version__,
        "schema": str(SCHEMA_VERSION),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": sys.platform,
    }
