"""Population based training: who is copied, how configurations change, and what is never exceeded."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import rung
from rung.schedulers import PBT
from rung.schedulers.pbt import explored
from rung.space import Categorical, Float, Int, Ordinal, Space, param
from rung.study.events import AttemptEnded, AttemptStarted, Reported, TrialCreated
from rung.study.state import StudyState

MIXED = Space(
    {
        "lr": Float(1e-4, 1, log=True),
        "momentum": Float(0, 1),
        "dropout": stats.beta(2, 5),
        "batch": Int(8, 256, log=True),
        "layers": Int(1, 4),
        "step": Int(0, 100, step=10),
        "width": Ordinal([16, 32, 64]),
        "act": Categorical(["relu", "tanh", "gelu"]),
        "units": Int(8, 64).when(param("layers") >= 3),
        "fixed": 7,
    },
    forbid=[(param("act") == "tanh") & (param("layers") == 4)],
)


def population(lab, seed, capacity=4, size=4, n_trials=20, **arguments):
    scheduler = PBT(population=size, perturb_every=2, **arguments)
    simulation = lab.simulation(
        scheduler, lab.chaos(seed, 0.03), n_trials=n_trials, capacity=capacity, seed=seed
    )
    simulation.run()
    return simulation


def latest(trial):
    return trial.reports[-1].metrics["y"]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), capacity=st.integers(1, 8), size=st.integers(2, 6))
def test_lineages(lab, seed, capacity, size):
    """At most `population` at once; a parent lives, has epochs left, and is among the best quantile."""
    log = population(lab, seed, capacity, size).log
    for at, event in enumerate(log):
        if isinstance(event, TrialCreated):
            state = StudyState.replay(log[:at])
            alive = [t for t in state.trials if not t.is_finished]
            assert len(alive) < size
            assert event.origin == ("searcher" if event.parent is None else "scheduler")
            if event.parent is not None:
                parent = state.trials[event.parent]
                assert parent in alive
                assert 0 < parent.resource <= lab.R - 2
                better = [y for y in standing(state.trials, event.parent, size) if y < latest(parent)]
                assert len(better) < math.ceil(size / 4)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), capacity=st.integers(1, 5))
def test_only_the_worst_are_stopped_and_only_where_a_copy_can_follow(lab, seed, capacity):
    log = population(lab, seed, capacity).log
    state = StudyState.replay(log)
    clones = [t for t in state.trials if t.parent is not None]
    assert len(clones) <= state.counts["stopped"] + state.counts["failed"]
    for at, event in enumerate(log):
        if event.kind == "Judged" and event.verdict == "stop":
            trials = StudyState.replay(log[:at]).trials
            values = standing(trials, event.trial, 4)
            assert len(values) >= 2
            assert not [y for y in values if y > latest(trials[event.trial])], "the worst of 4 is one"
            assert len(trials) < 20


def standing(trials, number, size):
    """The latest values of all in the population of trial `number` that go on."""
    own = population_of(trials, number, size)
    return [
        latest(t)
        for t in trials
        if t.reports and not t.is_finished and t.attempts[-1].verdict != "stop"
        and population_of(trials, t.number, size) == own
    ]  # fmt: skip


def population_of(trials, number, size):
    while trials[number].parent is not None:
        number = trials[number].parent
    return sum(t.parent is None for t in trials[:number]) // size


def test_a_clone_goes_on_where_its_parent_stood(lab):
    """Its first report follows the parent's last one, and it trains `perturb_every` epochs before a verdict."""
    found = 0
    for seed in range(20):
        log = lab.simulation(
            PBT(population=4, perturb_every=3), lab.chaos(seed, 0.0), n_trials=12, capacity=4, seed=seed
        )
        log.run()
        log = log.log
        for at, event in enumerate(log):
            if not isinstance(event, TrialCreated) or event.parent is None:
                continue
            found += 1
            stood = StudyState.replay(log[:at]).trials[event.parent].resource
            own = [e for e in log if getattr(e, "trial", None) == event.trial]
            resources = [e.resource for e in own if isinstance(e, Reported)]
            assert resources[0] == stood + 1
            assert resources == list(range(stood + 1, stood + 1 + len(resources)))
            verdicts = [e for e in own if e.kind == "Judged"]
            assert all(e.number >= 3 for e in verdicts if e.attempt == 1)
    assert found > 20


