"""Of several objectives, rung says which of them are searched for."""

from __future__ import annotations

import logging

import pytest

import rung
from rung.schedulers import SCHEDULERS
from rung.searchers import SEARCHERS

SPACE = {"x": rung.Int(0, 9)}
TWO = {"error": "min", "latency": "max"}
PREFER_NONE = {
    "searcher": {"auto", "gp", "tpe", "evolution", "random", "sobol", "grid"},
    "scheduler": set(SCHEDULERS) - {"pbt"},
}


def start(metric=TWO, **options):
    with rung.Study(SPACE, metric=metric, max_resource=9, storage=":memory:", name="a", **options) as study:
        study.ask()


@pytest.fixture
def warned(caplog):
    with caplog.at_level(logging.WARNING, "rung"):
        yield lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("part", "name"),
    [*(("searcher", name) for name in SEARCHERS), *(("scheduler", name) for name in SCHEDULERS)],
)
def test_a_part_that_uses_the_first_one_is_named_with_what_it_leaves_out(warned, part, name):
    start(**{"searcher": "random", "scheduler": "fifo", part: name})
    if name in PREFER_NONE[part]:
        assert not warned()
    else:
        (message,) = warned()
        assert (
            f"study 'a': {part}='{name}' only searches for the first objective, error; latency is" in message
        )
        assert 'searcher="auto" and scheduler="asha" or "fifo"' in message


def test_both_parts_are_named(warned):
    start(searcher="local", scheduler="pbt")
    assert "searcher='local' with scheduler='pbt' only searches for" in warned()[0]


def test_one_objective_is_no_reason_to_warn(warned):
    start("error", searcher="local", scheduler="pbt")
    assert not warned()


def test_tune_warns_before_its_first_trial(warned):
    seen = []
    rung.tune(
        lambda config: seen.append(warned()) or {"error": 1.0, "latency": 1.0}, SPACE, metric=TWO,
        searcher="local", n_trials=1, storage=":memory:", progress=False,
    )  # fmt: skip
    assert len(seen[0]) == 1
    assert "latency is recorded and not searched for" in seen[0][0]
