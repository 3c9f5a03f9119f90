"""The executor of `Remote`: the workers that have joined, and what each runs."""

from __future__ import annotations

import logging
import pickle
import platform
import selectors
import socket
import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import count
from time import monotonic  # bound now: an objective may patch the module
from typing import TYPE_CHECKING

from rung import __version__
from rung._text import visible, visible_lines
from rung.errors import WorkerError
from rung.execution.base import AttemptId, Deliver, End, Job, Log, Message, Report, WorkerUp
from rung.execution.node import frames
from rung.execution.node.crew import Crew
from rung.execution.node.frames import Answer, Command, Hello, Leaving, Orders, Piece, Ready, Stop, Unfit, Up
from rung.execution.node.gate import Gate
from rung.execution.node.line import about
from rung.execution.node.link import Link
from rung.execution.node.peer import Peer
from rung.execution.node.roster import Roster
from rung.execution.work import Work
from rung.execution.worker import pickling
from rung.objectives.guard import OVERDUE
from rung.study.events import Outcome, Verdict

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("rung")

NAME = "remote"
_LOOK = 0.2
"""Seconds between two looks at leases and deadlines."""
_NOTICE = 30.0
"""Seconds without a worker after which it is said how to start one."""
_GOODBYE = 8.0
"""Seconds that workers have to end what they run when the study is over."""


