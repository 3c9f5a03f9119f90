"""Methods over repeated seeds: what is measured, what is said, and that it finds the better one."""

from __future__ import annotations

import functools
import math
import sys

import numpy as np
import pytest
from scipy import stats

import rung
from rung.analysis.comparison import Comparison, Incumbents
from rung.errors import ArgumentError, Error, NoTrialError
from rung.study.metrics import Metric

SPACE = {"lr": stats.loguniform(1e-4, 1), "dropout": rung.Float(0, 0.9)}
METHODS = {"random": {"scheduler": "fifo"}, "asha": {"scheduler": "asha"}}
LOSS = Metric("loss")


def curve(config, epoch):
    """Curves that do not cross: the better at the end is the better at each epoch."""
    final = 0.1 + 0.1 * (math.log10(config["lr"]) + 1.3) ** 2 + 0.2 * (config["dropout"] - 0.3) ** 2
    return {"loss": final * (1 + 2 / epoch)}, 10.0


def task(**options):
    return rung.simulate(SPACE, curve, metric="loss", max_resource=27, n_workers=4, timeout=1500, **options)


def steps(*pairs, end=None, metric=LOSS):
    times, values = zip(*pairs, strict=True)
    return Incumbents(metric, times, values, end or times[-1])


@pytest.fixture(name="found", scope="module")
def _found():
    return rung.compare(METHODS, task, seeds=12)


# ---- statistics, with fixed seeds


def test_asha_beats_random_search_where_curves_do_not_cross(found):
    wins = int((found.final("asha") < found.final("random")).sum())
    assert stats.binomtest(wins, 12, alternative="greater").pvalue < 0.01
    rows = {row["method"]: row for row in found.rows()}
    assert rows["asha"]["mean_high"] < rows["random"]["mean_low"]
    assert rows["asha"]["final_rank"] < 1.2 < 1.8 < rows["random"]["final_rank"]
    assert rows["asha"]["seconds_to_worst"] < 0.6 * rows["random"]["seconds_to_worst"]


def test_a_method_compared_with_itself_is_no_better():
    same = rung.compare({"a": {"scheduler": "fifo"}, "b": {"scheduler": "fifo"}}, task, seeds=3)
    assert all((ranks == 1.5).all() for ranks in same.ranks().values())
    a, b = same.rows()
    assert {**a, "method": ""} == {**b, "method": ""}


def test_the_same_call_says_the_same(found):
    again = rung.compare(METHODS, task, seeds=range(2))
    assert np.array_equal(again.final("asha"), found.final("asha")[:2])
    assert found.mean_interval("asha") == found.mean_interval("asha")


