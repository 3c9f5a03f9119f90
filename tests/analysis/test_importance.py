"""Importance of functions whose importance is known."""

import math
from functools import partial

import numpy as np
import pytest

import rung
from rung.analysis.importance import fanova, importance
from rung.analysis.importance.marginals import Marginal
from rung.errors import ArgumentError, NoTrialError
from rung.space import Space

UNIT = {name: rung.Float(0, 1) for name in "abc"}
CLOSE = 0.02
"""What the intervals leave out: sums over 16 values and 256 configurations."""


def study_of(fold, Told, space, f, n, metric="y", seed=0, **goals):
    """`n` random trials of a function of the configuration, or of several by name."""
    space, rng = Space.of(space), np.random.default_rng(seed)
    configs = [space.sample(rng) for _ in range(n)]
    told = []
    for config in configs:
        found = f(**config)
        told.append(Told(config, found if isinstance(found, dict) else {metric: found}))
    return fold(space, told, metric, **goals)


def inside(share, truth):
    return share.low - CLOSE <= truth <= share.high + CLOSE


# ---- the sums


def drawn(f):
    """Values of f on a grid of 40 values of one hyperparameter and 40 of all others, and their weights."""
    u = (np.arange(40) + 0.5) / 40
    y = f(u[:, None], u[None, :])[None]
    return y, np.full(y.shape, 1 / y.size)


@pytest.mark.parametrize(
    ("f", "alone", "total"),
    [
        (lambda a, b: 2 * a + b, 4 / 5, 4 / 5),
        (lambda a, b: (a - 0.5) * (b - 0.5), 0, 1),
        (lambda a, b: a * b, 3 / 7, 4 / 7),  # var(a / 2) = 1/48 of var(ab) = 7/144
        (lambda a, b: b + 0 * a, 0, 0),
    ],
)
def test_the_parts_of_the_variance(f, alone, total):
    y, weights = drawn(f)
    assert fanova.main(y, weights) == pytest.approx([alone], abs=2e-3)
    assert fanova.total(y, weights) == pytest.approx([total], abs=2e-3)


def test_what_does_not_vary_has_no_importance():
    y, weights = drawn(lambda a, b: 0 * a * b)
    assert np.isnan(fanova.main(y, weights)).all()


class Flat:
    """A model that expects 0 everywhere."""

    def __init__(self, space):
        self.space = Space(*space)

    def draws(self, points):
        return np.zeros((2, len(points)))


def test_a_marginal_is_over_what_is_active_and_allowed():
    a, b = rung.param("a"), rung.param("b")
    space = {"a": rung.Float(0, 1), "b": rung.Float(0, 1), "c": rung.Int(1, 3).when(a > 0.75)}
    found = Marginal.of(Flat((space, [(a > 0.5) & (b > 0.5)])), "a")
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[8:].sum() == pytest.approx(1 / 3, abs=0.02)  # half of its upper half is forbidden
    assert found.active == 1
    found = Marginal.of(Flat((space, [])), "c")
    assert found.values == [1, 2, 3]
    assert found.weights.sum(axis=1) == pytest.approx([1 / 3] * 3, abs=0.01)
    assert found.active == pytest.approx(0.25, abs=0.01)
    never = {"a": rung.Float(0, 1), "c": rung.Float(0, 1).when(a > 0.99999)}
    assert Marginal.of(Flat((never, [])), "c").active == 0


# ---- studies


@pytest.fixture(name="known", scope="module")
def _known(fold, Told):
    """y = z + 2 x where `kind` is "on", else z + 1; `i` is irrelevant."""
    space = {
        "kind": rung.Categorical(["on", "off"]),
        "x": rung.Float(0, 1).when(rung.param("kind") == "on"),
        "z": rung.Float(1e-4, 1, log=True),
        "i": rung.Float(0, 1),
        "fixed": 3,
    }

    def f(kind, z, x=0.5, **_):
        z = 1 + math.log10(z) / 4
        return {"y": z + 2 * x, "seconds": 100.0 * z}

    return study_of(fold, Told, space, f, 50)


def test_known_parts_lie_in_their_intervals(known):
    found = importance(known)
    truth = {"x": (0.8, 0.8), "z": (1 / 3, 1 / 3), "kind": (0, 1 / 3), "i": (0, 0)}
    assert {one.name for one in found} == set(truth)
    for name, (alone, total) in truth.items():
        assert inside(found[name].overall.alone, alone), name
        assert inside(found[name].overall.total, total), name
    assert found["x"].active == pytest.approx(0.5, abs=0.02)
    assert found["i"].active == 1
    assert found[0].name == "x"
    assert found[-1].name == "i"
    # Of the best tenth, all have kind "on" and a small x and z, which are worth the same there.
    assert found["kind"].good.total.value < 0.02
    assert abs(found["x"].good.total.value - found["z"].good.total.value) < 0.2
    assert found.explained > 0.9
    # and it says so
    assert str(found).splitlines()[0].startswith("importance for y: fanova, 50 trials, 90 % intervals")
    assert "active in" in str(found).splitlines()[1]
    with pytest.raises(ArgumentError, match=r"there is no 'kinds'; did you mean 'kind'\?"):
        found["kinds"]


def test_by_what_tells_the_best_trials_from_the_others(known):
    found = importance(known, method="ped-anova", best=0.2)
    assert {one.name for one in found[:2]} == {"x", "z"}
    assert sum(one.overall.alone.value for one in found) == pytest.approx(1)
    assert all(one.overall.total is None for one in found)
    assert found["x"].active == pytest.approx(0.5, abs=0.15)
    for one in found:
        assert 0 <= one.overall.alone.low <= one.overall.alone.value <= one.overall.alone.high <= 1
    # what is fast is another matter
    assert importance(known, "seconds", "ped-anova", best=0.2)[0].name == "z"


