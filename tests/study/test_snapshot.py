"""What pieces of a snapshot tell is what the log tells."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study.snapshots import cut, facts, log_of

import rung
from rung.study import snapshot
from rung.study.events import AttemptEnded, AttemptStarted, Reported, StudyCreated, TrialCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState

seeds = st.integers(0, 40)


def restored(events, pieces):
    found = snapshot.restore(events[0], pieces)
    assert found is not None
    return found


@settings(deadline=None, max_examples=60)
@given(seeds, st.data())
def test_pieces_and_the_rest_of_the_log_are_the_whole_log(seed, data):
    events = log_of(seed)
    ends = data.draw(st.lists(st.integers(2, len(events)), min_size=1, max_size=6))
    found = restored(events, cut(events, ends))
    assert found.state.events == max(ends)
    assert found.last == snapshot.fingerprint(events[max(ends) - 1])
    assert facts(found.state) == facts(StudyState.replay(events[: max(ends)]))
    found.state.follow(events[max(ends) :])
    assert facts(found.state) == facts(StudyState.replay(events))


@settings(deadline=None, max_examples=30)
@given(seeds, st.data())
def test_who_goes_on_writes_the_pieces_that_follow(seed, data):
    # Without looking at a trial, which would make it: what nobody asked for is kept too.
    events = log_of(seed)
    at, end = sorted(data.draw(st.lists(st.integers(2, len(events)), min_size=2, max_size=2, unique=True)))
    pieces = cut(events, [at])
    found = snapshot.restore(events[0], pieces)
    state = found.state
    state.follow(events[at:end])
    changed = {event.trial for event in events[at:end] if hasattr(event, "trial")}
    pieces.append((snapshot.piece(state, found.mark, changed, events[end - 1], ""), 0))
    assert facts(restored(events, pieces).state) == facts(StudyState.replay(events[:end]))


def test_a_piece_that_does_not_follow_is_left_out():
    events = log_of(1)
    first, second = cut(events, [20, 30])
    stale = cut(events, [25])[0]
    for pieces in ([first, stale, second], [first, first, second]):
        assert facts(restored(events, pieces).state) == facts(StudyState.replay(events[:30]))
    assert snapshot.restore(events[0], [second]) is None


def test_pieces_of_another_study_or_version_tell_nothing(monkeypatch):
    events, others = log_of(1), log_of(2)
    assert snapshot.restore(others[0], cut(events, [20])) is None
    monkeypatch.setattr(snapshot, "BY", "a newer one")
    newer = cut(events, [20])
    monkeypatch.undo()
    assert snapshot.restore(events[0], newer) is None
    assert snapshot.restore(events[0], []) is None


def test_a_trial_is_made_once():
    events = log_of(1)
    (text, end), *_ = cut(events, [len(events)])
    state = snapshot.restore(events[0], [(text, end)]).state
    assert state.trials[0] is state.trials[0] is next(iter(state.trials)) is state.trials[:1][0]
    assert state.trials[-1] is state.trials[len(state.trials) - 1]
    with pytest.raises(IndexError):
        state.trials[len(state.trials)]


# ---- reports in columns


def reported(attempt, resource, **metrics):
    return Reported(id=f"t0/a{attempt}/r{resource}", t=float(resource), trial=0, attempt=attempt, number=resource,
                    resource=resource, metrics=metrics)  # fmt: skip


@pytest.fixture
def state():
    created = StudyCreated(id="study", t=0.0, space=rung.Space({"x": rung.Float(0, 1)}).to_json(), seed=0,
                           goals=Goals.of("y", report_only=["z"]).to_json())  # fmt: skip
    state = StudyState(created)
    for event in (
        TrialCreated(id="t0", t=0.0, trial=0, config={"x": 0.5}, origin="searcher"),
        AttemptStarted(id="t0/a1", t=0.0, trial=0, attempt=1),
        *(reported(1, resource, y=1 / resource, z=2.0) for resource in (1, 2, 3)),
        AttemptEnded(id="t0/a1/end", t=4.0, trial=0, attempt=1, outcome="lost", metrics={}),
        AttemptStarted(id="t0/a2", t=4.0, trial=0, attempt=2),
        reported(2, 2, y=0.25, w=7.0),
    ):
        state.apply(event)
    return state


def test_an_attempt_that_begins_anew_tells_its_part_of_the_curve_again(state):
    reports = state.trials[0].reports
    assert [(r.attempt, r.resource, r.metrics, r.held_back) for r in reports] == [
        (1, 1, {"y": 1.0}, {"z": 2.0}),
        (2, 2, {"y": 0.25, "w": 7.0}, {}),
    ]
    assert len(reports) == 2
    assert reports[-1] == reports[1] == reports[1:][0]
    assert reports == list(reports)
    assert state.trials[0].resource == 2
    assert state.curve[-2:] == [(0, 1, 3, {"y": 1 / 3}), (0, 2, 2, {"y": 0.25, "w": 7.0})]
    assert list(state.curve) == [state.curve[i] for i in range(4)]


def test_a_copy_of_a_trial_holds_its_own_reports_alone(state):
    trial = state.trials[0]
    for other in (copy.deepcopy(trial), pickle.loads(pickle.dumps(trial))):
        assert other == trial
        assert other.resource == 2
        assert len(other.reports._curve) == 2
