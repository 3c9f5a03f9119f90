"""What every scheduler must do, whichever it is, whatever happens."""

import functools
import hashlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.errors import Error
from rung.execution.simulator import Simulator
from rung.schedulers import ASHA, PBT, SCHEDULERS, Hyperband, MedianRule, SuccessiveHalving, get
from rung.settings import Settings
from rung.study.events import AttemptStarted
from rung.testing import check_log, check_scheduler
from rung.testing.schedulers import chaos

pytestmark = pytest.mark.unmeasured

FORMS = {
    **SCHEDULERS,
    "asha-stopping": lambda: ASHA("stopping"),
    "asha-brackets": lambda: ASHA(brackets=3),
    "successive-halving-2": lambda: SuccessiveHalving(min_resource=2, eta=2),
    "hyperband-2": lambda: Hyperband(min_resource=2, eta=2),
    "median-2": lambda: MedianRule(min_resource=2, min_trials=2),
    "pbt-4": lambda: PBT(population=4, perturb_every=2),
}
EVERY = pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
SEEDS = st.integers(0, 2**31)


DECISIONS = {
    "fifo": "1bff3d988581", "asha": "231a0d7e29fa", "auto": "231a0d7e29fa", "successive-halving": "833e515c3282",
    "hyperband": "7cc376431705", "median": "3f77028ddd36", "pbt": "2f163ff66613",
    "asha-stopping": "4f6ced55b8f4", "asha-brackets": "a5c10e6d3099", "median-2": "c947243534ee",
}  # fmt: skip


@pytest.mark.parametrize("name", DECISIONS)
def test_decisions_of_one_objective_are_what_they_were(name):
    """Digests of version 0.1: change one only with a reason."""
    digest = hashlib.sha256()
    for seed in range(3):
        study = rung.Study(
            {"x": rung.Float(0, 1)}, metric="y", searcher="random", scheduler=FORMS[name](), max_resource=9,
            seed=seed, storage=":memory:",
        )  # fmt: skip
        study.drive(Simulator(chaos(seed), 3), n_trials=40, max_failures=10**6)
        trials = [(t.status, t.parent, len(t.reports), t.config["x"]) for t in study.trials]
        digest.update(repr(trials).encode())
    assert digest.hexdigest()[:12] == DECISIONS[name]


@EVERY
def test_it_does_what_rung_relies_on(make):
    check_scheduler(make)


@EVERY
@settings(max_examples=12)
@given(seed=SEEDS, capacity=st.integers(1, 5), n_trials=st.integers(1, 30), timeout=st.floats(0.1, 40.0))
def test_whatever_happens(lab, make, seed, capacity, n_trials, timeout):
    """Losses, failures, an interruption and a second session; a fresh instance agrees at each decision."""
    curve = lab.chaos(seed)
    simulation = lab.simulation(
        lab.Doubled(make), curve, n_trials=n_trials, capacity=capacity, timeout=timeout, seed=seed
    )
    simulation.run()
    check_log(simulation.log, n_trials=n_trials, capacity=capacity)
    simulation.settings = Settings.of(n_trials=n_trials, max_resource=lab.R, max_failures=10**6)
    simulation.scheduler = lab.Doubled(make)
    state = simulation.run()
    assert check_log(simulation.log, n_trials=n_trials, capacity=capacity).digest() == state.digest()
    assert all(t.is_finished for t in state.trials)
    assert len(state.trials) == n_trials
    assert state.ended == "done"
    assert max((t.resource for t in state.trials), default=0) <= lab.R
    for event in simulation.log:
        if isinstance(event, AttemptStarted) and event.target is not None:
            assert 1 <= event.target <= lab.R


@EVERY
@settings(max_examples=8)
@given(seed=SEEDS, capacity=st.integers(1, 4))
def test_no_worker_is_idle_while_trials_may_be_created(lab, make, seed, capacity):
    """Workers are fewer than a population of PBT."""
    simulation = lab.simulation(make(), lab.chaos(seed, faults=0.02), n_trials=25, capacity=capacity)
    simulation.run()
    assert {created for _, created in lab.idle(simulation.log, capacity)} <= {25}


@EVERY
@settings(max_examples=8)
@given(seed=SEEDS, capacity=st.integers(1, 4))
def test_max_mirrors_min(lab, make, seed, capacity):
    states = [
        lab.simulation(make(), lab.chaos(seed, sign=sign), capacity=capacity, mode=mode).run()
        for sign, mode in ((1.0, "min"), (-1.0, "max"))
    ]
    a, b = ([(t.status, t.parent, t.config, len(t.reports)) for t in state.trials] for state in states)
    assert a == b


