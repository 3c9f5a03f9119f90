from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from rung.space import Space
from rung.study.events import AttemptEnded, AttemptStarted, Reported, StudyCreated, TrialCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState


@dataclass
class Told:
    """A trial as a test tells it; `curve` holds the tuned metric of epochs 1, 2, ..."""

    config: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: Sequence[float] = ()
    outcome: str = "completed"
    reason: str = ""
    seconds: float = 1.0


def fold(space, trials, metric="loss", **goals):
    """The state of a study in which `trials` ran one after another."""
    created = StudyCreated(
        id="study", t=0.0, space=Space.of(space).to_json(), goals=Goals.of(metric, **goals).to_json(), seed=0
    )
    state, now = StudyState(created), 0.0
    for n, told in enumerate(trials):
        for event in events(n, told, now, state.goals.metrics[0].name):
            state.apply(event)
        now += told.seconds
    return state


def events(n, told, now, metric):
    where = {"trial": n, "attempt": 1}
    yield TrialCreated(id=f"t{n}", t=now, trial=n, config=dict(told.config), origin="searcher")
    yield AttemptStarted(id=f"t{n}/a1", t=now, **where)
    for epoch, value in enumerate(told.curve, 1):
        event_id = f"t{n}/a1/r{epoch}"
        yield Reported(id=event_id, t=now, number=epoch, resource=epoch, metrics={metric: value}, **where)
    if told.outcome != "running":
        yield AttemptEnded(
            id=f"t{n}/a1/end", t=now + told.seconds, outcome=told.outcome, metrics=dict(told.metrics),
            reason=told.reason, **where,
        )  # fmt: skip


@pytest.fixture(name="Told", scope="session")
def _told():
    return Told


@pytest.fixture(name="fold", scope="session")
def _fold():
    return fold
