"""What an objective in this process starts is marked, and ended by a guard should this process be killed.

Nobody but the kernel knows the descendants of a process that is gone. So each is marked as it comes: what is
executed inherits an environment variable, and what Python forks gives its id to the guard.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import weakref
from dataclasses import asdict
from pathlib import Path

from rung.execution.base import WorkerUp
from rung.execution.worker import children_guard
from rung.execution.worker.leftovers import INLINE, Identity
from rung.objectives.guard import MARK

_IN_THE_BACKGROUND = ("/bin/sh", "-c", 'exec 3<&0; "$@" <&3 3<&- >/dev/null 2>&1 & echo $!', "sh")
"""Runs what follows as no child of ours, since an objective may wait for all children; writes its id."""


class ChildGuard:
    """The guard of this process's children; raises OSError if it can't be started."""

    def __init__(self) -> None:
        self._coordinator, self._mark = os.getpid(), ""
        reading, self._line = os.pipe()
        os.set_blocking(self._line, False)
        self._file = _file(self._line)
        path = json.dumps([str(Path(entry).absolute()) for entry in sys.path if isinstance(entry, str)])
        try:
            self._starter = subprocess.Popen(
                [*_IN_THE_BACKGROUND, sys.executable, "-I", "-S", children_guard.__file__,
                 str(self._coordinator), path],
                stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
                start_new_session=True,
            )  # fmt: skip
        except OSError:
            os.close(self._line)
            raise
        finally:
            os.close(reading)

    def watch(self) -> WorkerUp | None:
        """Mark what is started from now on. Returns what the log is to know; None if there is no guard."""
        said = self._starter.communicate()[0]
        if not said:
            return None
        guard = int(said)
        self._mark = f"{guard}/{self._coordinator}"
        os.environ[MARK] = f"{os.environ.get(MARK, '')} {self._mark}"
        _WATCHED.add(self)
        identity = Identity.beside(self._coordinator, guard)
        return WorkerUp(0, INLINE, asdict(identity))

    def close(self) -> None:
        """End the guard: what was started, and still runs, is the user's own."""
        if os.getpid() != self._coordinator:
            return  # a fork's copy
        _WATCHED.discard(self)
        if self._mark:
            others = [mark for mark in os.environ.pop(MARK, "").split() if mark != self._mark]
            if others:
                os.environ[MARK] = " ".join(others)
        self.say(b"q")
        if self._is_ours:
            os.close(self._line)
        with self._starter:  # closes what is open, and waits
            pass

    def say(self, text: bytes) -> None:
        """Write to the guard; never waits."""
        if self._is_ours:
            with contextlib.suppress(OSError):
                os.write(self._line, text)

    @property
    def _is_ours(self) -> bool:
        # An objective may have closed all descriptors, and opened files of its own.
        with contextlib.suppress(OSError):
            return _file(self._line) == self._file
        return False


def _file(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


_WATCHED: weakref.WeakSet[ChildGuard] = weakref.WeakSet()


def _say_who_was_forked() -> None:
    for guard in list(_WATCHED):
        guard.say(b"%d " % os.getpid())


os.register_at_fork(after_in_child=_say_who_was_forked)
