"""Worker processes that outlived their coordinator: recognise them without doubt, and end them."""

from __future__ import annotations

import contextlib
import math
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.objectives.guard import MARK

if TYPE_CHECKING:
    import psutil

    from rung.study.events import WorkerStarted

INLINE, PROCESSES = "inline", "processes"
"""The backends whose workers are processes of this machine, as the log names them."""
_MOST_PIDS = 2**31
_FOR_EVER = 1e12
"""Seconds that no machine runs."""
_PASSES = 20
"""Looks at the processes there are, each for the children that were started during the one before."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker process, such that no other is ever taken for it."""

    pid: int
    guard: int
    """The process id of its guard."""
    started: float
    """Seconds from the boot to its beginning."""
    boot: str
    """Which boot of which machine."""

    @classmethod
    def of(cls, pid: int, guard: int) -> Identity:
        """The identity of a worker that runs now."""
        return cls(pid, guard, start_time(pid), boot_id())

    @classmethod
    def beside(cls, pid: int, guard: int) -> Identity:
        """That of a process that ran before its guard: what counts as its own began after the guard did."""
        return cls(pid, guard, start_time(guard), boot_id())

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Identity | None:
        """The same from the log; None if that is not what `of` made, as a log may come from a stranger."""
        pid, guard, started, boot = (stored.get(name) for name in ("pid", "guard", "started", "boot"))
        if (
            type(pid) is int
            and type(guard) is int
            and 0 < min(pid, guard) <= max(pid, guard) < _MOST_PIDS
            and isinstance(started, float | int)
            and 0 <= started < _FOR_EVER
            and isinstance(boot, str)
        ):
            return cls(pid, guard, started, boot)
        return None


def boot_id() -> str:
    """An id of this boot of this machine: process ids mean nothing beyond it."""
    import psutil

    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{os.uname().nodename}/{psutil.boot_time():.0f}"


def start_time(pid: int) -> float:
    """Seconds from the boot to the process's beginning, whatever the clock does; 0.0 if it is gone."""
    import psutil

    try:
        return _since_boot(psutil.Process(pid))
    except psutil.Error:
        return 0.0


def _since_boot(process: psutil.Process) -> float:
    import psutil

    boot = psutil.boot_time()  # as the clock has it now, like create_time()
    return process.create_time() - boot


def reap(workers: Iterable[WorkerStarted]) -> None:
    """Kill what still lives of the workers that a log tells of."""
    kill_leftovers(filter(None, (Identity.read(worker.identity) for worker in workers)))


def kill_leftovers(workers: Iterable[Identity]) -> int:
    """Kill what still lives of these workers and their descendants; returns how many processes that were.

    A descendant is known by its session (the guard's) and group (the worker's), or, if it left them, by the
    mark that it inherited in its environment. It is killed only if the boot matches and it began no earlier
    than the worker: a process id that was given again is not enough. A guard that somebody stopped goes too.
    """
    import psutil

    here = boot_id()
    known = [worker for worker in workers if worker.boot == here]
    began = {f"{w.guard}/{w.pid}": w.started for w in known}
    guards = {w.guard: w.started for w in known}
    if not began:
        return 0
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    killed: set[psutil.Process] = set()
    for _ in range(_PASSES):
        found = {
            process
            for process in psutil.process_iter()
            if process.pid not in spared and (_belongs(process, began) or _is_stopped_guard(process, guards))
        } - killed
        if not found:
            break
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        killed |= found
    return len(killed)


def _belongs(process: psutil.Process, began: Mapping[str, float]) -> bool:
    import psutil

    with contextlib.suppress(OSError, psutil.Error):
        return any(_since_boot(process) >= began.get(mark, math.inf) - 1.0 for mark in _marks(process))
    return False


def _is_stopped_guard(process: psutil.Process, guards: Mapping[int, float]) -> bool:
    import psutil

    if process.pid not in guards:
        return False
    with contextlib.suppress(psutil.Error):
        # A process with the guard's id that began before the guard's worker did is the guard.
        first = _since_boot(process) <= guards[process.pid] + 1.0
        return first and process.status() in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}
    return False


def _marks(process: psutil.Process) -> Iterator[str]:
    yield f"{os.getsid(process.pid)}/{os.getpgid(process.pid)}"
    yield from process.environ().get(MARK, "").split()
