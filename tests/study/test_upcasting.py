"""Events of older formats are those of today once they are read, and nothing else is changed."""

from __future__ import annotations

import contextlib
import json

import pytest
from fuzz import corpus
from hypothesis import given
from hypothesis import strategies as st

from rung.execution.worker.leftovers import Identity
from rung.study.decoding import NotUnderstood, decode
from rung.study.events import KINDS, WorkerStarted
from rung.study.upcasting import upcast

whole = st.integers(0, 2**53)
facts = st.fixed_dictionaries(
    {
        "pid": whole,
        "guard": whole,
        "started": st.floats(0, 1e9) | st.integers(0, 10**9),
        "boot": corpus.names,
    }
)
objects = st.dictionaries(corpus.names, corpus.json, max_size=4)
names_of_facts = st.sampled_from(["worker", "pid", "guard", "started", "boot", "backend", "identity"])


@given(whole, facts)
def test_a_worker_of_the_first_formats_is_a_process(worker, facts):
    event = decode("WorkerStarted", "s1/w0", 1.0, {"worker": worker, **facts})
    assert event == WorkerStarted(id="s1/w0", t=1.0, worker=worker, backend="processes", identity=facts)
    again = json.loads(json.dumps(event.body()))
    assert again.keys() == {"worker", "backend", "identity"}
    assert decode("WorkerStarted", "s1/w0", 1.0, again) == event


@given(whole, corpus.names, objects)
def test_what_is_written_today_is_read_as_it_is(worker, backend, identity):
    body = {"worker": worker, "backend": backend, "identity": identity}
    assert upcast("WorkerStarted", dict(body)) == body


@given(st.sampled_from([kind for kind in KINDS if kind != "WorkerStarted"]) | corpus.names, objects)
def test_other_kinds_are_left_alone(kind, body):
    assert upcast(kind, dict(body)) == body


@given(st.dictionaries(names_of_facts | corpus.names, corpus.json, max_size=8))
def test_whatever_else_is_stored_is_read_whole_or_refused(body):
    with contextlib.suppress(NotUnderstood):
        event = decode("WorkerStarted", "s1/w0", 1.0, body)
        assert body.keys() in (
            {"worker", "pid", "guard", "started", "boot"},
            {"worker", "backend", "identity"},
        )
        Identity.read(event.identity)


@pytest.mark.parametrize("missing", ["worker", "pid", "guard", "started", "boot"])
def test_half_a_worker_of_the_first_formats_is_refused(missing):
    body = {"worker": 0, "pid": 5, "guard": 4, "started": 1.5, "boot": "b"}
    del body[missing]
    with pytest.raises(NotUnderstood, match=missing):
        decode("WorkerStarted", "s1/w0", 1.0, body)


good = Identity(5, 4, 1.5, "b")


@given(st.dictionaries(names_of_facts, corpus.json | st.integers(), max_size=5))
def test_an_identity_from_anywhere_is_a_process_or_none(stored):
    found = Identity.read(stored)
    if found is not None:
        assert 0 < found.pid < 2**31
        assert 0 < found.guard < 2**31
        assert 0 <= found.started < 1e12
        assert isinstance(found.boot, str)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pid", 0), ("pid", -1), ("pid", True), ("pid", 2**31), ("guard", "4"), ("guard", 10**400),
        ("started", float("nan")), ("started", "1.5"), ("started", 10**400), ("boot", None), ("boot", ["b"]),
    ],
)  # fmt: skip
def test_an_identity_of_no_process(name, value):
    stored = {"pid": 5, "guard": 4, "started": 1.5, "boot": "b"}
    assert Identity.read(stored) == good
    assert Identity.read({**stored, name: value}) is None
