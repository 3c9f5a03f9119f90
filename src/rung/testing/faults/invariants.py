"""What must hold after every step of a simulated study. Each raises AssertionError naming what is broken.

I2, I4, I5, I11 and I12 speak of the log alone, hold of every prefix of a log that they hold of, and the
log only grows (also checked): so they are checked once for each session, on the whole log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.execution.base import AttemptId, Job, Report
from rung.storage.base import Lease
from rung.study.events import FINAL, AttemptEnded, Event, Judged, Outcome, after_verdict
from rung.study.state import StudyState
from rung.testing.decisions import check_decisions
from rung.testing.invariants import check_log, check_state

LEASE = 5.0
"""Virtual seconds of silence after which a worker is taken for dead."""
LATEST = 20.0
"""Virtual seconds that a message may be late, at most."""
LONGEST = 10.0
"""Virtual seconds that an epoch takes, at most."""

if TYPE_CHECKING:
    from rung.testing.faults.executor import FaultyExecutor
    from rung.testing.faults.world import World


def check_step(world: World, executor: FaultyExecutor, live: StudyState) -> None:
    """Check what must hold between two steps of the owner of the study."""
    live_equals_log(live, world.state)  # I3
    within_budget(world.state, world.setting.n_trials)  # I6
    within_capacity(world.state, executor)  # I7
    nothing_runs_without_a_worker(world, executor)  # I8
    checkpoints_are_there(world)  # I9
    check_state(world.state)  # I10


def check_whole(world: World) -> None:
    """Check the log, as the storage gives it, and all that was acknowledged so far."""
    events = list(world.storage.read(world.study))
    assert [e.id for e in events] == [e.id for e in world.log], "what was in the log has changed"  # I2
    state = check_log(
        events, n_trials=world.setting.n_trials, capacity=world.setting.capacity
    )  # I5, I11, I12
    assert state.digest() == world.state.digest(), "the log replayed differs from what was read step by step"
    acknowledged_reports_are_logged(world)  # I1
    a_trial_ends_once(events)  # I5
    a_verdict_holds(events)
    check_decisions(events, world.setting.scheduler())  # I4


# ---- I1


def nothing_is_acknowledged_unlogged(world: World, report: Report) -> None:
    """A report is answered after it is durable."""
    event_id = f"{report.id}/r{report.number}"
    assert event_id in world.ids, f"{event_id} is acknowledged and not in the log"
    world.acknowledged[event_id] = report


def acknowledged_reports_are_logged(world: World) -> None:
    """Each acknowledged report is in the log, with its content."""
    logged = {event.id: event for event in world.log}
    for event_id, report in world.acknowledged.items():
        event = logged.get(event_id)
        said = (getattr(event, "resource", None), getattr(event, "metrics", None))
        assert said == (report.resource, report.metrics), f"{event_id}: acknowledged {report}, logged {event}"


# ---- I2


def an_append_adds_its_events(
    world: World, events: Sequence[Event], fresh: Sequence[Event], count: int
) -> None:
    """Numbers have no gaps: the log is longer by what was appended, all of it, once and in order."""
    assert [e.id for e in fresh] == [e.id for e in events], (
        f"appended {[e.id for e in events]}; the log has grown by {[e.id for e in fresh]}"
    )
    assert count == len(world.log), f"the storage counts {count} events where the log has {len(world.log)}"
    for event in fresh:
        assert event.id not in world.ids, f"event {event.id} stands in the log twice"
        world.ids.add(event.id)


def a_stale_owner_writes_nothing(world: World, lease: Lease) -> None:
    """Who was followed by another owner can append no more."""
    newest = world.storage.newest
    assert newest is not None
    assert lease.epoch == newest.epoch, f"the owner of epoch {lease.epoch} wrote in epoch {newest.epoch}"


# ---- I3


def live_equals_log(live: StudyState, log: StudyState) -> None:
    """The state of the coordinator is the fold of the log."""
    assert live.digest() == log.digest(), "the live state differs from the log replayed"
    assert (live.t, live.events) == (log.t, log.events), "the live state differs from the log replayed"


# ---- I5


def nothing_starts_unlogged(world: World, job: Job) -> None:
    """An attempt is handed to a worker after that is durable, and once."""
    assert str(job.id) in world.ids, f"{job.id} runs and is not in the log"
    assert job.id not in world.submitted, f"{job.id} is run twice"
    world.submitted.add(job.id)


def a_trial_ends_once(events: Sequence[Event]) -> None:
    """Of all attempts of a trial, one is accepted."""
    ended: set[int] = set()
    for event in events:
        if isinstance(event, AttemptEnded) and event.outcome in FINAL:
            assert event.trial not in ended, f"{event.id}: the trial had ended before"
            ended.add(event.trial)


def a_verdict_holds(events: Sequence[Event]) -> None:
    """An attempt with the verdict to pause or stop ends as paused or stopped, unless it failed."""
    verdicts: dict[tuple[int, int], str] = {}
    for event in events:
        if isinstance(event, Judged):
            verdicts[event.trial, event.attempt] = event.verdict
        elif isinstance(event, AttemptEnded) and (verdict := verdicts.get((event.trial, event.attempt))):
            expected = {after_verdict(verdict), Outcome.FAILED}
            assert event.outcome in expected, f"{event.id}: {event.outcome}, though the verdict was {verdict}"


# ---- I6, I7, I8


def within_budget(state: StudyState, n_trials: int) -> None:
    """No more trials than were asked for."""
    assert len(state.trials) <= n_trials, f"{len(state.trials)} trials where {n_trials} were asked for"


def within_capacity(state: StudyState, executor: FaultyExecutor) -> None:
    """No more attempts at once than there are workers, in the log and at work."""
    for what, number in (("logged as running", len(state.open)), ("at work", len(executor.runs))):
        assert number <= executor.capacity, f"{number} attempts {what}, {executor.capacity} workers"


def nothing_runs_without_a_worker(world: World, executor: FaultyExecutor) -> None:
    """What the log calls running is at work, or its end has been under way for no longer than it may."""
    for number, attempt in world.state.open.items():
        this = AttemptId(number, attempt.number)
        if this in executor.runs:
            continue
        assert this in executor.over, f"{this} is open and was never begun"
        silent = world.time - executor.over[this]
        assert silent <= LEASE + LATEST + LONGEST + 1.0, (
            f"{this} has been running without a worker for {silent:.1f} s"
        )


# ---- I9


def checkpoints_are_there(world: World) -> None:
    """What a trial needs that may run again is there: its own checkpoint, for a new clone its parent's."""
    if not world.setting.checkpoints:
        return
    saved = world.disk.saved
    for trial in world.state.trials:
        if trial.is_finished or trial.resource == world.setting.max_resource:
            continue  # a trial that was trained to the end and whose end was lost may have to start over
        if trial.reports:
            assert trial.resource in saved.get(trial.number, ()), (
                f"trial {trial.number} ({trial.status}) needs its checkpoint of epoch {trial.resource}, "
                f"there is {saved.get(trial.number)}"
            )
        elif trial.parent is not None:
            own_or_parents = saved.get(trial.number) or saved.get(trial.parent)
            assert own_or_parents, f"trial {trial.number} needs the checkpoint of its parent {trial.parent}"


def it_goes_on_where_it_stood(world: World, job: Job, begun: int) -> None:
    """An attempt begins from the checkpoint of what was reported before, a clone from that of its parent."""
    most = world.setting.max_resource
    if job.start_resource in {0, most}:
        return
    if job.parent is not None and world.disk.furthest.get(job.parent) == most:
        return  # its parent was trained to the end meanwhile, from where there is nothing left to train
    assert begun >= job.start_resource, f"{job.id} begins at {begun}, not at {job.start_resource}"


# ---- the end


def the_study_is_whole(world: World) -> None:
    """Whatever happened, all trials are there, and over."""
    state, setting = world.state, world.setting
    if state.ended == "exhausted":
        assert all(state.seen(config) for config in setting.space.configs()), "the space is not used up"
    else:
        assert len(state.trials) == setting.n_trials, f"{len(state.trials)} trials, not {setting.n_trials}"
    unfinished = [t.number for t in state.trials if not t.is_finished]
    assert not unfinished, f"trials {unfinished} never ended"
    completed = sum(t.status == Outcome.COMPLETED for t in state.trials)
    assert completed == state.counts[Outcome.COMPLETED], "completed trials are miscounted"
