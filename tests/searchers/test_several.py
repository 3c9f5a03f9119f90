"""The Gaussian process with several objectives, constraints, or both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

import rung
from rung.errors import NoTrialError
from rung.searchers import GP, TPE, Auto, Evolution
from rung.searchers._observed import Observed
from rung.searchers._several import Models, _thinned, wanted
from rung.searchers.models.acquisition import estimated_minimum
from rung.searchers.models.output_transform import Transform, targets
from rung.searchers.models.several import Aim, Forecast, aim, directions
from rung.space import Categorical, Float, Int
from rung.study.history import History
from rung.study.metrics import Goals
from rung.study.streams import stream

SQUARE = {"x": Float(0, 1), "y": Float(0, 1)}
FIVE = GP(n_initial=5)
TWO = {"a": "min", "b": "min"}


def tried(objective, n, space=SQUARE, metric="loss", searcher=FIVE, seed=0, **options):
    """A study of n trials, one after the other; where the objective gives None, the trial fails."""
    study = rung.Study(space, metric=metric, searcher=searcher, storage=":memory:", seed=seed, **options)
    for _ in range(n):
        trial = study.ask()
        result = objective(**trial.config)
        if result is None:
            study.fail(trial, "diverged")
        else:
            study.tell(trial, result)
    return study


def chosen_by_the_model(study):
    return [trial for trial in study.trials if trial.origin == "model"]


# ---- the acquisition


def test_a_bound_is_transformed_as_the_losses_are():
    rng = np.random.default_rng(0)
    for losses in (rng.normal(size=30), np.exp(3 * rng.normal(size=30)), -(rng.random(30) ** 4)):
        transform = Transform.of(losses)
        assert transform(losses) == pytest.approx(targets(losses))
        more = transform(np.linspace(losses.min() - 1, losses.max() + 1, 200))
        assert (np.diff(more) >= 0).all()


def test_with_one_objective_and_no_bound_it_aims_at_the_estimated_minimum():
    rng = np.random.default_rng(0)
    mean, sd = rng.normal(size=(1, 200)), rng.random((1, 200)) + 0.1
    tried_so_far = Forecast(mean, sd, np.array([np.inf]), np.array([[0.0]]), np.array([True]))
    found = aim(tried_so_far, np.ones((1, 1)))
    assert found.limits[0, 0] == pytest.approx(estimated_minimum(mean[0], sd[0]), abs=0.01)
    score = found.log_score(mean, sd)
    expected = norm.logcdf((found.limits[0, 0] - mean[0]) / sd[0]) + math.log(found.gains[0])
    assert score == pytest.approx(expected)


def test_along_each_direction_it_aims_at_what_some_candidate_reaches_with_probability_one_half():
    rng = np.random.default_rng(1)
    mean, sd, bounds = rng.normal(size=(3, 80)), rng.random((3, 80)) / 2, np.array([np.inf, np.inf, 0.5])
    beaten = np.full((1, 3), 9.0)  # what was tried is far from what can be reached
    forecast = Forecast(mean, sd, bounds, beaten, np.array([True]))
    found = aim(forecast, directions(2, rng, axes_only=False))
    assert found.limits.shape == (26, 3) and (found.limits[:, 2] == 0.5).all()
    p = norm.cdf((found.limits[:, :, None] - mean) / sd).prod(axis=1)
    assert (1 - p).prod(axis=1) == pytest.approx(np.full(26, 0.5), abs=0.02)
    assert np.exp(found.log_score(mean, sd)) == pytest.approx(found.gains @ p)


def test_while_nothing_is_likely_to_be_feasible_it_aims_at_feasibility():
    mean, sd, bounds = np.ones((2, 50)), np.full((2, 50), 0.1), np.array([np.inf, 0.5])
    found = aim(Forecast(mean, sd, bounds, np.ones((3, 2)), np.zeros(3, dtype=bool)), np.ones((1, 1)))
    assert found.limits.tolist() == [[np.inf, 0.5]]
    assert found.log_score(mean, sd) == pytest.approx(np.full(50, norm.logcdf(-5)))


def test_a_score_does_not_underflow():
    score = Aim(np.array([[-50.0, -50.0]]), np.ones(1)).log_score(np.array([[0.0, 1.0]] * 2), np.ones((2, 2)))
    assert np.isfinite(score).all() and score[0] > score[1]


def test_before_anything_is_feasible_a_better_loss_of_an_infeasible_trial_is_no_target():
    mean, sd = np.array([[5.0, 6.0], [0.0, 0.0]]), np.full((2, 2), 0.1)
    tried_so_far = np.array([[-5.0, 9.0]])
    found = aim(Forecast(mean, sd, np.array([np.inf, 0.5]), tried_so_far, np.array([False])), np.ones((1, 1)))
    assert found.limits[0, 0] == pytest.approx(5.0, abs=0.05)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_directions_have_length_one_and_the_axes_are_among_them(m):
    w = directions(m, np.random.default_rng(0), axes_only=False)
    assert w.shape == (24 + m, m) and (w >= 0).all()
    assert (w**2).sum(axis=1) == pytest.approx(np.ones(24 + m))
    axes = directions(m, np.random.default_rng(0), axes_only=True)
    assert axes == pytest.approx(w[-m:])
    assert axes.argmax(axis=1).tolist() == list(range(m))


def test_metrics_and_their_bounds_are_losses():
    goals = Goals.of({"a": "min", "b": "max"}, constraints={"a": "<= 2", "c": ">= 3", "d": "< 4"})
    assert [(w.metric.name, w.metric.mode, w.bound) for w in wanted(goals)] == [
        ("a", "min", 2.0), ("b", "max", math.inf), ("c", "max", -3.0), ("d", "min", 4.0)
    ]  # fmt: skip


# ---- known problems


def zdt1(**x):
    first, *others = x.values()
    g = 1 + 9 * sum(others) / len(others)
    return {"a": first, "b": g * (1 - math.sqrt(first / g))}


def test_zdt1():
    space = {f"x{i}": Float(0, 1) for i in range(3)}
    reference = {"a": 1.1, "b": 1.1}
    study = tried(zdt1, 17, space, TWO)
    assert study.hypervolume(reference).value > 0.4  # 0.877 is the most there is
    assert tried(zdt1, 17, space, TWO, "random").hypervolume(reference).value < 0.3
    assert len(study.front) >= 4


def branin(x, y):
    x, y = 15 * x - 5, 15 * y
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return {
        "loss": bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10,
        "away": math.hypot(x - 2.5, y - 7.5),
    }


def test_branin_with_a_bound_that_excludes_all_of_its_minima():
    # At a distance of at most 4 from the centre the least loss is 4.6; the minima lie at 5.3 and more.
    study = tried(branin, 20, constraints={"away": "<= 4"})
    assert study.best_trial.feasible
    assert study.best_value < 6


def test_no_feasible_point_at_all_is_no_error_and_the_search_goes_where_it_is_least_broken():
    study = tried(
        lambda x, y: {"loss": x, "c": 1 + (x - 0.7) ** 2 + (y - 0.2) ** 2}, 14, constraints={"c": "<= 0.9"}
    )
    broken = [t.metrics["c"] for t in chosen_by_the_model(study)]
    assert min(broken) < 1.01
    with pytest.raises(NoTrialError, match=r"none of 14 completed trials keeps c <= 0.9"):
        study.best_trial  # noqa: B018
    assert len(study.front) == 0


def test_a_disconnected_feasible_set():
    # Two thin strips around x = 0.15 and x = 0.85; the loss is least in the second one.
    def objective(x, y):
        return {"loss": -x + (y - 0.5) ** 2, "c": min(abs(x - 0.15), abs(x - 0.85))}

    study = tried(objective, 20, constraints={"c": "<= 0.03"})
    assert study.best_value < -0.8


def test_constraints_hold_for_several_objectives():
    study = tried(
        lambda x, y: {"a": x, "b": (1 - x) ** 2 + y, "c": x}, 13, metric=TWO, constraints={"c": ">= 0.5"}
    )
    feasible = [t for t in chosen_by_the_model(study) if t.feasible]
    assert len(feasible) >= len(chosen_by_the_model(study)) / 3  # one end lies at the bound itself
    assert min(t.metrics["a"] for t in study.front) < 0.55


def test_two_objectives_that_are_the_same_are_searched_as_one():
    study = tried(lambda x, y: dict.fromkeys("ab", (x - 0.3) ** 2 + (y - 0.6) ** 2), 16, metric=TWO)
    assert len(study.front) == 1
    assert study.front[0].metrics["a"] < 0.01


def test_an_objective_that_never_changes_does_not_count():
    study = tried(lambda x, y: {"a": 1.0, "b": (x - 0.3) ** 2 + (y - 0.6) ** 2}, 16, metric=TWO)
    assert min(t.metrics["b"] for t in study.trials) < 0.01
    study = tried(lambda x, y: {"a": 1.0, "b": 2.0}, 8, metric=TWO)
    assert len(study.front) == 8


def test_a_trial_with_an_infinite_objective_has_failed_and_the_search_stays_away():
    def objective(x, y):
        return {"a": x + y, "b": math.inf if x < 0.5 else 1 - y}

    study = tried(objective, 14, metric=TWO)
    late = study.trials[8:]
    assert sum(t.status == "failed" for t in study.trials) >= 1
    assert sum(t.status == "failed" for t in late) < len(late) / 2


def test_an_outlier_in_one_objective_may_be_the_best_in_another():
    study = tried(lambda x, y: {"a": 1 - x, "b": 1e9 if x > 0.95 else x}, 11, metric=TWO)
    assert max(t.config["x"] for t in study.front) > 0.95


# ---- what it learns from


def test_mixed_conditional_spaces_five_objectives_failures_and_workers():
    space = {
        "n": Int(1, 9),
        "k": Categorical(["p", "q"]),
        "x": Float(1e-3, 1, log=True).when(rung.param("k") == "q"),
    }
    study = rung.Study(
        space,
        metric=dict.fromkeys("abcde", "max"),
        constraints={"f": "<= 8"},
        searcher=GP(n_initial=6),
        storage=":memory:",
        seed=0,
    )
    running = []
    for i in range(11):
        running.append(study.ask())
        if len(running) == 4:
            trial = running.pop(0)
            c = trial.config
            if i % 4 == 3:
                study.fail(trial, "no luck")
                continue
            values = {name: c["n"] * (j - 2) + c.get("x", 0.5) for j, name in enumerate("abcde")}
            study.tell(trial, values | {"f": float(c["n"])})
    assert len({str(t.config) for t in study.trials}) == 11
    assert chosen_by_the_model(study)


def test_a_restarted_study_suggests_the_same():
    study = tried(lambda x, y: {"a": x, "b": 1 - x + y, "c": y}, 7, metric=TWO, constraints={"c": "<= 0.5"})
    running = [study.ask() for _ in range(2)]
    n = len(study.trials)
    assert len(running) == 2
    kept, fresh = (FIVE.suggest(History(study.state), stream(0, "suggest", n)) for _ in range(2))
    assert kept == fresh == study.ask().config


def test_a_size_that_is_known_at_the_first_epoch_counts_at_once():
    study = rung.Study(SQUARE, metric=TWO, max_resource=3, searcher=GP(12), storage=":memory:", seed=0)
    for i in range(12):
        trial = study.ask()
        x = trial.config["x"]
        study.report(trial, epoch=1, a=x + 1, b=x)  # b is the size: it is reported once
        if i < 11:
            study.report(trial, epoch=2, a=x + 0.5)
            study.report(trial, epoch=3, a=x)
            study.tell(trial, {"b": x})
    history = History(study.state)
    fits = GP(12)._fits(history, 12)
    models = Models(history, fits)
    assert [len(model.known.targets) for model in models.each] == [12, 12]
    assert models.each[1].known.losses[-1] == study.trials[-1].config["x"]
    assert models.each[0].known.losses[-1] == pytest.approx(study.trials[-1].config["x"], abs=0.5)


def test_the_model_says_how_well_it_predicted_each_metric():
    study = tried(lambda x, y: {"a": x + y, "b": 1 - x, "c": y}, 11, metric=TWO, constraints={"c": "<= 0.5"})
    lines = FIVE.explain(History(study.state)).splitlines()
    assert [line.split(":")[0] for line in lines] == ["a", "b", "c"]
    assert "the latest 6 losses with a rank correlation of" in lines[0]
    expected, losses = FIVE.past_predictions(History(study.state))
    assert len(expected) == len(losses) == 6


def test_what_is_recommended_keeps_the_constraints():
    rng = np.random.default_rng(0)
    study = tried(
        lambda x, y: {"loss": (x - 0.3) ** 2 + rng.normal(0, 0.02), "c": x},
        12,
        searcher="random",
        constraints={"c": ">= 0.5"},
    )
    assert study.recommended.config["x"] >= 0.5
    assert study.recommended.expected is not None


def test_thousands_of_trials_are_thinned_alike_for_all_metrics(lab):
    study = lab({"x": Float(0, 1)})
    for i in range(400):
        study.add({"x": i / 400}, float(i))
    one = Observed.of(study.history)
    kept = _thinned(400, [one, Observed.of(study.history, study.history.goals.metrics[0])])
    assert len(kept) == 300 and kept[:150].tolist() == list(range(150))


def test_auto_searches_for_all_of_them_too():
    study = tried(lambda x, y: {"a": x, "b": 1 - x}, 9, metric=TWO, searcher="random")
    history = History(study.state)
    rngs = (stream(0, "suggest", 9) for _ in range(2))
    assert Auto().suggest(history, next(rngs)) == GP().suggest(history, next(rngs))


# ---- the searchers without a model


@pytest.mark.parametrize("searcher", [Evolution(population=10), TPE()], ids=["evolution", "tpe"])
def test_evolution_and_tpe_approach_the_front_and_keep_to_the_constraints(searcher):
    def objective(x, y, z):
        far = (y - 0.8) ** 2 + (z - 0.2) ** 2
        return {"a": x + far, "b": 1 - x + far, "c": x}

    space = dict.fromkeys("xyz", Float(0, 1))
    bounds, reference = {"c": "<= 0.5"}, {"a": 1.5, "b": 1.5}
    found, drawn = (
        tried(objective, 100, space, TWO, method, constraints=bounds) for method in (searcher, "random")
    )
    assert found.hypervolume(reference).value > drawn.hypervolume(reference).value
    late = found.trials[60:]
    assert sum(trial.feasible for trial in late) > len(late) / 2
    assert np.median([t.metrics["a"] + t.metrics["b"] for t in late]) < 1.2


@pytest.mark.parametrize(
    "searcher", [Evolution(population=4, sample=4), TPE(n_initial=4)], ids=["evolution", "tpe"]
)
def test_evolution_and_tpe_without_anything_feasible_break_bounds_less(searcher):
    study = tried(lambda x, y: {"loss": x, "c": x + y}, 60, searcher=searcher, constraints={"c": ">= 5"})
    broken = [5 - t.metrics["c"] for t in study.trials]
    assert np.mean(broken[40:]) < np.mean(broken[:4])
