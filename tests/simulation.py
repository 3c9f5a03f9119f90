"""A study in virtual time, on the real engine and coordinator: for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rung.engine.coordinator import Coordinator
from rung.engine.engine import GRACE, Engine
from rung.engine.recovery import take
from rung.execution.base import End, Job
from rung.execution.simulator import Curve, Simulator
from rung.schedulers import FIFO, Scheduler
from rung.searchers import Random, Searcher
from rung.settings import Settings
from rung.space import Float, Space
from rung.storage import MemoryStorage, Storage
from rung.study.events import Event, StudyCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState

SPACE = Space({"x": Float(0.0, 1.0)})


def constant(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
    """Three reports of x, a second apart."""
    for _ in range(3):
        yield 1.0, {"y": job.config["x"]}


@dataclass
class Simulation:
    curve: Curve = constant
    capacity: int = 2
    settings: Settings = field(default_factory=lambda: Settings.of(n_trials=10))
    goals: Goals = field(default_factory=lambda: Goals.of("y"))
    space: Space = SPACE
    searcher: Searcher = field(default_factory=Random)
    scheduler: Scheduler = field(default_factory=FIFO)
    storage: Storage = field(default_factory=MemoryStorage)
    seed: int = 0
    max_resource: int | None = None
    grace: float = GRACE
    watch: Callable[[StudyState, Sequence[Event]], object] | None = None
    """Called after each commit."""

    def create(self) -> None:
        self.storage.create("s", StudyCreated(id="study", t=0.0, space=self.space.to_json(),
                                              goals=self.goals.to_json(), seed=self.seed))  # fmt: skip

    def run(self) -> StudyState:
        """Create the study if it is new, and run a session to its end."""
        if not self.storage.studies():
            self.create()
        plan = {"max_resource": self.max_resource, "n_trials": self.settings.n_trials}
        lease, state, keeper = take(self.storage, "s", plan)
        settings = self.settings.but(searcher=self.searcher, scheduler=self.scheduler)
        self.engine = Engine(state, settings, grace=self.grace)
        self.executor = Simulator(self.curve, self.capacity)
        self.coordinator = Coordinator(self.engine, self.storage, lease, self.executor, keeper)
        self.coordinator.tell = self.watch
        try:
            self.coordinator.run()
        finally:
            self.storage.release(lease)
        return state

    @property
    def log(self) -> list[Event]:
        return list(self.storage.read("s"))
