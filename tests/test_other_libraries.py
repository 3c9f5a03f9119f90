"""The words of other libraries are answered with rung's, and misspelt ones with the right ones."""

from __future__ import annotations

import inspect
import re

import pytest

import rung
from rung import _other_libraries
from rung.errors import ArgumentError, ObjectiveError
from rung.schedulers import SCHEDULERS
from rung.searchers import SEARCHERS
from rung.settings import SETTINGS

SPACE = {"x": rung.Float(0, 1)}


def tune(objective=lambda config: config["x"], **options):
    return rung.tune(objective, SPACE, storage=":memory:", progress=False, **{"n_trials": 2, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "maximize"}, '; in rung: mode="min" or mode="max"'),
        ({"n_trial": 3}, "; did you mean 'n_trials'?"),
        ({"n_jobs": 2}, "; in rung: n_workers="),
        ({"time_budget_s": 3}, "; in rung: timeout="),
        ({"study_name": "a"}, "; in rung: name="),
        ({"load_if_exists": True}, "the same call goes on with the study of its name="),
        ({"zzz": 1}, ""),
    ],
)
def test_a_wrong_keyword(options, message):
    (word,) = options
    with pytest.raises(TypeError) as raised:
        tune(**options)
    assert (
        str(raised.value)
        == f"tune() got an unexpected keyword argument {word!r}{raised.value.args[0].partition(repr(word))[2]}"
    )
    assert str(raised.value).endswith(message) if message else str(raised.value).endswith(f"{word!r}")


def test_all_that_take_the_same_arguments_answer_alike():
    for function in (rung.Study, rung.simulate, rung.dry_run, rung.compare, rung.check_objective):
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'seeed'; did you mean 'seeds?'"):
            function(lambda config: 1, SPACE, seeed=3)


def test_the_signature_is_still_there():
    assert list(inspect.signature(rung.tune).parameters)[:3] == ["objective", "space", "metric"]
    assert rung.tune.__doc__.startswith("Find the configuration")


def test_an_error_inside_stays_as_it_is():
    with pytest.raises(ObjectiveError, match="unexpected keyword argument 'direction'"):
        tune(lambda config: rung.Float(0, 1, direction=3))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"searcher": "bayes"}, "gp"), ({"searcher": "GP-Sampler"}, "gp"), ({"searcher": "hyperopt"}, "tpe"),
        ({"searcher": "radnom"}, "random"), ({"scheduler": "MedianPruner"}, "median"),
        ({"scheduler": "HyperbandPruner"}, "hyperband"), ({"scheduler": "ASHAScheduler"}, "asha"),
    ],
)  # fmt: skip
def test_a_wrong_searcher_or_scheduler(options, name):
    with pytest.raises(ArgumentError, match=f"did you mean '{name}'"):
        tune(**options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("best_params", "; in rung: best_config"),
        ("trials_dataframe", r"; in rung: to_dataframe\(\)"),
        ("get_trials", "; in rung: trials"),
        ("optimize", r"; in rung: rung.tune\(objective, space, ...\)"),
        ("best_valu", "; did you mean 'best_value'?"),
        ("zzzzzz", "$"),
    ],
)
def test_a_wrong_attribute_of_a_study(name, message):
    study = tune()
    with pytest.raises(AttributeError, match=f"'Study' object has no attribute '{name}'{message}"):
        getattr(study, name)


def test_a_wrong_attribute_of_a_stored_trial():
    trial = tune().best_trial
    for name, message in (("params", "; in rung: config"), ("state", "; in rung: status"), ("zzzzzz", "$")):
        with pytest.raises(AttributeError, match=f"'Trial' object has no attribute '{name}'{message}"):
            getattr(trial, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("create_study", "rung.tune"),
        ("loguniform", r"rung.Float\(low, high, log=True\)"),
        ("choice", r"rung.Categorical\(\[...\]\)"),
        ("Flaot", "did you mean 'Float'?"),
    ],
)
def test_a_wrong_name_in_the_module(name, message):
    with pytest.raises(AttributeError, match=f"module 'rung' has no attribute '{name}'; .*{message}"):
        getattr(rung, name)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda config, trial: trial.suggest_float("x", 0, 1), r"read config\[\"lr\"\]"),
        (lambda trial: trial.suggest_int("x", 0, 1), r"rung.Int\(1, 8\)"),
        (lambda config, trial: trial.should_prune(), r"report\(\) ends a trial that the scheduler stops"),
        (lambda config, trial: trial.set_user_attr("a", 1), r"in rung: log\(note=...\)"),
        (
            lambda config, trial: trial.report(0.3, 1),
            r"metrics have names: trial.report\(epoch=..., value=...\)",
        ),
    ],
)
def test_another_librarys_objective(objective, message):
    with pytest.raises(ObjectiveError, match=message):
        tune(objective)


def test_what_is_advised_exists():
    for kind, known in (("searcher", SEARCHERS), ("scheduler", SCHEDULERS)):
        assert set(_other_libraries.PARTS[kind].values()) <= set(known)
        assert not set(_other_libraries.PARTS[kind]) & set(known)
    assert not set(_other_libraries.ARGUMENTS) & set(SETTINGS)
    for text in _other_libraries.ARGUMENTS.values():
        assert set(re.findall(r"(\w+)=", re.sub(r"\(.*?\)", "", text))) <= set(SETTINGS), text
    for text in _other_libraries.MODULE.values():
        for name in re.findall(r"rung\.(\w+)", text):
            assert hasattr(rung, name), text