class Nodes:
    """The executor: the workers that have joined, and what each runs."""

    deliver: Deliver | None = None

    def __init__(
        self,
        work: Work,
        listener: socket.socket,
        token: bytes,
        lease: float,
        *,
        max_losses: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._work, self._lease, self._max_losses = work, lease, max_losses
        self.how = ""
        """How a worker joins."""
        self.address = ""
        """Where."""
        self.name = NAME
        """What the log calls the backend."""
        self.crew: Crew | None = None
        """Those that an engine places."""
        store = work.checkpoints
        self._orders = pickle.dumps(
            Orders(pickling.dumps(work.objective), store, "" if store is None else store.mark(), work.pauses,
                   work.logs is not None, work.gpus_per_trial)
        )  # fmt: skip
        self._roster = Roster(None if work.logs is None else work.logs.parent)
        self._peers: dict[str, Peer] = {}
        """By their tickets."""
        self._runs: dict[AttemptId, Peer] = {}
        self._jobs: deque[Job] = deque()
        self._messages: list[Message] = []
        self._numbers, self._workers = count(), count()
        self._losses: Counter[str] = Counter()
        """In a row, by host."""
        self._worked = False
        """Whether a trial has reported or ended."""
        self._looked = -_LOOK
        self._lonely: float | None = monotonic() + _NOTICE
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._gate = Gate(listener, token, tls, self._selector)
        self._selector.register(self._wake, selectors.EVENT_READ, None)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._gate.port

    @property
    def capacity(self) -> int:
        """How many jobs run at once on those that are there now."""
        return sum(peer.capacity for peer in self._peers.values())

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return monotonic()

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        self._jobs.append(job)
        self._assign()

    def answer(self, report: Report | Log, verdict: Verdict) -> None:
        """See `Executor`."""
        peer = self._runs.get(report.id)
        if peer is not None:
            peer.talks[report.id].waiting = False
            if peer.leaving and verdict is Verdict.CONTINUE:
                verdict = Verdict.INTERRUPT  # to go on elsewhere
            self._tell(peer, Answer(report.id, verdict))

    def stop(self, attempt: AttemptId, *, grace: float) -> None:
        """See `Executor`."""
        for job in [j for j in self._jobs if j.id == attempt]:
            self._jobs.remove(job)
            self._messages.append(End(attempt, Outcome.INTERRUPTED))
        peer = self._runs.get(attempt)
        if peer is not None:
            peer.deadlines[attempt] = self.now() + grace + OVERDUE
            self._tell(peer, Stop(attempt, grace))

    def interrupt(self) -> None:
        """See `Executor`."""
        try:
            self._waker.send(b"i")
        except OSError:
            return

    def poll(self, timeout: float | None) -> Sequence[Message]:
        """See `Executor`; raises WorkerError if the objective can't be run by the workers there are."""
        deadline = None if timeout is None else self.now() + timeout
        while not self._messages and self._serve_until(deadline):
            pass
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """Have all workers end what they run, and go."""
        until = self.now() + _GOODBYE
        self._gate.close()
        self._roster.close()
        there = [peer for peer in self._peers.values() if peer.line.link is not None]
        for peer in there:
            peer.line.say("bye")
        with selectors.DefaultSelector() as selector:
            for peer in there:
                assert peer.line.link is not None
                selector.register(peer.line.link, selectors.EVENT_READ, peer)
            while selector.get_map() and self.now() < until:
                for key, _ in selector.select(0.2):
                    if _has_gone(key.data):
                        selector.unregister(key.fileobj)
        for peer in self._peers.values():
            peer.close()
        if self.crew is not None:
            self.crew.close()
        self._peers.clear()
        self._runs.clear()
        self._selector.close()
        self._wake.close()
        self._waker.close()

    # ---- waiting

    def _serve_until(self, deadline: float | None) -> bool:
        """Take in what comes first; False once it is time, or when `interrupt` was called."""
        if self.now() >= self._looked + _LOOK:
            self._look()
        if self._messages:
            return True
        wait = self._looked + _LOOK - self.now()
        if deadline is not None:
            wait = min(wait, deadline - self.now())
        woken = False
        for key, events in self._selector.select(max(0.0, wait)):
            if key.fileobj is self._wake:
                woken = bool(self._wake.recv(4096))
            elif key.data is not None:
                self._serve(key.data, events)
            elif new := self._gate.serve(key.fileobj):
                self._welcome(*new)
        return not woken and (deadline is None or self.now() < deadline)

    def _look(self) -> None:
        self._looked = now = self.now()
        self._gate.look()
        for peer in list(self._peers.values()):
            if now - peer.heard > self._lease:
                self._listen(peer)  # this process may have been stopped, and not the other
            if self.now() - peer.heard > self._lease:
                self._lose(peer, f"no word from it for {self._lease:g} s")
            elif any(now > until for until in peer.deadlines.values()):
                self._lose(peer, "it does not end what it was asked to end")
        if any(peer.ready for peer in self._peers.values()):
            self._lonely = None
        elif self._lonely is None:
            self._lonely = now + _NOTICE
        elif now > self._lonely:
            self._lonely = now + 20 * _NOTICE
            logger.warning("no worker is there; %s", self._why_none())
        self._roster.keep(self._peers.values())
        if self.crew is not None:
            self.crew.look(sum(peer.ready for peer in self._peers.values()))

    def _why_none(self) -> str:
        if self.crew is None:
            return f"start one, or look at its output: {self.how}"
        return f"{self.name} says: {visible_lines(self.crew.waiting()) or 'nothing'}"

    def _serve(self, peer: Peer, events: int) -> None:
        link = peer.line.link
        if link is None:
            return
        if events & selectors.EVENT_WRITE:
            link.flush()
            self._watch(link, peer)
        self._listen(peer)

    def _watch(self, link: Link, peer: Peer) -> None:
        events = selectors.EVENT_READ | selectors.EVENT_WRITE * link.is_behind
        if self._selector.get_key(link)[2:] != (events, peer):
            self._selector.modify(link, events, peer)

    # ---- those who come

    def _welcome(self, link: Link, hello: Hello) -> None:
        known = self._peers.get(hello.ticket)
        why = self._unfit(hello)
        if why and known is None:
            logger.warning("a worker on %s is refused: %s", visible(hello.host), why)
            link.send(about("refused", why=why))
            self._drop(link)
            return
        peer = known or Peer(next(self._numbers), hello, self._work.logs, self.now())
        if known is not None and known.line.link is not None:
            self._selector.unregister(known.line.link)
            known.close()
        elif former := self._peers.get(hello.former):
            self._lose(former, "it has given up what it ran")
        elif known is None and (hello.ticket or hello.former):
            logger.warning("%s comes back after its lease: what it ran meanwhile does not count", peer)
        peer.heard = self.now()
        link.send(about("welcome", ticket=peer.ticket, received=peer.line.received, resumed=known is not None,
                        lease=self._lease))  # fmt: skip
        try:
            peer.line.attach(link, hello.received if known else 0)
        except ValueError:
            self._drop(link)
            return
        self._watch(link, peer)
        if known is None:
            self._peers[peer.ticket] = peer
            peer.line.send(self._orders)
            self._watch(link, peer)
        self._listen(peer)

    def _unfit(self, hello: Hello) -> str:
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        theirs = ".".join(hello.python.split(".")[:2])
        if (theirs, hello.rung) != (minor, __version__):
            return (f"it has Python {hello.python} and rung {hello.rung}, the study Python "
                    f"{platform.python_version()} and rung {__version__}: both must be the same")  # fmt: skip
        if self._losses[hello.host] >= self._max_losses:
            return f"{self._losses[hello.host]} losses in a row on {hello.host}"
        return ""

    def _drop(self, link: Link) -> None:
        self._selector.unregister(link)
        link.close()

    # ---- those who are there

    def _tell(self, peer: Peer, command: Command) -> None:
        peer.line.send(pickle.dumps(command))
        if peer.line.link is not None:
            self._watch(peer.line.link, peer)

    def _assign(self) -> None:
        while self._jobs:
            peer = max(self._peers.values(), key=lambda peer: peer.free, default=None)
            if peer is None or peer.free <= 0:
                return
            job = self._jobs.popleft()
            peer.start(job)
            self._runs[job.id] = peer
            self._tell(peer, job)

    def _listen(self, peer: Peer) -> None:
        link = peer.line.link
        if link is None:
            return
        try:
            for said in peer.says(self.now()):
                self._hear(peer, said)
        except ValueError as error:
            self._lose(peer, f"it sent what no worker sends ({error})")
            return
        if peer.gone:
            self._lose(peer, "it has ended")
        elif link.ended and peer.line.link is link:
            self._selector.unregister(link)
            peer.close()  # it may come back
        elif peer.line.link is link:
            self._watch(link, peer)

    def _hear(self, peer: Peer, said: frames.Said) -> None:
        match said:
            case Up(_, identity):
                known = {"node": peer.number, "host": peer.host, **asdict(identity)}
                self._messages.append(WorkerUp(next(self._workers), self.name, known))
            case Ready(shares):
                peer.ready, peer.shares = True, shares
                self._assign()
            case Unfit(reason):
                self._refuse(peer, reason)
            case Leaving():
                peer.leaving = True
            case Piece():
                peer.keep(said)
            case Report() | Log():
                self._worked = True
                self._losses[peer.host] = 0
                peer.talks[said.id].take(said)
                if isinstance(said, Report):
                    said = replace(said, checkpoint=said.checkpoint and peer.shares)
                self._messages.append(said)
            case End():
                self._end(peer, said)

    def _end(self, peer: Peer, end: End) -> None:
        asked = self._release(peer, end.id)
        if end.outcome == Outcome.LOST:
            logger.warning("trial %d, %s: %s", end.id.trial, peer, end.reason)
            self._count_loss(peer)
        else:
            self._worked, self._losses[peer.host] = True, 0
        elsewhere = end.outcome == Outcome.INTERRUPTED and peer.leaving and not asked and not end.broken
        self._messages.append(replace(end, blameless=elsewhere))
        self._assign()

    def _release(self, peer: Peer, attempt: AttemptId) -> bool:
        """Forget what it runs; whether that was asked to end."""
        del peer.talks[attempt], self._runs[attempt]
        peer.forget_files(attempt)
        return peer.deadlines.pop(attempt, None) is not None

    def _refuse(self, peer: Peer, reason: str) -> None:
        if not self._worked and not any(other.ready for other in self._peers.values() if other is not peer):
            raise WorkerError(f"{peer}: {reason}")
        self._lose(peer, reason)

    def _lose(self, peer: Peer, why: str) -> None:
        """Take a node for lost: it is not believed any more, and its trials run elsewhere."""
        link = peer.line.link
        if link is not None:
            self._selector.unregister(link)
        peer.close()
        del self._peers[peer.ticket]
        log = logging.WARNING if peer.talks else logging.INFO
        logger.log(log, "%s is gone: %s", peer, visible(why))
        if peer.talks and not peer.leaving:
            self._count_loss(peer)
        for attempt in list(peer.talks):
            self._release(peer, attempt)
            self._messages.append(
                End(attempt, Outcome.INTERRUPTED, reason=f"{peer} is gone: {why}", blameless=True)
            )

    def _count_loss(self, peer: Peer) -> None:
        self._losses[peer.host] += 1
        if self._losses[peer.host] == self._max_losses:
            logger.warning("%s gets no more trials: %d losses in a row", peer.host, self._max_losses)
            for other in self._peers.values():
                other.leaving = other.leaving or other.host == peer.host


def _has_gone(peer: Peer) -> bool:
    """Whether it has closed its end; what it still says is of no use any more."""
    link = peer.line.link
    assert link is not None
    link.flush()
    try:
        for _ in link.frames():
            pass
    except ValueError:
        return True
    return link.ended
