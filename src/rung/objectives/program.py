"""A program under a guard of its own: what it prints, how it ends, and that nothing is left of it.

The guard is that of workers (`guard.py`): it leads the program's session, sees this process die, and ends
the program and all that it started.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Self, TextIO

from rung.objectives import guard

_CHUNK = 65536
_LONGEST_LINE = 65536
"""Bytes of a line that may be a report; a longer one comes in pieces."""
_TAIL = 4000
"""Characters of stderr that are remembered."""
LOST = -1
"""The status of a program whose guard was killed, and took it along."""
_STDIN = "0"
"""The descriptor that the guard hands down beside its own: the program needs no line to us."""


class Program:
    """A running program; leaving its `with` block ends it: SIGTERM, two seconds, SIGKILL.

    What it writes to stderr is passed on to `sys.stderr`. Raises OSError or ValueError if it can't be
    started with these arguments, environment and folder.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None) -> None:
        self.status: int | None = None
        """As `os.wait` gives it, None while it runs; `LOST` if the guard was killed."""
        self.errors = ""
        """The end of what it wrote to stderr."""
        self._overdue: float | None = None
        """When the guard, asked to end the program, is killed, and takes it along."""
        self._lines: deque[str] = deque()
        self._begun = b""
        """A line whose end has not come yet."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._control, guard_end = socket.socketpair()
        with contextlib.ExitStack() as undo:
            undo.callback(self._control.close)
            with guard_end:
                fd = guard_end.fileno()
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", guard.__file__, str(fd), _STDIN, "", "", *arguments],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                    env=dict(environment), cwd=cwd, start_new_session=True, pass_fds=(fd,),
                )  # fmt: skip
            undo.pop_all()
        self._selector = selectors.DefaultSelector()
        for file, take in (
            (self._control, self._take_status),
            (self._guard.stdout, self._take_output),
            (self._guard.stderr, self._take_errors),
        ):
            assert file is not None
            self._selector.register(file, selectors.EVENT_READ, take)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.status is None:
                with contextlib.suppress(OSError):
                    self._control.send(b"k")
                self._overdue = monotonic() + guard.OVERDUE
            for line in self.lines():
                pass_on(line, sys.stdout)
        finally:
            self._control.close()  # a guard that still runs kills at once
            self._selector.close()
            for pipe in self._pipes():
                pipe.close()
            self._guard.wait()

    @property
    def exit_code(self) -> int | None:
        """Negative if a signal ended it; None if that is not known."""
        return os.waitstatus_to_exitcode(self.status) if self.status not in {None, LOST} else None

    @property
    def how_it_ended(self) -> str:
        """In words."""
        return guard.how_it_ended(self.status) if self.status not in {None, LOST} else "its guard was killed"

    def lines(self) -> Iterator[str]:
        """Each line of stdout as it comes, until the program and all that it started are gone."""
        while self.status is None:
            while self._lines:
                yield self._lines.popleft()
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            for key, _ in self._selector.select(self._patience()):
                key.data(key.fileobj)
            if self._overdue is not None and monotonic() >= self._overdue:
                self._guard.kill()
                self._overdue = None
        self._drain()
        while self._lines:
            yield self._lines.popleft()

    def _patience(self) -> float | None:
        return None if self._overdue is None else max(0.0, self._overdue - monotonic())

    def _drain(self) -> None:
        # To the end of what is there: on systems without subreapers a daemon may hold the other end.
        for pipe, take in zip(self._pipes(), (self._take_output, self._take_errors), strict=True):
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(BlockingIOError):
                while take(pipe):
                    pass
        if self._begun:
            self._keep([self._begun + b"\n"])
            self._begun = b""

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._guard.stdout is not None
        assert self._guard.stderr is not None
        return self._guard.stdout, self._guard.stderr

    def _take_status(self, control: socket.socket) -> None:
        try:
            said = control.recv(64)
        except OSError:
            said = b""
        self.status = int(said) if said else LOST

    def _take_output(self, pipe: IO[bytes]) -> bool:
        chunk = os.read(pipe.fileno(), _CHUNK)
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        self._keep(line + b"\n" for line in lines)
        if len(self._begun) > _LONGEST_LINE:
            self._keep([self._begun])
            self._begun = b""
        return self._more(pipe, chunk)

    def _take_errors(self, pipe: IO[bytes]) -> bool:
        chunk = os.read(pipe.fileno(), _CHUNK)
        text = self._decoder.decode(chunk, final=not chunk)
        self.errors = (self.errors + text)[-_TAIL:]
        pass_on(text, sys.stderr)
        return self._more(pipe, chunk)

    def _keep(self, lines: Iterable[bytes]) -> None:
        self._lines.extend(line.decode("utf-8", "replace") for line in lines)

    def _more(self, pipe: IO[bytes], chunk: bytes) -> bool:
        if not chunk and pipe in self._selector.get_map():
            self._selector.unregister(pipe)
        return bool(chunk)


def pass_on(text: str, stream: TextIO) -> None:
    """Write what the program wrote. A stream that is closed, or a full disk, does not fail the trial."""
    with contextlib.suppress(OSError, ValueError):
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode("ascii", "backslashreplace").decode())
