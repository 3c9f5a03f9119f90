"""When the finalists run again: after a search that a rule, a timeout or its budget ended, and before it goes on."""

from __future__ import annotations

import pytest
from confirmation.noisy import SPACE, copy_of, error_of, noise, study

import rung
from rung.errors import NoTrialError
from rung.execution.simulator import Simulator
from rung.storage import MemoryStorage
from rung.study.events import TrialCreated
from rung.testing.invariants import check_log


def repeats(study):
    return [t for t in study.trials if t.repeats is not None]


# ---- after a rule


def test_a_search_that_a_rule_ends_is_confirmed_and_stays_ended():
    made = study(n_trials=200, confirm=0.2, stop_when="no improvement in 12 trials")
    searched = len(made.state.searched)
    assert made.state.ended == "stop_when: no improvement in 12 trials"
    assert searched < 100 and len(repeats(made)) == -(-searched // 4)
    assert made.winner().runs + made.winner().claim_runs == len(repeats(made))
    check_log(list(made.events()), n_trials=200)
    again = study(
        n_trials=200, confirm=0.2, stop_when="no improvement in 12 trials",
        storage=(storage := copy_of(list(made.events()))),
    )  # fmt: skip
    assert (again.state.ended, len(again.trials)) == (made.state.ended, len(made.trials))
    longer = study(n_trials=200, confirm=0.2, stop_when="no improvement in 40 trials", storage=storage)
    assert len(longer.state.searched) >= searched + 28
    assert len(longer.state.confirmations) == 2 and longer.winner()


@pytest.mark.parametrize("rule", ["<= 0.2", lambda made: made.best_value <= 0.2])
def test_what_a_rule_interrupts_waits_until_the_search_goes_on(rule):
    arguments = {"capacity": 3, "seconds": lambda job: 1 + job.seed % 7, "n_trials": 40, "confirm": 9}
    made = study(stop_when=rule, **arguments)
    waiting = [t.number for t in made.trials if t.status == "interrupted"]
    assert waiting and made.state.ended.startswith("stop_when: ")
    assert made.winner().runs + made.winner().claim_runs == len(repeats(made)) == 9
    again = study(storage=copy_of(list(made.events())), **arguments)
    assert all(again.trials[number].status == "completed" for number in waiting)
    check_log(list(again.events()), n_trials=40, capacity=3)


def test_a_rule_that_never_lets_a_trial_end_has_nothing_to_confirm():
    made = study(lambda job: "out of memory", stop_when="<= 5", n_trials=8, confirm=3)
    assert made.state.ended == "exhausted" and not repeats(made)


# ---- within a timeout


@pytest.mark.parametrize("capacity", [1, 4])
def test_the_confirmation_is_over_before_the_timeout(capacity):
    made = study(
        confirm=0.25, n_trials=None, timeout=200, capacity=capacity, seconds=lambda job: 4 + job.seed % 3
    )
    assert made.state.ended == "timeout"
    assert made.winner().claim_runs >= 3
    assert made.state.t <= 200
    begun = [e.t for e in made.events() if isinstance(e, TrialCreated) and e.repeats is not None]
    assert 150 <= min(begun) <= 160
    check_log(list(made.events()), capacity=capacity)


def test_of_a_number_of_runs_the_timeout_leaves_their_share_and_those_run_for_which_there_is_room():
    made = study(confirm=20, n_trials=100, timeout=50)
    assert len(made.state.searched) == 40
    assert len(repeats(made)) == 9 == made.state.confirmed.runs


def test_a_timeout_too_short_for_three_runs_says_so():
    made = study(confirm=0.1, n_trials=None, timeout=20)
    assert not repeats(made)
    with pytest.raises(NoTrialError, match="no winner is confirmed"):
        made.winner()


def test_without_noise_the_time_goes_back_to_the_search():
    made = study(lambda job: job.config["x"], confirm=0.25, n_trials=None, timeout=40)
    assert made.winner().reason == "no noise"
    assert made.state.ended == "timeout"
    assert len(made.trials) >= 39


def test_paused_trials_wait_for_a_search_that_goes_on():
    def made(timeout, storage):
        study = rung.Study(SPACE, metric="error", searcher="random", scheduler="asha", max_resource=9, seed=1,
                           timeout=timeout, confirm=0.25, storage=storage, name="s")  # fmt: skip
        study.drive(Simulator(curve, 2))
        return study

    short = made(200, ":memory:")
    paused = [t.number for t in short.trials if t.status == "paused"]
    assert paused and short.winner()
    longer = made(600, copy_of(list(short.events())))
    assert any(longer.trials[number].status == "completed" for number in paused)
    check_log(list(longer.events()), capacity=2)


# ---- before the search goes on


def curve(job, gain=0.0):
    for epoch in range(job.start_resource + 1, 10):
        yield 1.0, {"error": error_of(job) + 1 / epoch - gain * (job.repeat is not None)}


@pytest.mark.parametrize("scheduler", ["asha", "median", "hyperband", "successive-halving"])
def test_a_scheduler_does_not_see_repeats(scheduler):
    def made(gain, n_trials, storage):
        study = rung.Study(SPACE, metric="error", searcher="random", scheduler=scheduler, max_resource=9,
                           seed=1, n_trials=n_trials, confirm=6, storage=storage, name="s")  # fmt: skip
        study.drive(Simulator(lambda job: curve(job, gain), 1))
        return study

    def searched(gain):
        first = made(gain, 40, ":memory:")
        return [
            (t.config, t.status, t.resource)
            for t in made(gain, 80, copy_of(list(first.events()))).state.searched
        ]

    assert searched(100.0) == searched(0.0)


# ---- earlier results


def with_earlier(arguments, *results):
    """The storage of a study that took in earlier results."""
    storage = MemoryStorage()
    with rung.Study(SPACE, storage=storage, **arguments) as made:
        for config, value in results:
            made.add(config, value)
    return storage


def test_an_earlier_result_may_win_and_costs_the_confirmation_nothing():
    arguments = {"metric": "error", "searcher": "random", "seed": 3, "name": "s"}
    others = [({"x": 0.9 + i / 1000}, 0.4) for i in range(20)]
    made = study(
        lambda job: (job.config["x"] - 0.3) ** 2 + noise(job.seed, 0.001), confirm=0.4,
        storage=with_earlier({**arguments, "n_trials": 30, "confirm": 0.4}, ({"x": 0.3}, -0.5), *others),
    )  # fmt: skip
    assert made.winner().trial == 0
    assert made.winner().optimism > 0.4
    assert len(repeats(made)) == 12
    check_log(list(made.events()), n_trials=30)


def test_an_earlier_result_of_fewer_epochs_is_no_finalist():
    def made(epochs, n_trials, **arguments):
        def train(config, trial):
            for epoch in range(1, epochs + 1):
                trial.report(epoch=epoch, error=(config["x"] - 0.3) ** 2 + noise(trial.seed, 0.001) - bonus)

        return rung.tune(train, SPACE, metric="error", searcher="random", scheduler="fifo", seed=3, n_trials=n_trials,
                         max_resource=epochs, storage=":memory:", progress=False, **arguments)  # fmt: skip

    bonus = 5.0
    short, whole = made(2, 1), made(3, 1)
    bonus = 0.0
    assert made(3, 12, confirm=6, continue_from=whole).winner().finalists[0] == 0
    assert 0 not in made(3, 12, confirm=6, continue_from=short).winner().finalists
