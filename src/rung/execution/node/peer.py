"""The coordinator's side of one node."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from rung._disk import open_regular
from rung.execution.base import AttemptId, End, Job, Log, Report
from rung.execution.node import frames
from rung.execution.node.frames import Beat, Bye, Hello, Piece, Said
from rung.execution.node.line import Line
from rung.execution.worker.talk import Talk
from rung.objectives.guard import LIMIT
from rung.study.notes import LARGEST_FILE, check_files, place

logger = logging.getLogger("rung")


class Peer:
    """A node that has proved that it has the token, over all its connections.

    `logs` is the folder for what its trials print, in the study's own; None of a study in memory.
    """

    def __init__(self, number: int, hello: Hello, logs: Path | None, now: float) -> None:
        self.number, self.host, self.pid, self.slots = number, hello.host, hello.pid, hello.slots
        self.ticket = secrets.token_hex(16)
        self.line = Line()
        self.heard, self.joined = now, time.time()
        self.ready = self.shares = self.leaving = self.gone = False
        self.talks: dict[AttemptId, Talk] = {}
        """What it runs."""
        self.deadlines: dict[AttemptId, float] = {}
        """When an attempt that was asked to end must have ended."""
        self._logs = logs
        self._sizes: dict[Path, int] = {}

    def __str__(self) -> str:
        return f"worker {self.number} on {self.host} (pid {self.pid})"

    @property
    def capacity(self) -> int:
        """How many attempts it runs, or would."""
        return self.slots if self.takes_jobs else len(self.talks)

    @property
    def takes_jobs(self) -> bool:
        """Whether it is there, and to stay."""
        return self.ready and not self.leaving and self.line.link is not None

    @property
    def free(self) -> int:
        """How many more attempts it takes."""
        return self.slots - len(self.talks) if self.takes_jobs else 0

    def start(self, job: Job) -> None:
        """Remember a job that it was given."""
        self.talks[job.id] = Talk(job)

    def says(self, now: float) -> Iterator[Said]:
        """What it said since; raises ValueError if that is not of a node's own code, or out of turn."""
        link = self.line.link
        if link is None:
            return
        for frame in link.frames():
            taken = self.line.take(frame)
            self.heard = now
            if taken is None:
                continue
            numbered, said = taken
            if not numbered:
                self._answer(said)
                continue
            message = frames.read(said)
            if isinstance(message, Report | Log | End | Piece) and not self._expects(message):
                raise ValueError(f"it speaks for {message.id} out of turn")
            yield message

    def _expects(self, said: Report | Log | End | Piece) -> bool:
        talk = self.talks.get(said.id)
        return talk is not None and (isinstance(said, Piece) or talk.expects(said))

    def _answer(self, said: bytes) -> None:
        match frames.read_about(said):
            case Beat(number, received):
                self.line.confirm(received)
                self.line.say("beat", number=number, received=self.line.received)
            case Bye():
                self.gone = True

    def keep(self, piece: Piece) -> None:
        """Write a part of a file that its trial printed or logged; a full disk costs the file only."""
        if self._logs is None:
            return
        trial, attempt = piece.id
        path, most = self._logs / f"t{trial}-a{attempt}.log", 2 * LIMIT
        if piece.kind == "note":
            check_files({"file": piece.name})
            path, most = self._logs.parent / place(trial, piece.name), LARGEST_FILE
        size = self._sizes.get(path, 0)
        self._sizes[path] = size + len(piece.data)
        if self._sizes[path] > most:
            raise ValueError(f"{piece.kind} of more than {most} bytes")
        try:
            if not size:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
            descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with open(descriptor, "ab") as file:  # noqa: PTH123 -- a descriptor
                file.write(piece.data)
                file.flush()
                if piece.kind == "note":
                    os.fsync(file.fileno())
        except OSError as error:
            logger.warning("%s can't be kept: %s", path, error)

    def forget_files(self, attempt: AttemptId) -> None:
        """No more of them comes."""
        of = f"t{attempt.trial}-a{attempt.attempt}.log", str(attempt.trial)
        self._sizes = {path: size for path, size in self._sizes.items()
                       if path.name != of[0] and path.parent.name != of[1]}  # fmt: skip

    def close(self) -> None:
        """Close its connection."""
        link, self.line.link = self.line.link, None
        if link is not None:
            with contextlib.suppress(OSError):
                link.close()
