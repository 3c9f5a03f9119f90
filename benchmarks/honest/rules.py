"""Ways to a configuration at equal total runs: confirmed, and the rules of other libraries in rung's code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.honest.tasks import Noisy

import rung
from rung.execution.simulator import Simulator
from rung.storage import MemoryStorage, Owner
from rung.storage.base import Storage

_CALLS = 3
"""Runs of a configuration at most while racing, as SMAC's `max_config_calls`."""


def searched(task: Noisy, searcher: str, seed: int, storage: Storage, **budget: Any) -> rung.Study:
    def run(job: Any) -> Iterator[Any]:
        loss, test = task.run(job.config, job.seed)
        yield 1.0, {"loss": loss, "test": test}

    study = rung.Study(
        task.space, metric="loss", report_only=["test"], searcher=searcher, seed=seed, name="s",
        storage=storage, **budget,
    )  # fmt: skip
    study.drive(Simulator(run, 1))
    return study


def copied(storage: Storage) -> Storage:
    """A storage with the same log."""
    copy, (first, *others) = MemoryStorage(), list(storage.read("s"))
    copy.create("s", first)
    lease = copy.acquire("s", Owner("benchmark", 1, 0.0))
    copy.append(lease, others)
    copy.release(lease)
    return copy


def by_model(task: Noisy, study: rung.Study) -> Mapping[str, Any]:
    """Of all trials, the one of which a Gaussian process expects most: what Ax returns."""
    if task.described_by is None:
        return study.trials[study.recommended.trial].config
    described = rung.Study(task.described_by, metric="loss", storage=":memory:")
    numbers = {described.add(task.described(t.config), {"loss": t.value}).number: t for t in study.trials}
    return numbers[described.recommended.trial].config


def by_race(task: Noisy, configs: Sequence[Mapping[str, Any]], seed: int) -> Mapping[str, Any]:
    """The incumbent after as many runs as there are configurations: the intensification of SMAC.

    A challenger runs on the seeds that the incumbent has had, one, two, four at a time, and is dropped once
    its mean on these is worse. Before each, the incumbent runs on another seed, up to a limit.
    """
    seeds = [int(s) for s in np.random.default_rng((seed, 1)).integers(2**31, size=_CALLS)]
    left, incumbent = len(configs), configs[0]
    losses: list[float] = []
    for challenger in configs[1:]:
        if left and len(losses) < _CALLS:
            losses.append(task.run(incumbent, seeds[len(losses)])[0])
            left -= 1
        own: list[float] = []
        while len(own) < len(losses):
            for other in seeds[len(own) : min(2 * len(own) or 1, len(losses))]:
                if not left:
                    return incumbent
                own.append(task.run(challenger, other)[0])
                left -= 1
            if np.mean(own) > np.mean(losses[: len(own)]):
                break
        else:
            incumbent, losses = challenger, own
    return incumbent
