import pytest

import rung
from rung.searchers import Auto
from rung.space import Float

ONE = {"x": Float(0, 1)}


def finished(lab, n, seconds):
    """A study of n trials that took so many seconds each."""
    study = lab(ONE)
    for i in range(n):
        study.t = i * seconds
        study.add({"x": (i + 0.5) / n})
        study.t = (i + 1) * seconds
        study.end(i, 0.1)
    return study


def test_a_gaussian_process_where_trials_take_seconds(lab):
    assert Auto().explain(finished(lab, 20, 1.0).history).startswith("gp, since")


def test_half_a_minute_of_searching_is_free(lab):
    assert Auto().explain(finished(lab, 500, 0.001).history).startswith("gp, since")


def test_after_that_short_trials_get_a_model_as_often_as_they_pay_for(lab):
    study = finished(lab, 1500, 0.1)
    told = set()
    for _ in range(20):
        told.add(Auto().explain(study.history).split(",")[0])
        study.add({"x": 0.5})
    assert told == {"gp", "local"}
    assert "0.1 s: 5% of that pays for a model at one trial in 10" in local_reason(study)


def local_reason(study):
    while (told := Auto().explain(study.history)).startswith("gp"):
        study.add({"x": 0.5})
    return told


def test_long_trials_always_get_one(lab):
    study = finished(lab, 1500, 5.0)
    assert all(Auto().explain(study.history).startswith("gp") for _ in range(5))


def test_tpe_in_very_many_dimensions(lab):
    told = Auto().explain(lab({f"x{i}": Float(0, 1) for i in range(101)}).history)
    assert told == "tpe, since 101 hyperparameters are too many for a Gaussian process"


def test_the_study_explains_it():
    study = rung.tune(lambda x: x, ONE, n_trials=3, searcher="auto", storage=":memory:")
    assert "searcher: gp, since" in study.explain()


def test_it_suggests_what_the_chosen_one_does(lab):
    study = lab(ONE)
    study.run(rung.searchers.GP(), 8, lambda config: config["x"])
    assert study.ask(Auto()) == study.ask(rung.searchers.GP())
    with pytest.raises(TypeError):
        Auto(1)
