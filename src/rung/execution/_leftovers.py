"""Worker processes that outlived their coordinator: recognise them without doubt, and end them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol


class Recorded(Protocol):
    """What the log knows of a worker process."""

    @property
    def pid(self) -> int: ...
    @property
    def guard(self) -> int: ...
    @property
    def started(self) -> float: ...
    @property
    def boot(self) -> str: ...


def boot_id() -> str:
    """An id of this boot of this machine: process ids mean nothing beyond it."""
    import psutil

    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{os.uname().nodename}/{psutil.boot_time():.0f}"


def start_time(pid: int) -> float:
    """When the process began, in Unix seconds; 0.0 if it is gone."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def kill_leftovers(workers: Iterable[Recorded]) -> int:
    """Kill what still lives of these workers' process groups; returns how many processes that were.

    A process is killed only if boot, session (the guard's) and group (the worker's) match and it began
    no earlier than the worker: a process id that was given anew is not enough.
    """
    import psutil

    here = boot_id()
    groups = {(w.guard, w.pid): w.started for w in workers if w.boot == here}
    if not groups:
        return 0
    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            began = groups.get((os.getsid(process.pid), os.getpgid(process.pid)))
            if began is not None and process.create_time() >= began - 1.0:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
    return killed
