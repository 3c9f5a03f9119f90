"""The coordinator's side of one worker process and its guard."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic  # bound now: an objective may patch the module

from rung.execution.base import Job
from rung.execution.worker import frames
from rung.execution.worker.channel import Channel
from rung.execution.worker.frames import Broken, Hello, Ready, Said
from rung.execution.worker.gpus import VARIABLE
from rung.execution.worker.leftovers import Identity
from rung.execution.worker.talk import Talk
from rung.objectives import guard
from rung.study.events import Outcome

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from rung.execution.worker.main import main; main(*map(int, [sys.argv[1], *sys.argv[3:]]))"
)
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_PATIENCE = struct.pack("ll", 10, 0)
"""A timeval: how long a worker may leave unread what is sent to it."""
Fate = tuple[Outcome, str]
"""How an attempt is to end that is ended by force, and why."""


class Worker:
    """The coordinator's side of one worker process and its guard."""

    def __init__(self, number: int, place: int, environment: dict[str, str], logs: Path | None) -> None:
        self.number, self.place = number, place
        self.ready = False
        self.trusted = True
        """Whether all it said is what rung's own code says; after that nothing it says counts."""
        self.identity: Identity | None = None
        """Known once it has said hello."""
        self.talk: Talk | None = None
        """What was said of the attempt that it runs."""
        self.deadlines: list[tuple[float, Fate]] = []
        """When the attempt is to be ended by force."""
        self.fate: Fate | None = None
        """Set when it is being ended."""
        self.overdue: float | None = None
        """When its guard, asked to end it, is ended by force itself."""
        control, guard_end = socket.socketpair()
        channel, worker_end = socket.socketpair()
        with contextlib.ExitStack() as ends:
            ends.enter_context(guard_end)
            ends.enter_context(worker_end)
            self.guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__,
                 str(guard_end.fileno()), str(worker_end.fileno()), str(logs or ""), f"worker-{number}",
                 sys.executable, "-P", "-c", _BOOT, str(worker_end.fileno()), _search_path()],
                stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
                pass_fds=(guard_end.fileno(), worker_end.fileno()),
            )  # fmt: skip
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
        self.control, self.channel = control, Channel(channel, frames.LONGEST)

    def send(self, frame: bytes) -> None:
        """Send one frame; a worker that does not take it is ended, if it has not just died."""
        try:
            self.channel.send(frame)
        except OSError:
            self.kill()

    def start(self, job: Job) -> None:
        """Hand over a job."""
        self.talk = Talk(job)
        self.send(pickle.dumps(job))

    def says(self) -> Iterator[Said]:
        """What it said since, up to the first frame that is not of rung's own code: it is ended then."""
        if not self.trusted:
            return
        try:
            for frame in self.channel.available():
                said = frames.read(frame)
                if not self._expects(said):
                    raise ValueError("a frame out of turn")
                yield said
        except ValueError:  # the objective wrote into our line
            self.trusted = False
            self.kill()

    def _expects(self, said: Said) -> bool:
        match said:
            case Hello():
                return self.identity is None
            case Ready():
                return self.identity is not None and not self.ready
            case Broken():
                return not self.ready
        return self.talk is not None and self.talk.expects(said)

    @property
    def job(self) -> Job | None:
        """The attempt that it runs."""
        return None if self.talk is None else self.talk.job

    @property
    def is_free(self) -> bool:
        """Whether it takes a job."""
        return self.ready and self.trusted and self.job is None and self.fate is None

    @property
    def stopping(self) -> bool:
        """Whether it is being ended since its attempt is no longer wanted."""
        return self.fate is not None and self.fate[0] is Outcome.INTERRUPTED

    def kill(self, fate: Fate | None = None, *, at_once: bool = False) -> None:
        """Have its guard end it: SIGTERM and then SIGKILL, or SIGKILL `at_once`."""
        self.fate, self.deadlines = self.fate or fate, []
        self.overdue = self.overdue or monotonic() + guard.OVERDUE
        with contextlib.suppress(OSError):
            self.control.send(b"K" if at_once else b"k")

    def status(self) -> int | None:
        """How it ended, as its guard says it; None if the guard was killed. Waits for that."""
        try:
            said = self.control.recv(64)
        except ConnectionResetError:  # the guard left something unread
            said = b""
        return int(said) if said else None

    def kill_guard(self) -> None:
        """End a guard that does nothing any more: somebody may have stopped it. Its worker dies with it."""
        self.overdue = None
        self.guard.kill()

    def close(self) -> None:
        """Close both lines."""
        self.channel.close()
        self.control.close()


def _search_path() -> str:
    # Tools put other things than strings there, which the import system skips.
    return json.dumps([entry for entry in sys.path if isinstance(entry, str)])


def environments(n_workers: int, gpus: Sequence[str] | None) -> list[dict[str, str]]:
    """The environment of each worker's place; who takes a dead worker's place gets its GPUs."""
    shared = _environment(n_workers)
    return [shared] * n_workers if gpus is None else [{**shared, VARIABLE: seen} for seen in gpus]


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environment(n_workers: int) -> dict[str, str]:
    share = str(max(1, cores() // n_workers))
    return {**dict.fromkeys(_THREADS, share), **os.environ}
