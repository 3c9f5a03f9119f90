"""Workers that an engine places: so many, another for each that ends, and an error if none ever comes."""

from __future__ import annotations

import pytest

import rung
from rung.errors import ArgumentError, WorkerError
from rung.execution.backends import EXECUTORS
from rung.execution.node import crew
from rung.execution.node.crew import Crew


class Shelf:
    """An engine that keeps what it is asked to place."""

    def __init__(self):
        self.placed, self.over, self.removed, self.closed = [], {}, [], False

    def place(self, arguments, env):
        self.placed.append((arguments, env))
        return len(self.placed)

    def ended(self, handle):
        return self.over.get(handle, "")

    def waits(self, handle):
        return f"job {handle}: PENDING (Resources)"

    def remove(self, handle):
        self.removed.append(handle)
        raise RuntimeError("it is gone already")

    def close(self):
        self.closed = True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(crew, "monotonic", lambda: now[0])
    return now


def test_there_are_so_many_and_one_that_ends_is_replaced_after_a_pause(clock):
    engine = Shelf()
    its = Crew(engine, 2, ["worker", "here:1"], {"RUNG_TOKEN": "t"})
    its.look(0)
    assert engine.placed == [(["worker", "here:1"], {"RUNG_TOKEN": "t"})] * 2
    assert its.waiting() == "job 1: PENDING (Resources); job 2: PENDING (Resources)"
    engine.over[1] = "NODE_FAIL"
    clock[0] += 1
    its.look(1)
    assert len(engine.placed) == 2
    clock[0] += 1
    its.look(1)
    assert len(engine.placed) == 3
    its.close()
    assert engine.removed == [2, 3] and engine.closed


def test_workers_that_always_end_stop_the_study_with_the_engines_words_unless_another_works(clock):
    engine = Shelf()
    its = Crew(engine, 1, [], {})
    for n in range(1, 4):
        engine.over[n] = f"job {n}: no such partition"

    def wait(joined):
        for _ in range(100):
            its.look(joined)
            clock[0] += 1

    with pytest.raises(WorkerError, match="before they have joined; the last one: job 3: no such partition"):
        wait(joined=0)
    engine = Shelf()
    engine.over = dict.fromkeys(range(1, 50), "preempted")
    its = Crew(engine, 1, [], {})
    wait(joined=1)
    assert len(engine.placed) > 10


@pytest.mark.parametrize(
    ("name", "library"), [("ray", "ray"), ("slurm", "submitit"), ("dask", "distributed")]
)
def test_an_engine_that_is_not_installed_is_said_before_the_study_exists(
    name, library, tmp_path, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(
        ArgumentError, match=rf"executor '{name}' needs {library}: pip install 'rung\[{name}\]'"
    ):
        rung.tune(
            lambda config: 0.0,
            {"x": rung.Float(0, 1)},
            n_trials=1,
            executor=name,
            storage=str(tmp_path / "s"),
        )
    assert not (tmp_path / "s").exists() and EXECUTORS[name]().name == name