def test_the_interval_of_the_mean_holds_what_it_promises():
    """Of 300 samples of a known law, about 95 % of the intervals contain its mean."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        sample = rng.normal(1.0, 0.3, size=20)
        low, high = Comparison(LOSS, tuple(range(20)), np.array([1.0]), {"a": sample[:, None]}).mean_interval(
            "a"
        )
        hits += low <= 1.0 <= high
    assert 0.88 <= hits / 300 <= 0.99


# ---- what is measured


def test_the_incumbent_counts_reports_of_trials_that_are_stopped_or_run():
    study = rung.simulate(SPACE, curve, metric="loss", max_resource=27, n_trials=5, seed=0)
    run = Incumbents.of(study.state)
    reports = sorted((r.t, r.metrics["loss"]) for t in study.trials for r in t.reports)
    for moment in (10.0, 35.0, 60.0, study.state.t):
        best = min(value for t, value in reports if t <= moment)
        assert run.at(np.array([moment]))[0] == best


def test_what_is_returned_counts_when_its_trial_ends():
    study = rung.tune(lambda x: x, {"x": rung.Float(0, 1)}, n_trials=5, storage=":memory:", progress=False)
    run = Incumbents.of(study.state)
    assert run.values[-1] == study.best_value
    assert run.times[-1] == study.best_trial.ended


def test_what_breaks_a_constraint_does_not_count():
    def result(x):
        return {"value": x, "size": 1 - x}

    study = rung.tune(
        result, {"x": rung.Float(0, 1)}, n_trials=20, seed=0, constraints={"size": "<= 0.5"},
        storage=":memory:", progress=False,
    )  # fmt: skip
    assert min(Incumbents.of(study.state).values) == study.best_value >= 0.5


def test_large_is_good_with_mode_max():
    runs = {"a": [steps((1, 0.1), (2, 0.5), metric=Metric("acc", "max"))] * 2,
            "b": [steps((1, 0.2), (2, 0.3), metric=Metric("acc", "max"))] * 2}  # fmt: skip
    comparison = Comparison.of(runs, (0, 1))
    assert [row["final_rank"] for row in comparison.rows()] == [1.0, 2.0]
    assert comparison.time_to_worst("a") == 2.0 == comparison.time_to_worst("b")


def test_the_grid_goes_from_when_all_have_a_value_to_the_last_end():
    runs = {"a": [steps((1.0, 9.0), (4.0, 2.0)), steps((2.0, 8.0), end=5.0)],
            "b": [steps((3.0, 7.0), end=6.0), steps((1.0, 5.0))]}  # fmt: skip
    comparison = Comparison.of(runs, (0, 1))
    assert (comparison.times[0], comparison.times[-1]) == (3.0, 6.0)
    assert list(comparison.values["a"][:, 0]) == [9.0, 8.0]
    assert list(comparison.final("a")) == [2.0, 8.0]
    assert list(comparison.final("b")) == [7.0, 5.0]
    assert list(comparison.quartiles("a")[:, -1]) == [3.5, 5.0, 6.5]


def test_the_time_to_the_worst_final_is_that_of_the_medians():
    runs = {
        "slow": [steps((1.0, 9.0), (8.0, 4.0))] * 3,
        "fast": [steps((1.0, 9.0), (2.0, 4.0), (7.0, 1.0))] * 3,
    }
    comparison = Comparison.of(runs, (0, 1, 2))
    assert comparison.time_to_worst("slow") == 8.0
    assert comparison.time_to_worst("fast") == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize("end", [0.0, 3.0])
def test_studies_that_begin_at_zero_or_end_at_once(end):
    comparison = Comparison.of({"a": [steps((0.0, 1.0), end=end), steps((0.0, 2.0), end=end)]}, (0, 1))
    assert comparison.final("a").mean() == 1.5
    assert comparison.plot()._repr_png_().startswith(b"\x89PNG")


# ---- what is said


def test_the_table_has_a_line_for_each_method(found):
    title, head, *lines, against = str(found).splitlines()
    assert against == str(found.against()[0])
    assert title.startswith("12 seeds, 1,5")
    assert head.split("  ")[0] == "method"
    assert [line.split()[0] for line in lines] == ["random", "asha"]
    median = np.median(found.final("asha"))
    assert f"{median:.4g} [" in lines[1]
    assert repr(found) == str(found)


def test_the_dataframe_has_every_value_and_rank(found):
    frame = found.to_dataframe()
    assert list(frame.columns) == ["method", "seed", "time", "value", "rank"]
    assert len(frame) == 2 * 12 * len(found.times)
    one = frame[(frame.method == "asha") & (frame.seed == 7)]
    assert np.array_equal(one.value, found.values["asha"][7])
    assert np.array_equal(one["rank"], found.ranks()["asha"][7])


def test_without_pandas_it_says_how_to_get_it(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(Error, match=r"rung\[pandas\]"):
        found.to_dataframe()


def test_the_picture_has_bands_and_ranks(found):
    figure = found.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    left, right = figure.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["random", "asha"]
    assert len(left.collections) == 2
    assert len({(line.get_color(), line.get_linestyle()) for line in right.lines}) == 2
    assert left.get_xscale() == right.get_xscale() == "log"
    assert right.lines[0].get_ydata()[-1] == pytest.approx(found.rows()[0]["final_rank"])


# ---- what the task may be


def test_an_objective_run_by_tune():
    def objective(config, trial):
        for epoch in trial.epochs():
            trial.report(loss=config["x"] + 1 / epoch)

    run = functools.partial(
        rung.tune, objective, {"x": rung.Float(0, 1)}, metric="loss", n_trials=6, max_resource=3,
        storage=":memory:", progress=False,
    )  # fmt: skip
    comparison = rung.compare({"random": {}, "sobol": {"searcher": "sobol"}}, run, seeds=[3, 5, 3])
    assert comparison.seeds == (3, 5)
    assert {len(values) for values in comparison.values.values()} == {2}


# ---- what can be wrong


@pytest.mark.parametrize("seeds", [1, [4], [4, 4], 0, []])
def test_one_seed_is_not_enough(seeds):
    with pytest.raises(Error, match=r"seeds=.*; one run is an anecdote: give at least 2"):
        rung.compare(METHODS, task, seeds=seeds)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({}, r"methods=\{\}; give names and options, such as"),
        (["asha"], r"methods=\['asha'\]; give names and options"),
        ({"asha": "asha"}, r"methods\['asha'\]='asha'; give a dict"),
        ({"asha": {"seed": 1}}, r"methods\['asha'\] sets seed; leave that to seeds="),
    ],
)
def test_wrong_methods_are_named(methods, message):
    with pytest.raises(Error, match=message):
        rung.compare(methods, task)


def test_a_study_without_any_value_is_named():
    def short(**options):
        return rung.simulate(SPACE, curve, metric="loss", max_resource=27, timeout=1, **options)

    with pytest.raises(NoTrialError, match=r"none of 1 trials gave a feasible 'loss'") as caught:
        rung.compare(METHODS, short)
    assert caught.value.__notes__ == ["compare: in method 'random', seed 0"]


def test_a_task_that_returns_no_study_is_named():
    with pytest.raises(Error, match=r"the task returned 0\.5; return the study"):
        rung.compare(METHODS, lambda **options: 0.5)


def test_different_metrics_are_not_compared():
    def run(metric, seed):
        return rung.simulate(
            SPACE, lambda c, e: ({"loss": 1.0, "acc": 0.0}, 1.0), metric=metric, max_resource=3, n_trials=2,
            seed=seed,
        )  # fmt: skip

    with pytest.raises(Error, match=r"different metrics: acc \(min\), loss \(min\)"):
        rung.compare({"a": {"metric": "loss"}, "b": {"metric": "acc"}}, run, seeds=2)


# ---- several objectives


def two_metrics(config, epoch):
    loss = curve(config, epoch)[0]["loss"]
    return {"loss": loss, "size": config["dropout"]}, 10.0


def task_of_two(**options):
    return rung.simulate(
        SPACE,
        two_metrics,
        metric={"loss": "min", "size": "min"},
        max_resource=9,
        n_workers=4,
        timeout=400,
        **options,
    )


def test_of_several_objectives_it_is_the_hypervolume_up_to_one_point():
    found = rung.compare(METHODS, task_of_two, seeds=3)
    assert found.metric == Metric("hypervolume", "max")
    for values in found.values.values():
        assert (np.diff(values, axis=1) >= 0).all() and (values[:, -1] > 0).all()
    assert "final hypervolume" in str(found)
    stated = rung.compare(METHODS, task_of_two, seeds=3, reference={"loss": 0.5, "size": 0.5})
    assert (stated.final("asha") <= 0.25).all()
    low, median, high = stated.quartiles("asha")  # the bands of the picture
    assert (low <= median).all() and (median <= high).all()
    assert stated.plot().axes[0].get_ylabel() == "hypervolume: median and quartiles"


def test_a_reference_is_of_several_objectives():
    with pytest.raises(ArgumentError, match="reference is for studies of several objectives"):
        rung.compare(METHODS, task, seeds=2, reference={"loss": 1})
    with pytest.raises(ArgumentError, match="reference: size is missing"):
        rung.compare({"random": METHODS["random"]}, task_of_two, seeds=2, reference={"loss": 1})


# ---- which method is better


def noisy(gain, apart, seeds=12):
    """Two methods that share what their seeds have in common."""
    rng = np.random.default_rng(7)
    split = rng.normal(0, 1, seeds)
    each = [split + rng.normal(0, apart, seeds), split + gain + rng.normal(0, apart, seeds)]
    runs = {name: [steps((0.0, value)) for value in values] for name, values in zip("ab", each, strict=True)}
    return Comparison.of(runs, range(seeds))


def test_methods_are_compared_seed_by_seed():
    (by,) = noisy(0.9, 0.1).against()
    assert (by.best, by.other, by.settled) == ("a", "b", True)
    assert by.interval[0] < by.difference < by.interval[1] and by.p_better > 0.99
    assert str(by).startswith("a is better than b by 0.9") and str(by).endswith("settled")


def test_what_is_not_settled_says_how_many_seeds_would_settle_it():
    (by,) = noisy(0.2, 0.5).against()
    assert not by.settled and 0.5 < by.p_better < 0.99 and by.seeds_to_settle > 12
    assert f"not settled, P(better) = {by.p_better:.2f}; some {by.seeds_to_settle} seeds would" in str(by)
    assert by.interval[0] < 0 < by.interval[1]


def test_equal_methods_are_never_settled():
    (by,) = noisy(0.0, 0.0).against()
    assert (by.difference, by.settled, by.seeds_to_settle) == (0.0, False, None)
    assert str(by).endswith(": not settled")


def test_confirmed_studies_are_compared_by_what_fresh_runs_say():
    import rung

    def task(n_trials, seed, confirm=8):
        return rung.tune(
            lambda config, trial: config["x"] + np.random.default_rng(trial.seed).normal(0, 0.1),
            {"x": rung.Float(0, 1)}, metric="error", searcher="random", seed=seed, n_trials=n_trials,
            confirm=confirm, storage=":memory:", progress=False,
        )  # fmt: skip

    few, many = {"n_trials": 12}, {"n_trials": 24}
    found = rung.compare({"few": few, "many": many}, task, seeds=2)
    assert found.confirmed and "final values by fresh runs" in str(found)
    assert list(found.final("many")) == [task(24, seed).winner().value for seed in (0, 1)]
    unlike = rung.compare({"few": few, "many": {**many, "confirm": None}}, task, seeds=2)
    assert not unlike.confirmed
    assert unlike.final("few")[0] == min(t.value for t in task(12, 0).state.searched)
