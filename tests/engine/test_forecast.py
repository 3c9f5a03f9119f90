"""The time left, forecast in virtual time: against studies that then end when they end."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rung
from rung.engine.coordinator import act
from rung.engine.engine import Engine
from rung.engine.forecast import TimeLeft, end_of
from rung.execution.base import End, WorkerUp
from rung.execution.simulator import Simulator
from rung.settings import Settings
from rung.study.events import Outcome, SessionStarted, StudyCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.streams import stream

pytestmark = pytest.mark.unmeasured

SPACE = rung.Space({"x": rung.Float(0, 1)})
R = 9


def even(job):
    return 0.0, 1.0


def uneven(job):
    return 0.0, 0.6 + 0.8 * job.config["x"]


def slow_start(job):
    return 1.5, 1.0


def curve(profile, reports=True):
    def run(job):
        start, each = profile(job)
        noise = stream(0, "noise", 1000 * job.id.trial + job.id.attempt)
        if not reports:
            yield start + R * each, End(job.id, Outcome.COMPLETED, {"y": job.config["x"]})
        for epoch in range(job.start_resource + 1, R + 1):
            # Whether an epoch is good has little to do with how long it takes.
            y = abs(job.config["x"] - 0.5) + 1 / epoch
            yield start + each * float(noise.lognormal(0, 0.1)), {"y": y}
            start = 0.0

    return run


def late_workers(job):
    return LATE if job.id.trial < 2 and job.id.attempt == 1 else 0.0, 1.0


LATE = 15.0
"""Seconds that the two workers of `late_workers` take to start."""


class NoCheckpoints(Simulator):
    """Every attempt begins at the first epoch, and reports all of them again."""

    def submit(self, job):
        super().submit(replace(job, start_resource=0))


class Session:
    """A study at work, forecast while it runs."""

    def __init__(self, scheduler, n_workers, n_trials=30, *, run=None, profile=even, checkpoints=True):
        self.settings = Settings.of(
            metric="y", n_trials=n_trials, n_workers=n_workers, scheduler=scheduler, max_resource=R,
            searcher="random", storage=":memory:",
        ).for_space(SPACE)  # fmt: skip
        goals = Goals.of("y").to_json()
        self.state = StudyState(StudyCreated(id="study", t=0.0, space=SPACE.to_json(), goals=goals, seed=1))
        plan = self.settings.to_json()
        self.state.apply(SessionStarted(id="s1", t=0, epoch=1, wall=0.0, owner={}, plan=plan, versions={}))
        self.engine = Engine(self.state, self.settings)
        self.workers = (Simulator if checkpoints else NoCheckpoints)(run or curve(profile), n_workers)
        self.checkpoints = checkpoints
        self.late = profile is late_workers

    def steps(self):
        messages = ()
        while True:
            if self.late and self.workers.now() > LATE:
                self.late = False
                messages = [WorkerUp(0, "processes", {}), WorkerUp(1, "processes", {}), *messages]
            step = self.engine.handle(messages, now=self.workers.now(), capacity=self.workers.capacity)
            act(step, self.workers)
            if step.finished:
                return
            messages = self.workers.poll(step.wait)
            if not self.checkpoints:
                self.state.checkpoints = False  # the simulator's trials always save one
            yield self.workers.now()

    def forecasts(self, every=30):
        """(now, the end forecast then) at each so many steps, and when the study really ended."""
        time_left, found = TimeLeft(self.settings), []
        for i, now in enumerate(self.steps()):
            if i % every == every - 1:
                time_left.look(self.state, now)
                time_left.work(60.0)
                found.append((now, time_left.end))
        return found, self.state.t


def wrong(found, end):
    """The moments from the first tenth on at which the time left was wrong by more than a factor of 1.5.

    A twentieth of the whole time is allowed besides: a second before the end, nobody minds a second.
    """
    left = [(now, None if said is None else said - now, end - now) for now, said in found if now >= end / 10]
    slack = end / 20
    return [t for t in left if t[1] is None or not t[2] / 1.5 - slack <= t[1] <= t[2] * 1.5 + slack]


CASES = [
    ("asha", even, 1), ("asha", even, 4), ("asha", uneven, 2), ("asha", slow_start, 2),
    ("fifo", even, 1), ("fifo", uneven, 4), ("hyperband", even, 2), ("hyperband", uneven, 4),
    ("median", even, 2), ("median", uneven, 4), ("pbt", even, 4), ("auto", slow_start, 2),
    ("successive-halving", uneven, 2),
]  # fmt: skip


@pytest.mark.parametrize(("scheduler", "profile", "n_workers"), CASES)
def test_the_time_left_is_right_from_the_first_tenth_on(scheduler, profile, n_workers):
    n_trials = 60 if scheduler == "median" else 30  # chance decides how many of few are stopped
    found, end = Session(scheduler, n_workers, n_trials, profile=profile).forecasts()
    assert len(found) > 2
    assert len(wrong(found, end)) <= len(found) // 10


def test_trials_that_begin_again_take_longer():
    found, end = Session("asha", 2, checkpoints=False).forecasts()
    assert not wrong(found, end)


def test_the_start_of_the_workers_is_no_part_of_their_first_trials():
    found, end = Session("asha", 2, profile=late_workers).forecasts(every=10)
    assert sum(now < end / 2 for now, _ in found) > 2
    assert len(wrong(found, end)) <= len(found) // 10


def test_trials_without_reports():
    found, end = Session("fifo", 2, run=curve(uneven, reports=False)).forecasts()
    assert not wrong(found, end)


def test_some_trials_fail():
    def run(job):
        for n, pair in enumerate(curve(even)(job)):
            yield (1.0, End(job.id, Outcome.FAILED, reason="no")) if job.id.trial % 3 == 0 and n else pair

    found, end = Session("fifo", 2, run=run).forecasts()
    assert not wrong(found, end)


def test_a_forecast_leaves_the_study_as_it_was():
    session = Session("asha", 3)
    steps = session.steps()
    for _ in range(60):
        next(steps)
    before, events, trials = (
        session.state.digest(),
        session.state.events,
        list(map(repr, session.state.trials)),
    )
    assert end_of(session.state, session.workers.now()) > session.workers.now()
    assert (session.state.digest(), session.state.events) == (before, events)
    assert list(map(repr, session.state.trials)) == trials
    alone = Session("asha", 3)
    for _ in zip(range(60), alone.steps(), strict=False):
        pass
    assert alone.state.digest() == before


def test_nothing_is_said_before_there_is_something_to_go_by():
    session = Session("asha", 2)
    time_left = TimeLeft(session.settings)
    time_left.look(session.state, 0.0)
    time_left.work(1.0)
    assert time_left.end is None


def test_many_trials_are_left_to_the_pace_so_far():
    session = Session("fifo", 2, n_trials=10_000)
    time_left = TimeLeft(session.settings)
    now = [now for _, now in zip(range(300), session.steps(), strict=False)][-1]
    time_left.look(session.state, now)
    assert time_left.end == pytest.approx(now * 10_000 / len(session.state.trials))


def test_a_scheduler_of_the_users_own_is_not_in_the_log():
    session = Session("asha", 2)
    for _ in zip(range(20), session.steps(), strict=False):
        pass
    session.state.plan["scheduler"]["name"] = "mine"
    assert end_of(session.state, session.workers.now()) is None
