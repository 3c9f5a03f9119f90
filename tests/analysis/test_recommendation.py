import numpy as np
import pytest

import rung
from rung.errors import NoTrialError


def study_of(values, mode="min", searcher="random"):
    study = rung.Study({"x": rung.Float(0, 1)}, metric="y", mode=mode, storage=":memory:", searcher=searcher)
    for x, value in values:
        study.tell(study.ask({"x": x}), value)
    return study


def noisy(sign=1.0):
    noise = np.random.default_rng(0)
    valley = [(x, sign * ((x - 0.3) ** 2 + 0.01 * noise.normal())) for x in np.linspace(0.01, 0.99, 40)]
    return [*valley, (0.711, sign * -0.03)]


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
def test_a_lucky_trial_is_not_recommended(mode, sign):
    study = study_of(noisy(sign), mode)
    assert study.best_config["x"] == 0.711
    found = study.recommended
    assert abs(found.config["x"] - 0.3) < 0.1
    assert found.config == study.trials[found.trial].config
    assert found.value == study.trials[found.trial].value
    assert abs(found.expected) < 0.02
    assert "of trial 40, whose" in found.reason
    assert "looks lucky" in str(found)


def test_the_best_is_recommended_where_nothing_is_noisy():
    study = study_of([(x, (x - 0.3) ** 2) for x in np.linspace(0.01, 0.99, 30)])
    assert study.recommended.trial == study.best_trial.number
    assert study.recommended.reason.startswith("the best value (")


def test_a_few_trials_recommend_their_best():
    found = study_of([(0.1, 2.0), (0.5, 1.0)]).recommended
    assert (found.trial, found.expected) == (1, None)
    assert found.reason == "the best value; too few trials for a model"


def test_nothing_is_recommended_before_a_trial_completed():
    with pytest.raises(NoTrialError, match="no trial has completed yet"):
        _ = study_of([]).recommended


def test_the_log_keeps_where_a_trial_came_from():
    study = rung.tune(
        lambda x: x, {"x": rung.Float(0, 1)}, n_trials=12, initial_configs=[{"x": 0.2}], storage=":memory:"
    )
    origins = [trial.origin for trial in study.trials]
    assert origins[0] == "initial"
    assert set(origins[1:8]) == {"sobol"}
    assert "model" in origins[8:]
    random = rung.tune(
        lambda x: x, {"x": rung.Float(0, 1)}, n_trials=2, searcher="random", storage=":memory:"
    )
    assert {trial.origin for trial in random.trials} == {"searcher"}
