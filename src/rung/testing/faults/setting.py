"""One study and what may go wrong in it, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.random import Generator

from rung.engine.coordinator import Coordinator
from rung.engine.engine import Engine
from rung.schedulers import ASHA, FIFO, PBT, Hyperband, MedianRule, Scheduler, SuccessiveHalving
from rung.settings import KeepCheckpoints
from rung.space import Float, Int, Space
from rung.storage import MemoryStorage, Storage
from rung.storage.sqlite import SqliteStorage
from rung.study.metrics import Mode
from rung.study.streams import stream

SCHEDULERS: Sequence[Callable[[], Scheduler]] = (
    FIFO,
    lambda: ASHA(eta=2),
    lambda: ASHA(eta=3),
    lambda: ASHA("stopping", eta=2),
    lambda: ASHA(eta=2, brackets=2),
    lambda: SuccessiveHalving(eta=2),
    lambda: Hyperband(eta=2),
    lambda: MedianRule(min_trials=2),
    lambda: PBT(population=3, perturb_every=1),
    lambda: PBT(population=4, perturb_every=2),
)

RARE = ("crash", "take-over", "full disk", "unknown outcome", "stop", "no worker", "timeout", "broken code")
"""What ends a session, or may: a study has a limited number of them, so that it ends."""
COMMON = (
    "late",
    "lost",
    "doubled",
    "reordered",
    "false death",
    "death",
    "failure",
    "nan",
    "deaf",
    "interrupt",
)
"""What befalls workers and what they say, as long as the study lasts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a study is put together from: a test of the invariants puts in a broken one."""

    engine: type[Engine] = Engine
    coordinator: type[Coordinator] = Coordinator
    memory: Callable[[], Storage] = MemoryStorage
    sqlite: Callable[[Path], Storage] = lambda folder: SqliteStorage(folder, "process")


@dataclass(frozen=True, slots=True)
class Setting:
    """A study, and how often what goes wrong."""

    seed: int
    scheduler: Callable[[], Scheduler]
    space: Space
    mode: Mode
    n_trials: int
    capacity: int
    max_resource: int
    retries: int
    max_failures: int
    keep_checkpoints: KeepCheckpoints
    checkpoints: bool
    """Whether trials save one each epoch; else each attempt starts over."""
    processes: bool
    """Whether workers announce themselves."""
    sqlite: bool
    rates: Mapping[str, float]
    """Probability of what goes wrong, at each occasion."""
    faults: int
    """How many of RARE there may be."""
    clock: bool
    """Whether the clock stalls and jumps."""

    @classmethod
    def draw(cls, seed: int) -> Setting:
        """The setting of a seed."""
        rng = stream(seed, "setting")
        return cls(
            seed=seed,
            scheduler=_one_of(rng, SCHEDULERS),
            space=Space({"x": Int(1, 9) if rng.random() < 0.1 else Float(0, 1)}),
            mode=_one_of(rng, ("min", "max")),
            n_trials=int(rng.integers(2, 14)),
            capacity=int(rng.integers(1, 6)),
            max_resource=int(rng.integers(4, 8)),
            retries=int(rng.integers(0, 3)),
            max_failures=_one_of(rng, (2, 10, 10**6)),
            keep_checkpoints=_one_of(rng, ("best", "none", "all")),
            checkpoints=rng.random() < 0.8,
            processes=rng.random() < 0.5,
            sqlite=rng.random() < 0.04,
            rates=dict(_rates(rng)),
            faults=int(rng.integers(0, 16)),
            clock=rng.random() < 0.3,
        )


def _rates(rng: Generator) -> list[tuple[str, float]]:
    # Only some of all faults in each study: together they would hide one another.
    some = rng.random(len(RARE) + len(COMMON)) < rng.choice([0.2, 0.5, 0.9])
    level = 10 ** rng.uniform(-2.5, -0.8, len(some))
    names = (*RARE, *COMMON)
    return [(name, float(rate)) for name, rate, there in zip(names, level, some, strict=True) if there]


def _one_of(rng: Generator, things: Sequence[Any]) -> Any:
    return things[int(rng.integers(len(things)))]
