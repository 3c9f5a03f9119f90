"""The guard of one worker: owns its process group, sees the coordinator die, and leaves nothing behind.

Run as a script by file name, standard library only, so that it starts in milliseconds and no user code
can disturb it:  guard.py CONTROL_FD CHANNEL_FD LOGS NAME COMMAND...

CONTROL_FD is one end of a socket pair whose other end the coordinator holds. "k" asks for the end of the
worker: SIGTERM, and SIGKILL after PATIENCE; "K" means SIGKILL at once. End of file means that the
coordinator is gone: SIGKILL. When the worker has ended, the guard kills what is left of its group and of its
descendants, writes the worker's wait status as a decimal number and exits.

What the worker and its children print goes through the guard, too, into LOGS/NAME.log, and into a file of
each attempt's own once the worker names it; without LOGS it goes where the guard's own output goes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence

PATIENCE = 1.0
"""Seconds between SIGTERM and SIGKILL."""
OVERDUE = 2 * PATIENCE + 2.0
"""Seconds after which a guard that was asked to end its worker does nothing any more: it may be stopped."""
LIMIT = 1_000_000
"""Bytes that a log may hold; of more, the first quarter and the last part are kept."""

MARK = "RUNG_WORKER"
"""The environment variable by which descendants of a worker are known, as "guard/worker" for each around."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> None:
    """Start the worker, watch it, clean up, tell how it ended."""
    control, channel, logs, name = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(control, False)  # a child with it could speak for us, and keep it open after us
    wake = _wake_on_child_exit()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans of the worker become ours, even those that left its group
    output = _Output(logs, name) if logs else None
    worker = _start(channel, list(arguments[4:]), output)
    os.close(channel)
    status = _watch(control, wake, worker, output)
    _sweep(worker)
    if output is not None:
        output.drain()
    with contextlib.suppress(OSError):
        os.write(control, str(status).encode())


class _Output:
    """What the worker and its children print, in a bounded file for each attempt.

    The worker writes an attempt's name into one pipe and waits for the answer in another, so that nothing
    that was printed before is taken for that attempt's.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self.printed, self.printing = os.pipe()
        self.names, self.naming = os.pipe()
        self.answered, self._answers = os.pipe()
        os.set_blocking(self.printed, False)
        self.readable = [self.printed, self.names]
        self._file: int | None = None
        self._begin(name)

    def hand_over(self) -> list[str]:
        """In the worker: print into the pipe; returns the arguments that let it name attempts."""
        for stream in (1, 2):
            os.dup2(self.printing, stream)
        for end in (self.naming, self.answered):
            os.set_inheritable(end, True)
        return [str(self.naming), str(self.answered)]

    def started(self) -> None:
        """In the guard: the worker holds its ends now, so that its death closes the pipes."""
        for end in (self.printing, self.naming, self.answered):
            os.close(end)

    def serve(self, ready: Sequence[int]) -> None:
        if self.printed in ready:
            self.drain()
        if self.names in ready:
            name = os.read(self.names, 64).decode(errors="replace")
            if not name:
                self.readable.remove(self.names)
            elif name.replace("-", "").isalnum():  # or else something that the objective wrote there
                self.drain()
                self._begin(name)
                with contextlib.suppress(OSError):
                    os.write(self._answers, b".")

    def drain(self, most: int = 16 * LIMIT) -> None:
        """Take what is there, up to a bound: the program may print without end."""
        while most > 0 and self.printed in self.readable:
            try:
                data = os.read(self.printed, 65536)
            except BlockingIOError:
                return
            if not data:
                self.readable.remove(self.printed)
                return
            with contextlib.suppress(OSError):  # a full disk costs the log, not the trial
                self._write(data)
            most -= len(data)

    def _begin(self, name: str) -> None:
        if self._file is not None:
            os.close(self._file)
        self._path, self._file = os.path.join(self._folder, name + ".log"), None
        self._size = self._left_out = self._note = 0

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size += os.write(self._file, data)
        if self._size > LIMIT:
            self._shorten(self._file)

    def _shorten(self, file: int) -> None:
        head = os.pread(file, LIMIT // 4, 0)
        tail = os.pread(file, LIMIT // 2, self._size - LIMIT // 2)
        self._left_out += self._size - len(head) - len(tail) - self._note
        note = f"\n... {self._left_out} bytes are left out here ...\n".encode()
        self._note = len(note)
        os.ftruncate(file, 0)
        self._size = os.write(file, head + note + tail)


def _start(channel: int, command: list[str], output: _Output | None) -> int:
    guard = os.getpid()
    worker = os.fork()
    if worker == 0:
        try:
            os.setpgid(0, 0)
            # SIGPIPE and SIGXFSZ: Python ignores them, and what it executes would inherit that.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE,
                           signal.SIGXFSZ):  # fmt: skip
                signal.signal(number, signal.SIG_DFL)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a killed guard takes its worker along
            if os.getppid() == guard:
                os.set_inheritable(channel, True)
                if output is not None:
                    command += output.hand_over()
                os.environ[MARK] = f"{os.environ.get(MARK, '')} {guard}/{os.getpid()}"
                os.execv(command[0], command)
        finally:
            os._exit(127)
    if output is not None:
        output.started()
    with contextlib.suppress(OSError):
        os.setpgid(worker, worker)
    return worker


def _watch(control: int, wake: int, worker: int, output: _Output | None) -> int:
    deadline: float | None = None
    while True:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        printed = [] if output is None else output.readable
        ready, _, _ = select.select([control, wake, *printed], [], [], patience)
        if output is not None:
            output.serve(ready)
        if wake in ready:
            os.read(wake, 4096)
        status = _reap(worker)
        if status is not None:
            return status
        if deadline is not None and time.monotonic() >= deadline:
            _signal_group(worker, signal.SIGKILL)
            deadline = None
        if control in ready:
            order = _read(control)
            if not order:
                _signal_group(worker, signal.SIGKILL)
                return os.waitpid(worker, 0)[1]
            _signal_group(worker, signal.SIGKILL if b"K" in order else signal.SIGTERM)
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


def how_it_ended(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        names = {known.value: known.name for known in signal.Signals}
        return f"killed by {names.get(number, f'signal {number}')}{hint}"
    return f"exit code {os.WEXITSTATUS(status)}"


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
