"""The only loop: poll, handle, append, act."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rung.engine._threads import loaded, one_thread
from rung.engine.engine import Answer, Discard, Engine, Step, Stop, Submit
from rung.errors import Error, StorageError
from rung.execution.base import AttemptId, End, Executor, Message
from rung.space import Config
from rung.storage.base import Lease, Storage
from rung.storage.snapshots import Keeper
from rung.study.events import Event, Outcome
from rung.study.state import StudyState


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
            messages = self._executor.poll(step.wait)
        if self.engine.error is not None:
            raise self.engine.error

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
        with self._whole():
            if self._stop:
                self.engine.stop(self._stop)
            with one_thread(self._libraries):
                step = self.engine.handle(messages, now=self.now(), capacity=capacity)
            self._commit(step)
        return step

    def _ask(self) -> None:
        assert self.stop_when is not None
        if self.engine.stopping:
            return
        try:
            if reason := self.stop_when():
                self.engine.stop(f"stop_when: {reason}")
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
