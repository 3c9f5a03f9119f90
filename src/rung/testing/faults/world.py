"""A study, session after session, until it is done."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.engine.recovery import take
from rung.engine.session import Session
from rung.errors import Error, LeaseLost, ObjectiveError, StudyInUse, TooManyFailures
from rung.execution.base import AttemptId, Message, Report
from rung.searchers import Random
from rung.settings import Settings
from rung.storage.base import Lease, Owner
from rung.storage.snapshots import Keeper
from rung.study.events import Event, StudyCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.streams import stream
from rung.testing.faults import invariants
from rung.testing.faults.disk import Disk
from rung.testing.faults.executor import Died, FaultyExecutor, NoWorker
from rung.testing.faults.setting import RARE, Parts, Setting
from rung.testing.faults.storage import Broken, FaultyStorage

_SESSIONS = 100
_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class _Shift:
    """A session at work."""

    lease: Lease
    executor: FaultyExecutor
    live: StudyState


class World:
    """All that outlives a coordinator: the time, the storage, the disk, and what its workers remember."""

    study = "s"

    def __init__(
        self, setting: Setting, parts: Parts | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        self.setting, self.parts, self._tell = setting, parts or Parts(), tell
        self.rng = stream(setting.seed, "faults")
        self.clock_rng = stream(setting.seed, "clock")
        self.time = 0.0
        """True virtual seconds; a session's own clock may err."""
        self.counts: Counter[str] = Counter()
        """How often what went wrong."""
        self.steps = 0
        self.disk = Disk()
        self.in_flight: list[Message] = []
        """Messages of a dead coordinator's workers, which the next one receives."""
        self.acknowledged: dict[str, Report] = {}
        self.submitted: set[AttemptId] = set()
        self.log: list[Event] = []
        """The log as it was read after each append."""
        self.ids: set[str] = set()
        self._left = setting.faults
        self._at_work: list[_Shift] = []

    def run(self) -> StudyState:
        """Run the study to its end; raises AssertionError if an invariant breaks."""
        with ExitStack() as stack:
            if self.setting.sqlite:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rung-faults-"))
                self.storage = FaultyStorage(self.parts.sqlite(Path(folder)), self)
            else:
                self.storage = FaultyStorage(self.parts.memory(), self)
            self._create()
            for _ in range(_SESSIONS):
                self._session()
                if self.state.ended in {"done", "exhausted"}:
                    break
            else:
                raise AssertionError(f"the study is not done after {_SESSIONS} sessions")
            invariants.the_study_is_whole(self)
            return self.state

    def _create(self) -> None:
        setting = self.setting
        created = StudyCreated(id="study", t=0.0, space=setting.space.to_json(), seed=setting.seed,
                               goals=Goals.of("y", setting.mode).to_json())  # fmt: skip
        self.storage.create(self.study, created)
        self.log.append(created)
        self.ids.add(created.id)
        self.state = StudyState(created)

    # ---- what happens

    def say(self, *what: Any) -> None:
        """Show a step, if this seed is followed."""
        if self._tell is not None:
            self._tell(f"{self.time:9.3f} {'  ' * len(self._at_work)}{' '.join(map(str, what))}")

    def happens(self, fault: str) -> bool:
        """Whether that goes wrong now."""
        rate = self.setting.rates.get(fault)
        if rate is None or self.rng.random() >= rate or (fault in RARE and not self._left):
            return False
        self._left -= fault in RARE
        self.counts[fault] += 1
        self.say("!", fault)
        return True

    def point(self, where: str) -> None:
        """A moment at which the coordinator may die, or be followed by another while it is asleep."""
        if self.happens("crash"):
            raise Died(where)
        if self.happens("take-over"):
            self._refuse_a_second_owner()
            self.storage.break_lock()
            self._session()

    def _refuse_a_second_owner(self) -> None:
        # Only a lock that is lost lets another in.
        if self.storage.holder is None:
            return
        with suppress(StudyInUse):
            self.storage.acquire(self.study, Owner("elsewhere", 1, 0.0))
            raise AssertionError("a second owner was let in")

    def appended(self, lease: Lease, events: Sequence[Event], count: int) -> None:
        """Read what an append has added."""
        invariants.a_stale_owner_writes_nothing(self, lease)
        fresh = list(self.storage.read(self.study, after=len(self.log)))
        self.log += fresh
        invariants.an_append_adds_its_events(self, events, fresh, count)
        for event in fresh:
            self.say("logs", event)
            self.state.apply(event)

    def after_step(self, executor: FaultyExecutor) -> None:
        """Check what must hold between two steps."""
        self.steps += 1
        assert self.steps < _STEPS, "the study does not end"
        for shift in self._at_work:
            if shift.executor is executor and not self.is_stale(shift.lease):
                invariants.check_step(self, executor, shift.live)

    def is_stale(self, lease: Lease) -> bool:
        """Whether another owner came after this one."""
        return self.storage.newest is None or lease.epoch != self.storage.newest.epoch

    # ---- sessions

    def _session(self) -> None:
        # One session, from taking the study to its end, whatever that is.
        try:
            lease, live, keeper = take(self.storage, self.study, self._as_json())
            self._work(lease, live, keeper)
        except Died as died:
            self.say("dies", died)
        except (Broken, NoWorker, LeaseLost, TooManyFailures, ObjectiveError) as error:
            self.say("ends:", type(error).__name__, error)
        invariants.check_whole(self)

    def _work(self, lease: Lease, live: StudyState, keeper: Keeper) -> None:
        assert not live.open, f"attempts {live.open} are open after recovery"
        for shift in self._at_work:
            shift.executor.kill_workers()
        engine = self.parts.engine(live, self._settings(), grace=2.0)
        executor = FaultyExecutor(self, lease)
        coordinator = self.parts.coordinator(
            engine, self.storage, lease, executor, keeper, discard=executor.discard
        )
        executor.stop_session = coordinator.stop
        self._at_work.append(_Shift(lease, executor, live))
        try:
            self._until_closed(Session(self.storage, lease, executor, coordinator), lease)
        finally:
            self._at_work.pop()

    def _until_closed(self, session: Session[FaultyExecutor], lease: Lease) -> None:
        try:
            session.coordinator.run()
        except Died:
            session.executor.close()
            self.storage.release(lease)  # its lock is gone with it
            raise
        except Error:
            session.close()
            raise
        session.close()

    def _settings(self) -> Settings:
        setting = self.setting
        timeout = self.state.t + float(self.rng.exponential(10.0)) if self.happens("timeout") else None
        return Settings.of(
            n_trials=setting.n_trials, timeout=timeout, searcher=Random(), scheduler=setting.scheduler(),
            max_resource=setting.max_resource, retries=setting.retries, max_failures=setting.max_failures,
            keep_checkpoints=setting.keep_checkpoints,
        )  # fmt: skip

    def _as_json(self) -> dict[str, Any]:
        return {"n_trials": self.setting.n_trials, "max_resource": self.setting.max_resource}
