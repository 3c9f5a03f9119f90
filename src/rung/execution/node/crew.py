"""Workers that an engine places, as Ray, Slurm or Dask do: so many, and another one for each that ends."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from rung._text import visible_lines
from rung.errors import WorkerError

logger = logging.getLogger("rung")

_LOOK = 1.0
"""Seconds between two questions to an engine about all its workers."""
_TRIES = 3
"""Workers in a row that may end before one has joined."""
_LONGEST_PAUSE = 60.0
"""Seconds until a worker that ended is replaced, at most: they double with each that ends in a row."""
_PR_SET_PDEATHSIG = 1


class Engine(Protocol):
    """Places processes somewhere."""

    def place(self, arguments: Sequence[str], env: Mapping[str, str]) -> Any:
        """Have `hold(arguments, env)` run; returns at once with a handle."""
        ...

    def ended(self, handle: Any) -> str:
        """Why it has ended, in the engine's own words; "" while it waits or runs."""
        ...

    def waits(self, handle: Any) -> str:
        """Why it does not run yet, in the engine's own words; "" if it runs or nothing is known."""
        ...

    def remove(self, handle: Any) -> None:
        """End it, or give it up while it waits."""
        ...

    def close(self) -> None:
        """Give back what was opened for this study."""
        ...


@dataclass
class Crew:
    """`size` workers, placed by `engine`, each as `rung` with these arguments."""

    engine: Engine
    size: int
    arguments: Sequence[str]
    env: Mapping[str, str]

    def __post_init__(self) -> None:
        self._handles: list[Any] = []
        self._looked = self._next = 0.0
        self._ends = 0
        self._last = ""

    def look(self, joined: int) -> None:
        """Replace those that have ended; `joined` are there. Raises WorkerError if none ever comes."""
        now = monotonic()
        if now < self._looked + _LOOK:
            return
        self._looked = now
        if joined:
            self._ends = 0
        for handle in list(self._handles):
            if why := self.engine.ended(handle):
                self._handles.remove(handle)
                self._ends, self._last = self._ends + 1, why
                self._next = now + min(_LONGEST_PAUSE, 0.5 * 2**self._ends)
                logger.info("a worker has ended: %s", visible_lines(why))
        if self._ends >= _TRIES and not joined:
            raise WorkerError(f"workers end before they have joined; the last one: {self._last}")
        while len(self._handles) < self.size and now >= self._next:
            self._handles.append(self.engine.place(self.arguments, self.env))

    def waiting(self) -> str:
        """What the engine says of those that do not run yet."""
        return "; ".join(sorted({why for handle in self._handles if (why := self.engine.waits(handle))}))

    def close(self) -> None:
        """End all of them."""
        for handle in self._handles:
            with contextlib.suppress(Exception):  # an engine that is gone has ended them
                self.engine.remove(handle)
        with contextlib.suppress(Exception):
            self.engine.close()


def hold(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """On the engine's side: run `rung` to its end, which comes with that of this process, too."""
    command = [sys.executable, "-m", "rung", *arguments]
    # The engine may end this process by SIGKILL.
    with subprocess.Popen(command, env={**os.environ, **env}, preexec_fn=_end_with_parent) as process:  # noqa: PLW1509
        try:
            return process.wait()
        finally:
            process.terminate()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
