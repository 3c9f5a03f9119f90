"""Beside a process that runs objectives itself: ends what they started, should that process be killed.

Run as a script by file name, standard library only, so that it starts in milliseconds:
children_guard.py COORDINATOR PATH  waits for the coordinator's end. On stdin come the ids of the processes
that it forks, and "q" if nothing is to be ended any more. When it is gone without that, its forks are killed,
and what has the mark "guard/coordinator" in its environment.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

_LOOK = 0.3
"""Seconds between two looks, where the system does not tell of a process's end."""
_MOST = 1000
"""Forks that are remembered before those that have ended are forgotten."""
_PATIENCE = 2.0
"""Seconds until all that was forked is gone."""
_STDIN = 0


def main(coordinator: int, path: str) -> None:
    """Wait for the end of the coordinator, and kill what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end = _end_of(coordinator)
    forks: dict[int, str] = {}
    if _outlives(coordinator, end, forks):
        _kill_forks(forks)
        _kill_marked(coordinator, path)


def _end_of(coordinator: int) -> int | None:
    """A descriptor that is readable when the process has ended; None on systems without."""
    with contextlib.suppress(AttributeError, OSError):
        return os.pidfd_open(coordinator)
    return None


def _outlives(coordinator: int, end: int | None, forks: dict[int, str]) -> bool:
    """Wait: True once the coordinator is gone, False if it says that there is nothing to be done."""
    lines = [_STDIN] if end is None else [_STDIN, end]
    while True:
        ready, _, _ = select.select(lines, [], [], _LOOK if end is None else None)
        if _STDIN in ready:
            said = os.read(_STDIN, 1 << 20)
            if b"q" in said:
                return False
            if not said:  # the objective closed what was not its own
                lines.remove(_STDIN)
            _remember(said, forks)
        if end in ready if end is not None else not _lives(coordinator):
            return True


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _remember(said: bytes, forks: dict[int, str]) -> None:
    if len(forks) > _MOST:
        for process in [process for process, began in forks.items() if _began(process) != began]:
            del forks[process]
    for process in map(int, said.split()):
        forks[process] = _began(process)


def _began(process: int) -> str:
    """When it was started, in ticks, which tells it from a later one with its id; "" if that is not known."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/stat") as file:
        # "pid (name) state ppid ...", where the name may hold spaces and parentheses
        return file.read().rpartition(")")[2].split()[19]
    return ""


def _kill_forks(forks: dict[int, str]) -> None:
    # They hold the other end of the pipe, and write into it who they fork meanwhile.
    deadline = time.monotonic() + _PATIENCE
    said = b"?"
    while said and time.monotonic() < deadline:
        for process, began in forks.items():
            if began and _began(process) == began:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
        ready, _, _ = select.select([_STDIN], [], [], 0.02)
        said = os.read(_STDIN, 1 << 20) if ready else b" "
        _remember(said, forks)


def _kill_marked(coordinator: int, path: str) -> None:
    import json

    sys.path[:] = json.loads(path)
    from rung.execution.worker.leftovers import Identity, kill_leftovers

    kill_leftovers([Identity.beside(coordinator, os.getpid())])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
