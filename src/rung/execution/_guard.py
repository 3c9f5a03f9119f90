"""The guard of one worker: owns its process group, sees the coordinator die, and leaves nothing behind.

Run as a script by file name, standard library only, so that it starts in milliseconds and no user code
can disturb it:  _guard.py CONTROL_FD CHANNEL_FD COMMAND...

CONTROL_FD is one end of a socket pair whose other end the coordinator holds. "k" asks for the end of the
worker: SIGTERM, and SIGKILL after PATIENCE. End of file means that the coordinator is gone: SIGKILL. When
the worker has ended, the guard kills what is left of its group and of its descendants, writes the worker's
wait status as a decimal number and exits.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence

PATIENCE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> None:
    """Start the worker, watch it, clean up, tell how it ended."""
    control, channel, command = int(arguments[0]), int(arguments[1]), list(arguments[2:])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(control, False)  # whoever inherited it could speak for us, and keep it open after us
    wake = _wake_on_child_exit()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans of the worker become ours, even those that left its group
    worker = _start(channel, command)
    os.close(channel)
    status = _watch(control, wake, worker)
    _sweep(worker)
    with contextlib.suppress(OSError):
        os.write(control, str(status).encode())


def _start(channel: int, command: list[str]) -> int:
    guard = os.getpid()
    worker = os.fork()
    if worker == 0:
        try:
            os.setpgid(0, 0)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a killed guard takes its worker along
            if os.getppid() == guard:
                os.set_inheritable(channel, True)
                os.execv(command[0], command)
        finally:
            os._exit(127)
    with contextlib.suppress(OSError):
        os.setpgid(worker, worker)
    return worker


def _watch(control: int, wake: int, worker: int) -> int:
    deadline: float | None = None
    while True:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([control, wake], [], [], patience)
        if wake in ready:
            os.read(wake, 4096)
        status = _reap(worker)
        if status is not None:
            return status
        if deadline is not None and time.monotonic() >= deadline:
            _signal_group(worker, signal.SIGKILL)
            deadline = None
        if control in ready:
            if not _read(control):
                _signal_group(worker, signal.SIGKILL)
                return os.waitpid(worker, 0)[1]
            _signal_group(worker, signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE


def _read(control: int) -> bytes:
    try:
        return os.read(control, 64)
    except OSError:
        return b""


def _reap(worker: int) -> int | None:
    # Waits for every child that has ended, adopted orphans too; the worker's status if it is among them.
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == worker:
                return status
            if pid == 0:
                break
    return None


def _sweep(worker: int) -> None:
    # Killing a process hands its children to us, so this goes on until there are none.
    _signal_group(worker, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for child in _children():
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return


def _children() -> Iterator[int]:
    me = str(os.getpid())
    for entry in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:
            # "pid (name) state ppid ...", where the name may hold spaces and parentheses
            if file.read().rpartition(")")[2].split()[1] == me:
                yield int(entry)


def _signal_group(worker: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(worker, number)


def _wake_on_child_exit() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _prctl(option: int, value: int) -> None:
    # Linux only; elsewhere a worker still dies with the coordinator, by the guard.
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