def test_n_trials_counts_clones(lab):
    for seed in range(10):
        for n_trials in (3, 4, 5, 11):
            state = lab.replay(population(lab, seed, n_trials=n_trials))
            assert len(state.trials) == n_trials
            if n_trials <= 4:
                assert state.counts["stopped"] == 0, "nobody is stopped whom no copy replaces"


def test_fewer_workers_than_members_train_in_turns(lab):
    """On one worker no member is more than `perturb_every` epochs ahead of another of its population."""
    simulation = lab.simulation(PBT(population=4, perturb_every=2), lab.chaos(0, 0.0), n_trials=4, capacity=1)
    simulation.run()
    at = dict.fromkeys(range(4), 0)
    for event in simulation.log:
        if isinstance(event, Reported):
            at[event.trial] = event.resource
            assert max(at.values()) - min(at.values()) <= 2


def test_enough_workers_never_pause(lab):
    for seed in range(5):
        log = lab.simulation(
            PBT(population=4, perturb_every=2), lab.chaos(seed, 0.0), n_trials=12, capacity=4, seed=seed
        )
        log.run()
        attempts = [e for e in log.log if isinstance(e, AttemptStarted)]
        ends = [e for e in log.log if isinstance(e, AttemptEnded)]
        assert len(attempts) == 12
        assert {e.outcome for e in ends} == {"completed", "stopped"}


def test_another_population_begins_with_the_budget_left(lab):
    state = lab.replay(population(lab, 0, n_trials=40))
    assert sum(t.parent is None for t in state.trials) > 4


@settings(max_examples=60)
@given(seed=st.integers(0, 2**31), resample=st.sampled_from([0.0, 0.25, 1.0]))
def test_explored_configurations_are_valid(seed, resample):
    rng = np.random.default_rng(seed)
    config = MIXED.sample(rng)
    for _ in range(5):
        config = explored(MIXED, config, resample, rng)
        assert MIXED.validate(config) == config


@settings(max_examples=60)
@given(seed=st.integers(0, 2**31))
def test_perturbed_by_a_fifth(seed):
    rng = np.random.default_rng(seed)
    config = MIXED.sample(rng)
    other = explored(MIXED, config, 0.0, rng)
    for name in ("lr", "momentum", "dropout"):
        low, high = MIXED[name].decode(0.0), MIXED[name].decode(1.0)
        factors = [np.clip(config[name] * f, low, high) for f in (0.8, 1.2)]
        assert np.isclose(other[name], factors, rtol=1e-6).any() or config[name] in {low, high}
    assert other["batch"] != config["batch"]
    assert other["layers"] != config["layers"]
    assert other["step"] != config["step"]
    assert abs([16, 32, 64].index(other["width"]) - [16, 32, 64].index(config["width"])) == 1
    assert other["act"] == config["act"]
    assert other["fixed"] == 7


def test_nothing_but_forbidden_ways_leaves_the_configuration_as_it_is():
    space = Space({"x": Int(1, 1000)}, forbid=[param("x") != 7, param("x") > 900])
    assert explored(space, {"x": 7}, 0.0, np.random.default_rng(0)) == {"x": 7}


@pytest.mark.parametrize("n_workers", [1, 2])
def test_checkpoints_are_copied_by_real_workers(tmp_path, n_workers):
    """Each trial's file tells what it was trained with, epoch by epoch: a clone's begins with its parent's."""

    def objective(config, trial):
        told = []
        if trial.resumes:
            told = (trial.checkpoint_dir / "told").read_text().split()
        for epoch in trial.epochs():
            told.append(f"{config['x']!r}")
            with trial.checkpoint() as path:
                (path / "told").write_text(" ".join(told))
            assert len(told) == epoch
            trial.report(epoch=epoch, y=sum(map(float, told)) / epoch)

    study = rung.tune(
        objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=12, n_workers=n_workers, max_resource=20,
        scheduler=PBT(population=4, perturb_every=2), storage=str(tmp_path), name="s", seed=1,
        keep_checkpoints="all", progress=False,
    )  # fmt: skip
    # Epochs of no length: a parent can be through its last ones before it is copied; that copy has none to train.
    clones = [t for t in study.trials if t.parent is not None and t.reports]
    assert clones
    assert all(t.status in {"completed", "stopped"} for t in study.trials if t.reports)
    files = {p.parent.parent.name: p for p in tmp_path.rglob("checkpoint/told")}
    for clone in clones:
        told = files[str(clone.number)].read_text().split()
        own = len(clone.reports)
        assert told[-own:] == [repr(clone.config["x"])] * own
        assert told[-own - 1] != told[-own]
