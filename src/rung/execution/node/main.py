"""The node's side: `rung worker` runs trials of a coordinator that is elsewhere.

Trials run by `Processes`, each under its guard; this hands on what is said. While no word comes from the
coordinator they go on until the lease is over: before the coordinator takes them for lost, they are ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import pickle
import platform
import select
import shutil
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any, NoReturn

from rung import __version__
from rung.errors import Error, WorkerError
from rung.execution.base import AttemptId, End, Job, Log, Message, Report, WorkerUp
from rung.execution.node import frames
from rung.execution.node.frames import (
    LONGEST_DOWN,
    PIECE,
    Answer,
    Command,
    Leaving,
    Orders,
    Piece,
    Ready,
    Stop,
    Unfit,
    Up,
)
from rung.execution.node.line import Line, about, numbered
from rung.execution.node.link import Link
from rung.execution.processes import Processes
from rung.execution.worker.gpus import assign
from rung.execution.worker.leftovers import Identity
from rung.objectives.checkpoints import FolderStore
from rung.study.notes import place

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("rung")

PATIENCE = 600.0
"""Seconds without a coordinator after which a node ends."""
LEASE = 2 / 3
"""The part of the coordinator's lease after which a node gives up."""
_BEATS = 6
"""Signs of life in the time of a lease."""
_ANSWER = 10.0
"""Seconds in which a coordinator must answer, and take what is sent to it."""
_PAUSE = 0.5
"""Seconds between two tries to connect, and of a wait without work."""
_LEAVE = 30.0
"""Seconds that trials have to reach a report when the node is to leave."""


