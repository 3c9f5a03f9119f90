"""Which trials are run again, when the winner is chosen, and that the log proves the order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cli.commands import rung_here
from confirmation.noisy import SPACE, copy_of, error_of, noise, simulator, study

import rung
from rung.confirmation.audit import problems
from rung.errors import ArgumentError, NoTrialError
from rung.searchers._observed import Observed
from rung.storage.sqlite import SqliteStorage
from rung.study.events import FinalistsChosen, TrialCreated, WinnerChosen
from rung.study.history import History
from rung.testing.invariants import check_log


def repeats(study):
    return [t for t in study.trials if t.repeats is not None]


def confirmation(study):
    return study.state.confirmations[-1]


# ---- the order, the seeds, the budget


def test_the_log_has_finalists_then_the_winner_then_the_runs_that_claim():
    made = study()
    events = list(made.events())
    kinds = [e for e in events if isinstance(e, FinalistsChosen | WinnerChosen | TrialCreated)]
    chosen = next(i for i, e in enumerate(kinds) if isinstance(e, FinalistsChosen))
    elected = next(i for i, e in enumerate(kinds) if isinstance(e, WinnerChosen))
    assert all(e.repeats is None for e in kinds[:chosen])
    assert {e.repeats for e in kinds[chosen + 1 : elected]} == set(kinds[chosen].trials)
    assert {e.repeats for e in kinds[elected + 1 :]} == {kinds[elected].trial}
    assert (chosen, elected - chosen - 1, len(kinds) - elected - 1) == (10, 14, 6)
    check_log(events, n_trials=30)


def test_finalists_run_on_equal_fresh_seeds_and_none_of_them_twice():
    seeds, numbers = {}, {}

    def value(job):
        seeds.setdefault(job.config["x"], []).append(job.seed)
        numbers.setdefault(job.seed, set()).add(job.repeat)
        return error_of(job)

    made = study(value)
    winner = made.winner()
    finalists = [made.trials[n].config["x"] for n in winner.finalists]
    fresh = [seeds[x][1:] for x in finalists]
    assert {len(runs) for runs in fresh} == {2, 5, 11}
    assert all(runs == max(fresh, key=len)[: len(runs)] for runs in fresh)
    assert all(len(set(runs)) == len(runs) for runs in seeds.values())
    assert all(len(found) == 1 for found in numbers.values())
    assert numbers[seeds[finalists[0]][0]] == {None}
    assert numbers[seeds[winner.config["x"]][-1]] == {10}


@pytest.mark.parametrize(
    ("confirm", "n_trials", "fresh"), [(0.2, 30, 6), (True, 20, 4), (0.01, 20, 3), (7, 20, 7), (19, 20, 19)]
)
def test_a_share_or_a_number_of_the_same_total(confirm, n_trials, fresh):
    made = study(confirm=confirm, n_trials=n_trials)
    assert len(made.trials) == n_trials
    assert len(repeats(made)) == fresh == confirmation(made).runs
    check_log(list(made.events()), n_trials=n_trials)


def test_of_a_timeout_the_share_is_one_of_time():
    made = study(confirm=0.25, n_trials=None, timeout=40)
    assert confirmation(made).runs == 9
    assert len(made.state.searched) == 30
    assert made.state.confirmed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"confirm": 2}, "confirm=2; give the share"), ({"confirm": -0.5}, "confirm=-0.5"),
        ({"confirm": "all"}, "confirm='all'"), ({"confirm": False}, "confirm=False"),
        ({"confirm": 3.5}, "confirm=3.5"), ({"confirm": 30}, "confirm=30, n_trials=30; leave some"),
        ({"confirm": 0.2, "n_trials": 3}, "confirm=0.2, n_trials=3; leave some .* 3 are fresh runs"),
        ({"confirm": 0.9, "n_trials": 4}, "confirm=0.9, n_trials=4; leave some .* 4 are fresh runs"),
        ({"confirm": 9, "n_trials": None, "timeout": 60}, "confirm=9 needs n_trials"),
        ({"scheduler": "pbt", "max_resource": 9}, "pbt"),
    ],
)  # fmt: skip
def test_what_can_not_be_confirmed_is_refused_before_the_first_trial(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        study(**{"n_trials": 30, **arguments})


# ---- who is chosen


def test_the_best_feasible_whole_trials_are_the_finalists():
    made = study(
        lambda job: {"error": error_of(job), "size": job.config["x"]},
        constraints={"size": "<= 0.5"},
        mode="max",
    )
    searched = [t for t in made.state.searched if t.feasible]
    best = sorted(searched, key=lambda t: -t.value)[:4]
    assert list(confirmation(made).finalists) == [t.number for t in best]
    assert made.winner().config["x"] <= 0.5


def test_trials_that_were_stopped_early_are_no_finalists():
    def curve(job):
        for epoch in range(job.start_resource + 1, 10):
            yield 1.0, {"error": error_of(job) + 1 / epoch}

    from rung.execution.simulator import Simulator

    made = rung.Study(SPACE, metric="error", searcher="random", scheduler="asha", max_resource=9, seed=1,
                      n_trials=60, confirm=10, storage=":memory:")  # fmt: skip
    made.drive(Simulator(curve, 4))
    assert all(made.trials[n].resource == 9 for n in confirmation(made).finalists)
    assert all(t.status == "completed" and t.resource == 9 for t in repeats(made))
    assert not [t for t in made.trials if t.status == "paused"]
    check_log(list(made.events()), n_trials=60, capacity=4)


def test_a_finalist_whose_fresh_run_fails_loses_and_the_failure_is_said():
    first = confirmation(study()).finalists[0]
    best = study().trials[first].config["x"]

    def value(job):
        return "out of memory" if job.config["x"] == best and job.repeat == 0 else error_of(job)

    made = study(value)
    assert confirmation(made).finalists[0] == first
    assert made.winner().trial != first


def test_failures_of_repeats_are_no_failures_in_a_row_and_without_any_result_nothing_is_claimed():
    made = rung.Study(SPACE, metric="error", searcher="random", seed=3, confirm=20, n_trials=30,
                      storage=":memory:")  # fmt: skip
    made.drive(simulator(lambda job: "broken" if job.repeat is not None else error_of(job)), max_failures=3)
    assert made.state.ended == "exhausted"
    assert made.state.confirmed is None
    with pytest.raises(NoTrialError, match="none of 8 fresh runs"):
        made.winner()
    assert made.best_trial.repeats is None


def test_a_finalist_that_breaks_a_constraint_on_average_does_not_win():
    first = confirmation(study()).finalists[0]
    best = study().trials[first].config["x"]

    def value(job):
        slow = job.config["x"] == best and job.repeat is not None
        return {"error": error_of(job) - slow, "seconds": 2.0 if slow else 0.5}

    made = study(value, constraints={"seconds": "<= 1"})
    assert made.winner().trial != first


# ---- when


def test_a_clear_choice_is_made_early_and_the_rest_claims():
    made = study(lambda job: 100 * job.config["x"] + noise(job.seed, 1e-3))
    winner = made.winner()
    assert (winner.reason, winner.runs, winner.claim_runs) == ("settled", 8, 12)
    assert winner.p_best > 0.99


def test_without_noise_the_runs_go_back_to_the_search():
    made = study(lambda job: job.config["x"], n_trials=30, confirm=10)
    assert len(made.trials) == 30
    assert [t.number for t in repeats(made)] == list(range(20, 20 + len(repeats(made))))
    assert len(repeats(made)) <= 4
    winner = made.winner()
    assert winner.value == made.best_value == min(t.value for t in made.state.searched)
    assert winner.interval == (winner.value, winner.value)
    assert "no noise" in str(winner)
    check_log(list(made.events()), n_trials=30)


@pytest.mark.parametrize("capacity", [3, 20])
def test_any_number_of_workers_confirms_the_same(capacity):
    alone = study(searcher="sobol")
    together = study(searcher="sobol", capacity=capacity, seconds=lambda job: 1 + job.seed % 7)
    assert together.winner() == alone.winner()


# ---- interruptions


def test_a_confirmation_cut_off_anywhere_ends_the_same():
    whole = study()
    events = list(whole.events())
    begin = next(i for i, e in enumerate(events) if isinstance(e, FinalistsChosen))
    for cut in range(begin - 1, len(events), 7):
        if isinstance(events[cut - 1], TrialCreated):
            continue  # a trial and its first attempt are stored at once
        storage = copy_of(events[:cut])
        again = study(storage=storage)
        assert again.winner() == whole.winner(), cut
        check_log(list(again.events()), n_trials=30)


def test_a_study_that_goes_on_is_confirmed_again_on_other_seeds():
    made = study(storage=(storage := copy_of(list(study().events()))), n_trials=60)
    _, second = made.state.confirmations
    assert second.first == 11
    used = [(t.repeats, t.repeat) for t in repeats(made)]
    assert len(set(used)) == len(used) == 40
    assert made.winner().finalists == second.finalists
    longer = rung.Study(
        SPACE, metric="error", searcher="random", seed=3, n_trials=61, name="s", storage=storage
    )
    longer.drive(simulator())
    with pytest.raises(NoTrialError, match="trials were run since the winner was confirmed"):
        longer.winner()
    assert longer.best_trial.number == longer.state.best.number


def test_asking_and_telling_hands_repeats_out_like_trials():
    made = rung.Study(
        SPACE, metric="error", searcher="random", seed=3, confirm=6, n_trials=20, storage=":memory:"
    )
    asked = []
    while (trial := made.ask()) is not None:
        asked.append(trial.repeat)
        made.tell(trial, (trial.config["x"] - 0.3) ** 2 + noise(trial.seed))
    assert [n is None for n in asked] == [True] * 14 + [False] * 6
    assert made.winner().trial in confirmation(made).finalists


# ---- who looks away


def test_searchers_incumbent_and_front_do_not_see_repeats():
    made = study(lambda job: error_of(job) - (5 if job.repeat is not None else 0))
    assert made.state.best.repeats is None
    assert all(t.repeats is None for t in made.front)
    observed = Observed.of(History(made.state))
    assert list(observed.numbers) == [t.number for t in made.state.searched]
    assert not len(observed.pending)


# ---- the proof


def test_a_log_in_another_order_is_no_proof_and_doctor_finds_it(tmp_path):
    events = list(study().events())
    assert problems(events) == []
    at = next(i for i, e in enumerate(events) if isinstance(e, WinnerChosen))
    finalists = next(e for e in events if isinstance(e, FinalistsChosen)).trials
    other = next(n for n in finalists if n != events[at].trial)
    assert "where its history asks for Wait" in problems([*events[: at - 1], events[at]])[0]
    wrong = [*events[:at], replace(events[at], trial=other)]
    assert "Elect" in problems(wrong)[0]
    with pytest.raises(AssertionError, match="where its history asks for"):
        check_log(wrong)
    copy_of(wrong, SqliteStorage(tmp_path))
    done = rung_here("doctor", "s", "--storage", str(tmp_path), cwd=tmp_path)
    assert (
        done.returncode == 1
        and "BAD s: its log does not prove its winner: event confirm0/winner" in done.stdout
    )
