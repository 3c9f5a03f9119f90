"""What an objective takes: misspelt hyperparameters are errors, before the first trial or in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import rung
from rung.errors import MetricError, ObjectiveError
from rung.objectives.attempt import run_attempt
from rung.objectives.function import Objective
from rung.objectives.job import AttemptId, End, Job
from rung.study.events import Verdict

SPACE = ("learning_rate", "layers")
CONFIG = {"learning_rate": 0.1, "layers": 3}
WHOLE = r"or take the whole dict: f\(config\)"


def bind(function, names=SPACE) -> Objective:
    return Objective.bind(function, names, ("y",))


def run(function, config: dict[str, Any] = CONFIG, names=SPACE) -> End:
    job = Job(AttemptId(0, 1), config, seed=7, max_resource=9)
    return run_attempt(bind(function, names), job, lambda report: Verdict.CONTINUE)


@pytest.mark.parametrize(
    ("function", "taken", "hint"),
    [
        (lambda lr: lr, "lr", "did you mean 'learning_rate' for 'lr'"),
        (lambda lr, layers: lr, "lr, layers", "did you mean 'learning_rate' for 'lr'"),
        (lambda layers, lr: lr, "layers, lr", "did you mean 'learning_rate' for 'lr'"),
        (lambda learning_rat: 1, "learning_rat", "did you mean 'learning_rate' for 'learning_rat'"),
        (lambda learning_rate, layer: 1, "learning_rate, layer", "did you mean 'layers' for 'layer'"),
        (lambda rate, trial: 1, "rate", "did you mean 'learning_rate' for 'rate'"),
        (lambda LearningRate, *, layers: 1, "LearningRate, layers", "'learning_rate' for 'LearningRate'"),
        (lambda lr, **others: 1, "lr", "did you mean 'learning_rate' for 'lr'"),
        (lambda config, layers: 1, "config, layers", "name each argument"),
        (lambda first, layers: 1, "first, layers", "name each argument"),
    ],
)
def test_arguments_that_are_not_quite_hyperparameters(function, taken, hint):
    with pytest.raises(
        ObjectiveError, match=f"takes {taken}; the space has learning_rate, layers: .*{hint}.*{WHOLE}"
    ):
        bind(function)


def annotated(depth: float) -> float:
    return depth


def test_a_number_is_no_configuration():
    with pytest.raises(ObjectiveError, match="objective annotated takes depth; the space has learning_rate"):
        bind(annotated)


def test_it_is_said_before_anything_exists(tmp_path):
    with pytest.raises(ObjectiveError, match="did you mean 'learning_rate' for 'lr'"):
        rung.tune(lambda lr: lr, {"learning_rate": rung.Float(0, 1)}, n_trials=3, storage=tmp_path)
    assert not list(tmp_path.iterdir())


class Model:
    def method(self, params, trial):
        return params["layers"] + 0 * trial.number

    @classmethod
    def of_class(cls, hparams):
        return hparams["layers"]

    @staticmethod
    def static(cfg, epochs=3):
        return cfg["layers"]

    def __call__(self, c):
        return c["layers"]


def typed(layer: Mapping[str, Any]) -> float:
    return layer["layers"]


def with_data(data, config, *, verbose):
    return config["layers"]


@pytest.mark.parametrize(
    "function",
    [
        lambda c: c["layers"],
        lambda p, t: p["layers"],
        lambda params, trial: params["layers"],
        lambda config, layers=2: config["layers"],
        lambda setup: setup["layers"],
        lambda params, **options: params["layers"],
        lambda *args, **kwargs: kwargs["layers"],
        lambda **anything: anything["layers"],
        lambda learning_rate, layers, momentum=0.9: layers,
        functools.partial(lambda config, layer: config["layers"], layer=3),
        functools.partial(with_data, [1, 2], verbose=True),
        functools.partial(lambda layers, learning_rate, more: layers, more=1),
        Model().method,
        Model.of_class,
        Model.static,
        Model(),
        typed,
    ],
)
def test_what_looks_alike_and_is_right_goes_on_working(function):
    end = run(function)
    assert (end.outcome, end.metrics["y"]) == ("completed", 3.0), end


def test_a_single_letter_is_never_misspelt():
    names = ("C", "t", "gamma")
    assert run(lambda c, t: c["C"] + 0 * t.number, {"C": 1.0, "t": 2, "gamma": 3}, names).metrics["y"] == 1.0


def test_a_name_for_several_hyperparameters_is_the_whole():
    config = {"theta_1": 1.0, "theta_2": 2.0}
    assert run(lambda theta: theta["theta_1"], config, tuple(config)).metrics["y"] == 1.0


# ---- keys that a configuration has not


def inner(config):
    return [config[name] for name in ("layers", "depth")]


@pytest.mark.parametrize(
    "function",
    [
        lambda config: config["depth"],
        lambda **config: config["depth"],
        lambda config: config.pop("depth"),
        inner,
    ],
)
def test_a_hyperparameter_that_is_not_there_is_wrong_code(function):
    end = run(function)
    assert (end.outcome, end.broken) == ("failed", "code")
    assert (
        end.reason
        == "KeyError: 'depth'; the configuration has no 'depth', the space has learning_rate, layers"
    )


def test_the_study_stops_at_once():
    with pytest.raises(ObjectiveError, match=r"the space has layers; did you mean 'layers'?"):
        rung.tune(
            lambda config: config["layer"], {"layers": rung.Int(1, 3)}, n_trials=3, storage=":memory:",
            progress=False,
        )  # fmt: skip


def test_an_inactive_hyperparameter_is_another_matter():
    end = run(lambda config: config["layers"], {"learning_rate": 0.1})
    assert (end.outcome, end.broken) == ("failed", "")
    assert end.reason == (
        "KeyError: 'layers'; layers is inactive in this configuration: config.get('layers') is None then"
    )


TABLE = {"a": 1}


@pytest.mark.parametrize("key", ["depth", 3, None])
def test_keys_of_other_mappings_are_the_trials_own_trouble(key):
    def look_up(key):
        return TABLE[key]

    end = run(lambda config: look_up(key))
    assert (end.outcome, end.broken, end.reason) == ("failed", "", f"KeyError: {key!r}")


def test_attributes_of_a_configuration():
    assert run(lambda config: config.layers).reason.endswith(
        "; the configuration is a dict: config['layers']"
    )


# ---- metrics


@pytest.mark.parametrize("value", [True, np.bool_(False)])
def test_a_bool_is_not_tuned(value):
    for function in (lambda c: value, lambda c: {"y": value}, lambda c, trial: trial.report(y=value)):
        end = run(function)
        assert (end.outcome, end.broken) == ("failed", "metric")
        assert f"metric 'y' is {value!r}" in end.reason
        assert "what is tuned is a number: give the loss or the score itself" in end.reason


def test_another_metric_may_be_a_bool():
    assert run(lambda c: {"y": 1.0, "converged": True}).metrics["converged"] == 1.0


def test_text_among_the_metrics_says_where_it_goes():
    with pytest.raises(
        MetricError, match=r"metric 'note' is 'abc' .*one number; text goes to trial.log\(note=...\)"
    ):
        Objective.bind(lambda c: 1, SPACE, ("y",)).read({"y": 1.0, "note": "abc"})