def test_with_max_the_best_are_the_greatest(fold, Told):
    space = {"a": rung.Float(0, 1), "b": rung.Categorical(["p", "q"])}

    def f(a, b):  # where y is great, only a matters
        return 5 + a if b == "p" else 1.0

    up = importance(study_of(fold, Told, space, f, 60, mode="max"), method="ped-anova")
    down = importance(study_of(fold, Told, space, lambda **c: -f(**c), 60), method="ped-anova")
    assert [(one.name, one.overall, one.good) for one in up] == [
        (one.name, one.overall, one.good) for one in down
    ]
    assert up["a"].good.alone.value > 0.9


def test_what_is_too_little_or_wrong(fold, Told):
    few = study_of(fold, Told, UNIT, lambda a, **_: a, 7)
    same = study_of(fold, Told, UNIT, lambda **_: 1.0, 20)
    for method in ("fanova", "ped-anova"):
        with pytest.raises(NoTrialError, match=r"7 trials have it.* it needs 8"):
            importance(few, method=method)
    with pytest.raises(NoTrialError, match="20 trials have it, all of them 1"):
        importance(same)
    with pytest.raises(NoTrialError, match="constant"):
        importance(fold({"x": 3}, [Told({"x": 3}, {"loss": 1.0})]))
    with pytest.raises(ArgumentError, match=r"method='fanovo'; did you mean 'fanova'\?"):
        importance(few, method="fanovo")
    with pytest.raises(ArgumentError, match=r"best=1.5; give a number in \(0, 1\)"):
        importance(few, best=1.5)
    with pytest.raises(ArgumentError, match=r"metric='yy': no trial has it; did you mean 'y'\?"):
        importance(few, "yy")
    hidden = study_of(fold, Told, UNIT, lambda a, **_: a, 9, report_only=["test"])
    with pytest.raises(ArgumentError, match=r"metric='test': it is only reported; see final_report\(\)"):
        importance(hidden, "test")


def test_nothing_of_a_study_is_markup(fold, Told):
    space = {"<b>x</b>": rung.Float(0, 1)}
    state = study_of(fold, Told, space, lambda **config: config["<b>x</b>"], 20, "<script>")
    shown = importance(state, method="ped-anova")._repr_html_()
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "&lt;b&gt;x&lt;/b&gt;" in shown


# ---- more of it


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["random", "auto"])
def test_a_product_matters_by_its_interaction_whatever_chose_the_trials(searcher):
    def objective(config):
        return 12 * (config["a"] - 0.5) * (config["b"] - 0.5) + config["c"]

    space = UNIT | {"d": rung.Float(0, 1)}
    study = rung.tune(objective, space, n_trials=60, searcher=searcher, storage=":memory:", progress=False)
    found = study.importance()
    for name in "ab":
        assert inside(found[name].overall.alone, 0)
        assert inside(found[name].overall.total, 12 / 13)
    assert inside(found["c"].overall.alone, 1 / 13)
    assert inside(found["d"].overall.total, 0)


def noisy(noise, a, b, **_):
    return 4 * a + 2 * b + next(noise)


@pytest.mark.slow
def test_intervals_hold_with_noise(fold, Told):
    missed = 0
    for seed in range(6):
        noise = iter(np.random.default_rng(seed).normal(0, 0.4, 60))
        state = study_of(fold, Told, UNIT, partial(noisy, noise), 60, seed=seed)
        found = importance(state)
        missed += sum(not inside(found[n].overall.alone, y) for n, y in {"a": 0.8, "b": 0.2, "c": 0}.items())
    assert missed <= 4  # of 18, at 90 %


@pytest.mark.slow
def test_it_agrees_with_optuna(fold, Told):
    optuna = pytest.importorskip("optuna")
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    def f(rate, layers, kind, idle):
        return (math.log10(rate) + 2) ** 2 + 0.5 * layers + {"p": 0.0, "q": 1.0, "r": 0.5}[kind]

    kinds = ["p", "q", "r"]
    space = {
        "rate": rung.Float(1e-4, 1, log=True), "layers": rung.Int(1, 4), "kind": rung.Categorical(kinds),
        "idle": rung.Float(0, 1),
    }  # fmt: skip
    distributions = {
        "rate": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
        "layers": optuna.distributions.IntDistribution(1, 4),
        "kind": optuna.distributions.CategoricalDistribution(kinds),
        "idle": optuna.distributions.FloatDistribution(0, 1),
    }
    state, theirs = study_of(fold, Told, space, f, 200), optuna.create_study()
    for trial in state.trials:
        config, value = dict(trial.config), trial.metrics["y"]
        theirs.add_trial(optuna.trial.create_trial(params=config, distributions=distributions, value=value))
    numbers = ["rate", "layers", "idle"]  # optuna smooths choices so much that PED-ANOVA hardly sees them
    for method, evaluator, names in (
        ("fanova", FanovaImportanceEvaluator(seed=0), [*numbers, "kind"]),
        ("ped-anova", PedAnovaImportanceEvaluator(), numbers),
    ):
        expected = evaluator.evaluate(theirs, params=names)
        found = importance(state, method=method)
        ours = {name: found[name].overall.alone.value for name in names}
        for name, share in expected.items():
            assert ours[name] / sum(ours.values()) == pytest.approx(
                share / sum(expected.values()), abs=0.1
            ), (method, name)
