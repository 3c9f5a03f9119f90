"""The only loop: poll, handle, append, act."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rung._text import visible
from rung.engine._threads import loaded, one_thread
from rung.engine.commands import Answer, Discard, Step, Stop, Submit
from rung.engine.engine import Engine
from rung.errors import Error, StorageError
from rung.execution.base import AttemptId, End, Executor, Message
from rung.space import Config
from rung.storage.base import Lease, Storage
from rung.storage.snapshots import Keeper
from rung.study.events import Event, Outcome
from rung.study.state import StudyState

logger = logging.getLogger("rung")

_LOOK = 0.4
"""Seconds between two looks for requests of other processes."""


class Coordinator:
    """Runs a study: one coordinator, one thread, one writer.

    "Log, then act" is the whole argument for crash safety: no command is executed before the
    events that led to it are durable.
    """

    def __init__(
        self,
        engine: Engine,
        storage: Storage,
        lease: Lease,
        executor: Executor,
        keeper: Keeper,
        *,
        discard: Callable[[int], object] | None = None,
    ) -> None:
        self.engine = engine
        self._storage = storage
        self._lease = lease
        self._executor = executor
        executor.deliver = self.step
        self._keeper = keeper
        self._discard = discard
        """Deletes the checkpoints of a trial; None where they are not ours."""
        self._offset = engine.state.t - executor.now()
        self._stop = ""
        self._libraries = loaded()  # the searcher's check has loaded what it needs
        self._between_steps = threading.Lock()
        self.stop_when: Callable[[], str] | None = None
        """Asked once a trial's end is durable, before another trial starts: why the study is to stop, or "".
        What it raises as a rung Error stops the study too."""
        self.tell: Callable[[StudyState, Sequence[Event]], object] | None = None
        """Gets events once they are durable; it must not block."""
        self.heeds_requests = False
        """Whether other processes may ask for an end, by the storage."""
        self._looked = -math.inf
        self._unwanted: list[int] = []
        """Trials that are to be stopped by hand."""
        self.torn = False
        """Whether a step was cut short, so that `engine.state` may be ahead of the log."""

    def now(self) -> float:
        """The study's clock: seconds during which a coordinator was running."""
        return self._executor.now() + self._offset

    @contextmanager
    def reading(self) -> Iterator[StudyState]:
        """Hold the loop between two steps, while another thread reads the state."""
        with self._between_steps:
            yield self.engine.state

    def stop(self, reason: str) -> None:
        """Ask the loop to stop soon; called from a signal handler in the loop's own thread."""
        self._stop = self._stop or reason
        self._executor.interrupt()

    def run(self) -> None:
        """Work until the study is done; raises what made it impossible to go on."""
        messages: Sequence[Message] = ()
        while True:
            step = self.step(messages)
            if step.finished:
                break
            messages = self._poll(step.wait)
        if self.engine.error is not None:
            raise self.engine.error

    def _poll(self, wait: float | None) -> Sequence[Message]:
        """Wait for messages, and for requests from outside meanwhile."""
        if not self.heeds_requests:
            return self._executor.poll(wait)
        until = math.inf if wait is None else self._executor.now() + wait
        while True:
            now = self._executor.now()
            messages = self._executor.poll(max(0.0, min(_LOOK, until - now)))
            early = self._executor.now() < min(now + _LOOK, until)  # it has something to say
            if messages or early or self._stop or self._heed() or self._executor.now() >= until:
                return messages

    def _heed(self) -> bool:
        """Take what other processes ask for, at most so often; whether that is anything."""
        now = self._executor.now()
        if not self.heeds_requests or self.torn or now < self._looked + _LOOK:
            return False
        self._looked = now
        requests = self._storage.requests(self._lease)
        for request in requests:
            what, _, trial = request.partition("-")
            if request == "stop" and not self._stop:
                logger.warning("stopping, as `rung stop` asks: running trials have %g s to reach a report",
                               self.engine.grace)  # fmt: skip
                self._stop = "by hand"
            elif what == "stop" and trial.isdecimal():
                self._unwanted.append(int(trial))
        return bool(requests)

    def step(self, messages: Sequence[Message], capacity: int | None = None) -> Step:
        """Handle, append, act: once."""
        capacity = self._executor.capacity if capacity is None else capacity
        if self.stop_when is not None and any(isinstance(message, End) for message in messages):
            step = self._handle(messages, 0)  # its commands are done, so that only its facts are looked at
            if step.finished:
                return step
            self._ask()
            messages = ()
        return self._handle(messages, capacity)

    def _handle(self, messages: Sequence[Message], capacity: int) -> Step:
        self._heed()
        with self._whole():
            if self._stop:
                self.engine.stop(self._stop)
            while self._unwanted:
                self.engine.stop_trial(self._unwanted.pop(), now=self.now())
            with one_thread(self._libraries):
                step = self.engine.handle(messages, now=self.now(), capacity=capacity)
            self._commit(step)
        return step

    def _ask(self) -> None:
        assert self.stop_when is not None
        if self.engine.stopping or self.engine.ended:
            return
        try:
            if reason := self.stop_when():
                self.engine.end_search(f"stop_when: {reason}")
        except Error as error:
            self.engine.stop("error", error)

    def create(self, config: Config) -> None:
        """Start a trial of a configuration that the caller chose."""
        with self._whole():
            self._commit(self.engine.create(config, now=self.now()))

    def note(self, *events: Event) -> None:
        """Log facts that nothing follows from, all or none."""
        with self._whole():
            self._storage.append(self._lease, events)
            for event in events:
                self.engine.state.apply(event)
            self._keeper.keep(self.engine.state, events)

    def give_up(self) -> None:
        """End the session now: what is open is interrupted, and runs again when the study goes on.

        After a step that was cut short nothing is written: the next session recovers from the log.
        """
        if self.torn:
            return
        with self._whole():
            self.engine.stop("closed")
            open_ = self.engine.state.open.items()
            ends = [End(AttemptId(number, a.number), Outcome.INTERRUPTED) for number, a in open_]
            self._commit(self.engine.handle(ends, now=self.now(), capacity=0))

    @contextmanager
    def _whole(self) -> Iterator[None]:
        # The engine folds events before they are durable. If a step does not come to its end, the live
        # state may be ahead of the log, and nothing that follows from it may be written.
        with self._between_steps:
            if self.torn:
                raise StorageError(
                    "an earlier step of this study was cut short; open the study again to go on"
                )
            self.torn = True
            yield
            self.torn = False

    def _commit(self, step: Step) -> None:
        # Log, then act.
        if step.events:
            self._storage.append(self._lease, step.events)
            self._keeper.keep(self.engine.state, step.events)
        act(step, self._executor, self._discard)
        for note in step.notes:
            logger.warning("%s", visible(note))
        if self.tell is not None:
            self.tell(self.engine.state, step.events)


def act(step: Step, executor: Executor, discard: Callable[[int], object] | None = None) -> None:
    """Do what a step of the engine commands."""
    for command in step.commands:
        match command:
            case Submit(job):
                executor.submit(job)
            case Answer(report, verdict):
                executor.answer(report, verdict)
            case Stop(attempt, grace):
                executor.stop(attempt, grace=grace)
            case Discard(trial) if discard is not None:
                discard(trial)