class Node:
    """Runs the trials of one coordinator after another at `address`, `slots` at once."""

    def __init__(
        self, address: tuple[str, int], token: bytes, slots: int = 1, *, tls: ssl.SSLContext | None = None,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self._address, self._token, self._slots, self._tls = address, token, slots, tls
        self._patience = patience
        self._line = Line()
        self._ticket = self._former = ""
        """What the coordinator knows this node by; and knew it by before it gave its trials up."""
        self._processes: Processes | None = None
        self._home: Path | None = None
        self._orders: Orders | None = None
        self._shares = False
        self._running: dict[AttemptId, Job] = {}
        self._waiting: dict[AttemptId, Report | Log] = {}
        self._lease = math.inf
        self._beats: dict[int, float] = {}
        """When each was sent that was not answered yet."""
        self._beat = 0
        self._next_beat = self._next_try = self._lease_over = 0.0
        self._heard = self._greeted = monotonic()
        self._leaving: float | None = None
        """When the trials of a node that is to leave are ended by force."""
        self._ends = float(os.environ.get("SLURM_JOB_END_TIME", math.inf))
        """When the machine is taken away, by the clock on the wall."""
        self._said_so = self._said_that_it_leaves = self._over = False

    def leave(self) -> None:
        """Take no more trials, and end once those here are over; called again, end now.

        It may be called from a signal handler.
        """
        self._over = self._over or self._leaving is not None
        self._leaving = self._leaving or monotonic() + _LEAVE
        if self._processes is not None:
            self._processes.interrupt()

    def run(self) -> None:
        """Work until the study is over or the node is to leave; raises Error if it can't."""
        try:
            while not self._over:
                self._keep_lease()
                if self._line.link is None:
                    self._connect()
                self._listen()
                self._say_that_it_lives()
                self._go_if_asked()
                self._relay(self._poll())
        finally:
            self._drop_work()
            self._line.say("bye")
            self._settle()
            self._disconnect()

    # ---- the connection

    def _connect(self) -> None:
        now = monotonic()
        if now < self._next_try:
            return
        self._next_try = now + _PAUSE
        if now - self._heard > self._patience:
            host, port = self._address
            raise WorkerError(f"no coordinator at {host}:{port} for {self._patience:g} s")
        most = min(_ANSWER, self._lease_over - now) if self._running else _ANSWER
        try:
            sock = socket.create_connection(self._address, timeout=max(0.1, most / 2))
        except OSError as error:
            if not self._said_so:
                logger.info("waiting for a coordinator at %s:%d (%s)", *self._address, error)
                self._said_so = True
            return
        link = Link(
            sock, self._token, serves=False, longest=LONGEST_DOWN, tls=self._tls, host=self._address[0]
        )
        try:
            welcome = self._greet(link, now + most)
        except (ValueError, TimeoutError) as error:
            link.close()
            if not self._said_so:
                logger.warning("%s:%d: %s (is RUNG_TOKEN that of the study, and TLS used at both ends?)",
                               *self._address, error)  # fmt: skip
                self._said_so = True
            return
        if welcome["what"] != "welcome":
            link.close()
            raise WorkerError(
                f"{self._address[0]}:{self._address[1]}: {welcome.get('why', 'the study is over')}"
            )
        self._begin(link, welcome)

    def _greet(self, link: Link, deadline: float) -> dict[str, Any]:
        """Say who we are; the coordinator's answer."""
        said = False
        while monotonic() < deadline and not link.ended:
            select.select([link], [link] if link.is_behind else [], [], 0.2)
            link.flush()
            for frame in link.frames():
                answer: dict[str, Any] = json.loads(numbered(frame)[1])
                return answer
            if link.established and not said:
                self._greeted = monotonic()
                link.send(self._hello())
                said = True
        raise TimeoutError("it refuses this worker, or is no coordinator" if link.ended else "no answer")

    def _hello(self) -> bytes:
        return about(
            "hello",
            python=platform.python_version(),
            rung=__version__,
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=self._slots,
            ticket=self._ticket,
            received=self._line.received,
            former=self._former,
        )

    def _begin(self, link: Link, welcome: dict[str, Any]) -> None:
        self._said_so = False
        if not welcome["resumed"]:
            self._forget("the coordinator has given them up")
            logger.info("runs trials for %s:%d", *self._address)
        self._ticket, self._lease, self._former = welcome["ticket"], welcome["lease"], ""
        self._heard = self._next_beat = monotonic()
        self._beats, self._lease_over = {}, self._greeted + self._lease * LEASE
        self._line.attach(link, welcome["received"])
        if self._processes is not None:
            self._processes.watch(link.fileno())

    def _disconnect(self) -> None:
        link, self._line.link = self._line.link, None
        if link is not None:
            if self._processes is not None:
                self._processes.ignore(link.fileno())
            link.close()

    def _keep_lease(self) -> None:
        if self._running and monotonic() > self._lease_over:
            self._disconnect()
            self._forget("no word from the coordinator")

    def _forget(self, why: str) -> None:
        if self._running:
            logger.warning("%s ended here: %s", ", ".join(map(str, self._running)), why)
        self._disconnect()
        self._drop_work()
        self._line, self._ticket, self._former = Line(), "", self._ticket

    def _say_that_it_lives(self) -> None:
        if self._line.link is None or monotonic() < self._next_beat:
            return
        self._beat += 1
        self._beats[self._beat] = monotonic()
        self._next_beat = monotonic() + self._lease / _BEATS
        self._line.say("beat", number=self._beat, received=self._line.received)

    def _settle(self) -> None:
        """Have the coordinator take what was sent; one that does not is left."""
        deadline = monotonic() + _ANSWER
        while (link := self._line.link) is not None and (link.is_behind or link.ended):
            if link.ended or monotonic() > min(deadline, self._lease_over):
                self._disconnect()
                return
            select.select([], [link], [], 0.2)
            link.flush()

    # ---- what the coordinator says

    def _listen(self) -> None:
        link = self._line.link
        if link is None:
            return
        try:
            for frame in link.frames():
                said = self._line.take(frame)
                if said is not None and said[0]:
                    self._obey(pickle.loads(said[1]))
                elif said is not None:
                    self._hear_about(json.loads(said[1]))
                if self._line.link is not link:
                    return
        except ValueError as error:
            logger.warning("%s:%d: %s", *self._address, error)
            self._disconnect()
            return
        if link.ended:
            self._disconnect()

    def _hear_about(self, said: dict[str, Any]) -> None:
        if said["what"] == "bye":
            self._over = True
        elif said["what"] == "beat":
            self._heard = monotonic()
            # Counted from when it was sent: the coordinator counts from when it came.
            sent = self._beats.pop(said["number"], None)
            self._line.confirm(said["received"])
            if sent is not None:
                self._lease_over = sent + self._lease * LEASE

    def _obey(self, command: Command) -> None:
        if isinstance(command, Orders):
            self._prepare(command)
            return
        if self._processes is None:
            return
        match command:
            case Job():
                self._running[command.id] = command
                self._processes.submit(self._placed(command))
            case Answer(attempt, verdict):
                if waiting := self._waiting.pop(attempt, None):
                    self._processes.answer(waiting, verdict)
            case Stop(attempt, grace):
                self._processes.stop(attempt, grace=grace)

    def _prepare(self, orders: Orders) -> None:
        store = orders.store
        self._orders, self._shares = orders, store is not None and store.sees(orders.mark)
        if orders.needs_store and not self._shares:
            self._give_up(f"it does not see the study's checkpoints, in {store}, which its scheduler needs")
        self._home = Path(tempfile.mkdtemp(prefix="rung-node-"))
        try:
            gpus = None if orders.gpus_per_trial is None else assign(orders.gpus_per_trial, self._slots)
            self._processes = Processes(
                orders.objective,
                self._slots,
                self._home / "logs" if orders.keeps_files else None,
                store if self._shares or store is None else FolderStore(self._home / "trials"),
                gpus,
            )
        except Error as error:
            self._give_up(str(error))
        if self._line.link is not None:
            self._processes.watch(self._line.link.fileno())
        self._say(Ready(self._shares))

    def _give_up(self, reason: str) -> NoReturn:
        self._say(Unfit(reason))
        raise WorkerError(reason)

    def _placed(self, job: Job) -> Job:
        """A job whose files are kept here until they are sent home, unless the study's folder is here too."""
        return job if self._shares or job.folder is None else replace(job, folder=self._home)

    # ---- what the trials say

    def _poll(self) -> Sequence[Message]:
        now = monotonic()
        ends = [now + _PAUSE] if self._line.link is None or self._leaving else [self._next_beat]
        if self._running:
            ends.append(self._lease_over)
        wait = max(0.0, min(ends) - now)
        if self._processes is None:
            if self._line.link is None:
                sleep(min(wait, _PAUSE))
            else:
                select.select([self._line.link], [], [], min(wait, _PAUSE))
            return ()
        try:
            return self._processes.poll(wait)
        except WorkerError as error:
            self._give_up(str(error))

    def _relay(self, messages: Sequence[Message]) -> None:
        if messages and self._running and monotonic() > self._lease_over:
            return  # this process was stopped: the next look at the lease ends them
        for message in messages:
            match message:
                case WorkerUp(worker, _, identity):
                    known = Identity.read(identity)
                    assert known is not None
                    self._say(Up(worker, known))
                case Report() | Log():
                    self._waiting[message.id] = message
                    if isinstance(message, Log):
                        self._send_notes(message)
                    self._say(message)
                case End():
                    self._running.pop(message.id, None)
                    self._waiting.pop(message.id, None)
                    self._send_output(message.id)
                    self._say(message)

    def _say(self, said: frames.Said) -> None:
        self._line.send(frames.write(said))
        self._settle()

    def _send_output(self, attempt: AttemptId) -> None:
        if self._home is not None:
            name = f"t{attempt.trial}-a{attempt.attempt}.log"
            self._send_file(attempt, "output", name, self._home / "logs" / name)

    def _send_notes(self, log: Log) -> None:
        if self._home is not None and not self._shares:
            for name in filter(None, log.files.values()):
                self._send_file(log.id, "note", name, self._home / place(log.id.trial, name))

    def _send_file(self, attempt: AttemptId, kind: Any, name: str, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            while data := file.read(PIECE):
                self._say(Piece(attempt, kind, name, data))
            path.unlink()

    def _go_if_asked(self) -> None:
        if self._leaving is None and time() > self._ends - 2 * _LEAVE:
            self.leave()
        if self._leaving is None:
            return
        if not self._running or monotonic() > self._leaving:
            self._over = True
        elif not self._said_that_it_leaves:
            self._said_that_it_leaves = True
            self._say(Leaving())

    def _drop_work(self) -> None:
        processes, self._processes = self._processes, None
        if processes is not None:
            if self._line.link is not None:
                processes.ignore(self._line.link.fileno())
            processes.close()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
        self._home = None
        self._running, self._waiting = {}, {}