@EVERY
def test_an_objective_that_only_returns_runs_all_the_same(make):
    study = rung.tune(
        lambda config: config["x"], {"x": rung.Float(0, 1)}, n_trials=6, max_resource=9,
        scheduler=make(), storage=":memory:", progress=False,
    )  # fmt: skip
    assert [t.status for t in study.trials] == ["completed"] * 6


@EVERY
def test_it_is_a_value(make):
    scheduler = make()
    assert scheduler == make() and hash(scheduler) == hash(make())
    assert eval(repr(scheduler), vars(rung.schedulers)) == scheduler
    assert scheduler not in [other() for name, other in FORMS.items() if FORMS[name] is not make]
    for name in scheduler.to_json():
        with pytest.raises(AttributeError):
            setattr(scheduler, name, None)


@EVERY
def test_it_says_what_it_is(make):
    scheduler = make()
    said = scheduler.to_json()
    assert json.loads(json.dumps(said)) == said
    assert type(get(said["name"])) is type(scheduler)
    assert get(scheduler) is scheduler


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("ahsa", r"unknown scheduler 'ahsa'; did you mean 'asha'\? Else choose from fifo, asha, auto, "),
        (ASHA, r"unknown scheduler <class '.*ASHA'>; did you mean ASHA\(\)\? Else choose from"),
        (rung.searchers.Random(), r"unknown scheduler Random\(\); .* give an object with next, judge, check"),
    ],
)
def test_a_wrong_name(wrong, message):
    with pytest.raises(Error, match=message):
        get(wrong)


@pytest.mark.parametrize("name", ["asha", "successive-halving", "hyperband", "pbt"])
def test_epochs_must_be_known(name):
    with pytest.raises(Error, match=f'scheduler="{name}" needs max_resource='):
        rung.Study({"x": rung.Float(0, 1)}, scheduler=name, n_trials=3, storage=":memory:")


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (SuccessiveHalving(min_resource=10), "successive-halving: min_resource=10; .* 1 to max_resource=9"),
        (SuccessiveHalving(eta=1), "successive-halving: eta=1; give a whole number of at least 2"),
        (Hyperband(min_resource=0), "hyperband: min_resource=0; .* 1 to max_resource=9"),
        (Hyperband(eta=2.5), "hyperband: eta=2.5; give a whole number"),
        (MedianRule(min_resource=10), "median: min_resource=10; use a whole number from 1 to max_resource=9"),
        (MedianRule(min_trials=0), "median: min_trials=0; use a whole number of at least 1"),
        (PBT(population=1), "pbt: population=1; give a whole number of at least 2"),
        (PBT(perturb_every=9), "pbt: perturb_every=9; use a whole number from 1, below max_resource=9"),
        (PBT(quantile=0.6), r"pbt: quantile=0.6; .* \(0, 0.5\]"),
        (PBT(resample=-1), r"pbt: resample=-1; a probability lies in \[0, 1\]"),
    ],
)
def test_errors_name_the_argument_and_the_fix(lab, scheduler, message):
    with pytest.raises(Error, match=message):
        scheduler.check(lab.problem(9))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SCHEDULERS) - {"fifo"}))
@pytest.mark.parametrize("n_workers", [1, 8])
def test_good_configurations_are_found_faster_than_by_training_all_to_the_end(name, n_workers):
    """Virtual time until a whole training comes below 0.12, geometric mean over fixed seeds."""
    assert times(name, n_workers) < 0.8 * times("fifo", n_workers)


@functools.cache
def times(name, n_workers, target=0.12, budget=3000):
    found = []
    for seed in range(6):
        study = rung.simulate(
            {"x": rung.Float(0, 1), "z": rung.Float(0, 1)}, toy, metric="y", n_workers=n_workers,
            max_resource=27, scheduler=name, timeout=budget / n_workers, seed=seed,
        )  # fmt: skip
        ends = [r.t for t in study.trials for r in t.reports if r.resource == 27 and r.metrics["y"] < target]
        found.append(min(ends, default=budget / n_workers))
    return math.exp(sum(map(math.log, found)) / len(found))


def toy(config, epoch):
    """Curves that do not cross, above how far (x, z) is from the best; an epoch takes a second."""
    return {"y": math.hypot(config["x"] - 0.7, config["z"] - 0.3) + 0.5 / epoch - 0.5 / 27}, 1.0
