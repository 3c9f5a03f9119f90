"""Successive halving and Hyperband against the papers' tables and a plain reading of their rule."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.schedulers import Hyperband, SuccessiveHalving
from rung.study.events import AttemptStarted, Reported, TrialCreated
from rung.study.history import History
from rung.study.state import StudyState


def table(shape, eta):
    rows = [shape.size]
    while len(rows) < len(shape.levels):
        rows.append(max(1, rows[-1] // eta))
    return list(zip(rows, shape.levels, strict=True))


def test_table_1_of_hyperband():
    """Li et al. (2018), table 1: n_i and r_i for R = 81, eta = 3."""
    assert [table(shape, 3) for shape in Hyperband().shapes(81)] == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


@pytest.mark.parametrize(
    ("r_min", "r_max", "eta", "rows"),
    [
        (1, 81, 3, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]),  # the first bracket of Hyperband
        (2, 10, 2, [(8, 2), (4, 4), (2, 8), (1, 10)]),  # section 19.4 of Dive into Deep Learning
        (9, 9, 3, [(1, 9)]),
    ],
)
def test_rungs_of_successive_halving(r_min, r_max, eta, rows):
    (shape,) = SuccessiveHalving(r_min, eta).shapes(r_max)
    assert table(shape, eta) == rows


@given(r_max=st.integers(1, 300), eta=st.integers(2, 5), data=st.data())
def test_levels_of_hyperband_are_whole_and_grow(r_max, eta, data):
    r_min = data.draw(st.integers(1, r_max))
    for shape in Hyperband(r_min, eta).shapes(r_max):
        assert list(shape.levels) == sorted(set(shape.levels))
        assert shape.levels[0] >= r_min
        assert shape.levels[-1] == r_max


@pytest.mark.unmeasured
@pytest.mark.parametrize("capacity", [1, 7])
@pytest.mark.parametrize(("make", "n"), [(SuccessiveHalving, 81), (Hyperband, 143)])
def test_a_quiet_study_trains_exactly_the_table(lab, make, n, capacity):
    """Without faults as many trials as the table says reach each level, and none more; twice over."""
    state = lab.simulation(
        make(), lab.chaos(0, 0.0, max_resource=81), n_trials=2 * n, capacity=capacity, r=81
    ).run()
    shapes = list(make().shapes(81))
    firsts = accumulate((shape.size for shape in shapes * 2), initial=0)
    for shape, first in zip(shapes * 2, firsts, strict=False):
        trials = state.trials[first : first + shape.size]
        assert [(sum(t.resource >= r for t in trials), r) for _, r in table(shape, 3)] == table(shape, 3)
        assert {t.resource for t in trials} <= set(shape.levels)


def brackets_of(scheduler, r, n_trials):
    """Pairs of (trials, levels), the last one perhaps not full."""
    first = 0
    while first < n_trials:
        for shape in scheduler.shapes(r):
            yield range(first, min(first + shape.size, n_trials)), shape.levels
            first += shape.size


def may_go_on(state, curve, trials, levels, eta, everybody_is_there):
    """All that ever may go beyond each level by the rule, or None for a level that is not complete."""
    members, complete = list(trials), everybody_is_there
    for level in levels[:-1]:
        there = {n: [loss for t, r, loss in curve if t == n and r >= level] for n in members}
        complete = complete and all(there[n] or state.trials[n].is_finished for n in members)
        order = sorted((n for n in members if there[n]), key=lambda n: there[n][0])
        members = order[: max(1, len(members) // eta)]
        yield level, (members if complete else None)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    capacity=st.integers(1, 5),
    eta=st.integers(2, 3),
    n_trials=st.integers(1, 40),
    make=st.sampled_from([SuccessiveHalving, Hyperband]),
)
def test_who_goes_on_is_the_rules_choice(lab, seed, capacity, eta, n_trials, make):
    """Whenever a trial is resumed beyond a level, its rung was complete and it was among the best there."""
    simulation = lab.simulation(
        make(eta=eta), lab.chaos(seed), n_trials=n_trials, capacity=capacity, seed=seed
    )
    simulation.run()
    log, curve, created = simulation.log, [], 0
    for at, event in enumerate(log):
        created += isinstance(event, TrialCreated)
        if isinstance(event, Reported):
            curve.append((event.trial, event.resource, event.metrics["y"]))
        if not isinstance(event, AttemptStarted) or event.attempt == 1:
            continue
        state = StudyState.replay(log[:at])
        if state.trials[event.trial].status != "paused":
            continue
        trials, levels = next(b for b in brackets_of(make(eta=eta), lab.R, n_trials) if event.trial in b[0])
        below = max(level for level in levels if level < event.target)
        full = trials.stop <= created
        assert event.trial in dict(may_go_on(state, curve, trials, levels, eta, full))[below]
    end = StudyState.replay(log)
    for trials, levels in brackets_of(make(eta=eta), lab.R, n_trials):
        for level, best in may_go_on(end, curve, trials, levels, eta, True):
            beyond = {n for n in trials if sum(a.target > level for a in end.trials[n].attempts)}
            assert beyond <= set(best), "more than the rule's share went on"
            assert all(end.trials[n].is_finished for n in set(best) - beyond)


@pytest.mark.parametrize("make", [SuccessiveHalving, Hyperband])
def test_who_stays_behind_is_dropped_at_once(lab, make):
    """On one worker a bracket is over, to its last trial, before the next one begins."""
    log = lab.simulation(make(), lab.chaos(0, 0.0), n_trials=40, capacity=1)
    log.run()
    firsts = {trials.start for trials, _ in brackets_of(make(), lab.R, 40)}
    for at, event in enumerate(log.log):
        if isinstance(event, TrialCreated) and event.trial in firsts:
            assert all(t.is_finished for t in StudyState.replay(log.log[:at]).trials)


def test_a_straggler_holds_up_its_own_rung_alone(lab):
    """Trial 0 never reports: the second bracket gets to the end all the same."""

    def curve(job):
        for epoch in range(job.start_resource + 1, lab.R + 1):
            yield (1e6 if job.id.trial == 0 else 1.0), {"y": job.config["x"] + 1 / epoch}

    simulation = lab.simulation(SuccessiveHalving(), curve, n_trials=18, capacity=3)
    state = simulation.run()
    second = [t for t in state.trials if t.number >= 9 and t.status == "completed"]
    assert len(second) == 1
    assert second[0].ended < 1e5
    assert [t.number for t in state.trials if t.status == "completed" and t.number < 9] != []


def test_a_failed_trial_never_blocks_a_rung(lab):
    from rung.execution.base import End

    def curve(job):
        for epoch in range(job.start_resource + 1, lab.R + 1):
            if job.id.trial % 9 < 8:
                yield 1.0, End(job.id, "failed", reason="no")
                return
            yield 1.0, {"y": 1 / epoch}

    state = lab.simulation(SuccessiveHalving(), curve, n_trials=18).run()
    assert [t.number for t in state.trials if t.status == "completed"] == [8, 17]


@pytest.mark.unmeasured
@pytest.mark.parametrize("make", [SuccessiveHalving, Hyperband])
def test_an_answer_costs_the_same_after_many_trials(lab, make):
    """Counted in the trials that are looked at, not in seconds."""
    counted = []

    class Counting(History):
        looks = 0

        @property
        def trials(self):
            self.looks += 1
            return super().trials

    class Watched(make):
        watched = None

        def next(self, history, propose):
            self.watched = self.watched or Counting(history._state)
            before = self.watched.looks
            action = super().next(self.watched, propose)
            counted.append(self.watched.looks - before)
            return action

        def judge(self, history, trial):
            self.watched = self.watched or Counting(history._state)
            return super().judge(self.watched, trial)

    lab.simulation(Watched(), lab.chaos(0, 0.0), n_trials=900).run()
    third = len(counted) // 3
    assert sum(counted[-third:]) < 1.5 * sum(counted[:third])
