"""Several objectives: points of the front get equal fresh runs, and each an interval."""

from __future__ import annotations

import json

import pytest
from confirmation.noisy import copy_of, noise, study

from rung.errors import NoTrialError
from rung.study.events import TrialCreated, WinnerChosen
from rung.testing.invariants import check_log

BOTH = {"error": "min", "speed": "max"}


def two(job):
    x = job.config["x"]
    return {"error": x + noise(job.seed, 0.05), "speed": 10 * x**0.5 + noise(job.seed + 1, 0.2)}


def repeats(study):
    return [t for t in study.trials if t.repeats is not None]


def test_points_of_the_front_get_equal_runs_on_equal_seeds():
    made = study(two, metric=BOTH, n_trials=40, confirm=20, capacity=3, seconds=lambda job: 1 + job.seed % 3)
    front = made.confirmed_front()
    seeds = {p.trial: [t.repeat for t in repeats(made) if t.repeats == p.trial] for p in front.points}
    assert len(front.points) == 6 and set(map(tuple, seeds.values())) == {(0, 1, 2)}
    ends = sorted(t.number for t in (made.front[0], made.front[-1]))
    assert set(ends) <= set(seeds)  # the widest apart
    assert not [e for e in made.events() if isinstance(e, WinnerChosen)]
    alone = study(two, metric=BOTH, n_trials=20, confirm=None)
    assert [t.number for t in made.front] == [t.number for t in alone.front]
    check_log(list(made.events()), n_trials=40, capacity=3)
    for point in front.points:
        assert point.observed == {name: made.trials[point.trial].metrics[name] for name in BOTH}
        for estimate in point.values.values():
            assert estimate.interval[0] < estimate.value < estimate.interval[1] and estimate.runs == 3
    assert len(json.loads(json.dumps(front.to_json()))["points"]) == 6
    assert str(front).splitlines()[0] == "6 points of the front by 18 fresh runs (90 %)"
    with pytest.raises(NoTrialError, match=r"no trial is the winner; see study\.confirmed_front"):
        made.winner()


def test_points_that_fresh_runs_beat_or_that_fail_are_off_the_front():
    first = study(two, metric=BOTH, n_trials=20, confirm=None).front
    bad, failing = (first[i].config["x"] for i in (0, -1))

    def value(job):
        if job.repeat is not None and job.config["x"] == failing:
            return "out of memory"
        worse = job.repeat is not None and job.config["x"] == bad
        return {name: v + 100 * worse * (1 if name == "error" else -1) for name, v in two(job).items()}

    made = study(value, metric=BOTH, n_trials=40)
    points = {p.config["x"]: p for p in made.confirmed_front().points}
    assert not points[bad].on_front and not points[failing].on_front
    assert (points[failing].failed_runs, points[failing].values) == (3, {})
    assert sum(p.on_front for p in points.values()) >= 2
    assert "(off the front)" in str(made.confirmed_front()) and "failed" in str(made.confirmed_front())


def test_a_front_without_noise_gives_the_runs_back():
    made = study(lambda job: {"error": job.config["x"], "speed": job.config["x"] ** 0.5}, metric=BOTH)
    assert len(repeats(made)) <= 6 and len(made.trials) == 30
    for point in made.confirmed_front().points:
        assert point.values["error"].interval == (point.observed["error"],) * 2


def test_a_front_is_confirmed_the_same_after_any_interruption():
    whole = study(two, metric=BOTH, n_trials=40)
    events = list(whole.events())
    for cut in range(len(events) - 40, len(events), 13):
        if isinstance(events[cut - 1], TrialCreated):
            continue  # a trial and its first attempt are stored at once
        again = study(two, metric=BOTH, n_trials=40, storage=copy_of(events[:cut]))
        assert again.confirmed_front() == whole.confirmed_front()
        check_log(list(again.events()), n_trials=40)


def test_what_is_not_confirmed_says_so():
    with pytest.raises(NoTrialError, match=r"give confirm=0\.2"):
        study(two, metric=BOTH, confirm=None).confirmed_front()
    with pytest.raises(NoTrialError, match=r"see study\.winner"):
        study().confirmed_front()


def test_without_a_feasible_trial_there_is_nothing_to_run_again():
    made = study(two, metric=BOTH, constraints={"error": "<= -9"})
    assert not repeats(made) and not made.front
