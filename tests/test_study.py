"""The study as its user meets it: results, ask and tell, resuming, errors."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.errors import (
    ArgumentError,
    ConfigError,
    MetricError,
    NoTrialError,
    ObjectiveError,
    SpaceError,
    StudyError,
    StudyInUse,
    StudyMismatch,
    StudyNotFound,
    TooManyFailures,
)
from rung.storage import MemoryStorage

SPACE = {"x": rung.Float(0, 1)}


def tune(objective, space=SPACE, **options):
    options.setdefault("storage", ":memory:")
    options.setdefault("n_trials", 10)
    return rung.tune(objective, space, progress=False, **options)


# ---- results


def test_best():
    study = tune(lambda c: (c["x"] - 0.5) ** 2, seed=1)
    assert study.best_value == min(t.value for t in study.trials)
    assert study.best_config == study.best_trial.config
    assert "10 completed" in repr(study)


def test_max_mode():
    study = tune(lambda c: {"accuracy": c["x"]}, metric="accuracy", mode="max", seed=1)
    assert study.best_value == max(t.config["x"] for t in study.trials)


def test_failed_trials_are_ignored_and_kept():
    def objective(config, trial):
        if trial.number % 2:
            raise ValueError(f"no {trial.number}")
        return config["x"]

    study = tune(objective, seed=1)
    assert [t.status for t in study.trials] == ["completed", "failed"] * 5
    assert study.trials[1].reason == "ValueError: no 1"
    assert "in objective" in study.trials[1].attempts[0].traceback
    assert study.best_trial.number % 2 == 0


def test_without_a_success_the_first_failure_is_told():
    def objective(config, trial):
        raise ValueError(f"out of paper {trial.number}")

    study = tune(objective, n_trials=3)
    with pytest.raises(NoTrialError, match=r"the first failure, trial 0: ValueError: out of paper 0"):
        study.best_config  # noqa: B018
    with pytest.raises(TooManyFailures, match="3 trials in a row failed"):
        tune(objective, max_failures=3)


def test_constraints_and_measured_metrics():
    def objective(config):
        return {"error": config["x"], "model_mb": 10 * (1 - config["x"])}

    study = tune(objective, metric="error", constraints={"model_mb": "<= 5", "train_seconds": "< 60"}, seed=2)
    assert study.best_value == min(t.config["x"] for t in study.trials if t.config["x"] >= 0.5)
    assert {t.feasible for t in study.trials} == {True, False}
    assert {"train_seconds", "cpu_seconds", "peak_memory_mb"} <= set(study.best_trial.metrics)
    study = tune(objective, metric="error", constraints={"model_mb": "< 0"}, n_trials=3)
    with pytest.raises(NoTrialError, match="none of 3 completed trials keeps model_mb < 0"):
        study.best_trial  # noqa: B018


def test_a_measured_metric_can_be_tuned():
    study = tune(lambda c: {"error": 1.0}, metric={"error": "min", "train_seconds": "min"}, n_trials=3)
    assert study.front


def test_several_objectives_have_a_front_and_no_best():
    study = tune(lambda c: {"a": c["x"], "b": 1 - c["x"]}, metric={"a": "min", "b": "min"})
    assert len(study.front) == 10
    study = tune(lambda c: {"a": c["x"], "b": 1 - c["x"]}, metric={"a": "min", "b": "max"})
    assert [t.number for t in study.front] == [min(study.trials, key=lambda t: t.config["x"]).number]
    with pytest.raises(NoTrialError, match=r"several objectives \(a, b\).*study\.front"):
        study.best_trial  # noqa: B018


def test_report_only_is_shown_by_the_final_report_alone(tmp_path):
    def objective(config, trial):
        trial.report(epoch=1, error=config["x"], test_error=0.123456)
        return {"error": config["x"], "test_error": 0.123456, "test_accuracy": 0.9}

    options = {
        "metric": "error",
        "report_only": ["test_error", "test_accuracy"],
        "storage": str(tmp_path),
        "name": "s",
    }
    study = tune(objective, **options)
    for trial in study.trials:
        assert "test_error" not in trial.metrics
        assert "test_error" not in trial.reports[0].metrics
        assert "0.123456" not in repr(trial)
    assert "test_error" not in study.to_dataframe()
    assert "reported (looked at once):\n  test_error = 0.123456" in str(study.final_report())
    again = rung.Study.load("s", storage=str(tmp_path)).final_report()
    assert "looked at 2 times" in str(again)
    assert again.reported == {"test_error": 0.123456, "test_accuracy": 0.9}
    assert again.looks == rung.Study.load("s", storage=str(tmp_path)).state.looks == 2


def test_to_dataframe():
    study = tune(lambda c: {"value": c["x"], "x": 5.0}, n_trials=3)
    frame = study.to_dataframe()
    assert list(frame["config.x"]) == [t.config["x"] for t in study.trials]
    assert list(frame["x"]) == [5.0] * 3
    assert list(frame["status"]) == ["completed"] * 3


# ---- the arguments of tune


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_trials": 0}, ArgumentError, "n_trials=0"),
        ({"timeout": "soon"}, ArgumentError, "timeout='soon'"),
        ({"n_workers": 0}, ArgumentError, "n_workers=0; give a whole number of at least 1"),
        ({"retries": -1}, ArgumentError, "retries=-1"),
        ({"n_trials": None}, ArgumentError, "no budget: give n_trials=50"),
        ({"metric": ""}, ArgumentError, "non-empty string"),
        ({"mode": "up"}, ArgumentError, "mode='up'"),
        ({"constraints": {"mb": 20}}, ArgumentError, "constraints: mb=20"),
        ({"searcher": "rnadom"}, ArgumentError, "random"),
        (
            {"scheduler": "hyperspace"},
            ArgumentError,
            r"unknown scheduler 'hyperspace'; did you mean 'hyperband'\?",
        ),
        ({"searcher": "grid"}, SpaceError, "x"),
        ({"initial_configs": [{"x": 7}]}, ConfigError, "x"),
        ({"initial_configs": [{"y": 7}]}, ConfigError, "y"),
        ({"name": ""}, ArgumentError, "name=''"),
        ({"durability": "disk"}, ArgumentError, "durability='disk'"),
        ({"keep_checkpoints": "some"}, ArgumentError, "keep_checkpoints='some'"),
    ],
)
def test_bad_arguments_are_errors_before_anything_exists(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        tune(lambda c: 1 / 0, **{"storage": str(tmp_path / "studies"), **options})
    assert not (tmp_path / "studies").exists()


def test_an_objective_that_does_not_fit_the_space(tmp_path):
    with pytest.raises(ObjectiveError, match="takes no argument x, which the space has"):
        tune(lambda y, z: 1, {"x": rung.Float(0, 1), "y": rung.Float(0, 1)}, storage=str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"loss": 1}, "no 'value'; it gave: loss"),
        ({}, "it gave: nothing"),
        (None, "it gave: nothing"),
        ("good", "metric 'value' is 'good' \\(a str\\)"),
        ({"value": [1, 2]}, "a metric is one number"),
    ],
)
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_result_without_the_metric_stops_at_the_first_trial(result, message, n_workers):
    with pytest.raises(MetricError, match=message):
        tune(lambda c: result, n_workers=n_workers)


def test_a_finite_space_needs_no_budget():
    study = tune(lambda c: c["x"], {"x": rung.Int(1, 5)}, n_trials=None)
    assert sorted(t.config["x"] for t in study.trials) == [1, 2, 3, 4, 5]
    study = tune(lambda c: c["x"], {"x": rung.Float(0, 1, points=3)}, n_trials=None, searcher="grid")
    assert [t.config["x"] for t in study.trials] == [0.0, 0.5, 1.0]


def test_initial_configs_run_first_and_once():
    study = tune(lambda c: c["x"], initial_configs=[{"x": 0.5}, {"x": 0.25}, {"x": 0.5}], n_trials=4)
    assert [t.config["x"] for t in study.trials[:2]] == [0.5, 0.25]
    assert [t.origin for t in study.trials] == ["initial", "initial", "sobol", "sobol"]


@pytest.mark.parametrize("searcher", ["random", "sobol"])
def test_the_same_seed_gives_the_same_configs_with_one_and_two_workers(searcher):
    one, two = (tune(lambda c: c["x"], seed=4, n_workers=n, searcher=searcher) for n in (1, 2))
    assert [t.config for t in one.trials] == [t.config for t in two.trials]
    assert one.seed == 4
    assert [t.config for t in tune(lambda c: c["x"], seed=5, searcher=searcher).trials] != [
        t.config for t in one.trials
    ]


def test_max_resource_and_seed_reach_the_objective():
    seen = []

    def objective(config, trial):
        seen.append((trial.max_resource, trial.seed))
        return 1.0

    tune(objective, n_trials=2, max_resource=8, seed=0)
    first = list(seen)
    seen.clear()
    tune(objective, n_trials=2, max_resource=8, seed=0)
    assert first == seen
    assert first[0][0] == 8
    assert first[0][1] != first[1][1]


def test_timeout_ends_in_time():
    import time

    began = time.monotonic()
    study = tune(lambda c, trial: [time.sleep(0.05) or trial.report(value=1.0) for _ in range(100)] and 1.0,
                 n_trials=None, timeout=0.5)  # fmt: skip
    assert 0.5 <= time.monotonic() - began < 3.0
    assert study.trials[-1].status == "interrupted"


# ---- going on


def test_the_same_call_again_does_nothing(tmp_path):
    calls = []

    def objective(config):
        calls.append(config)
        return config["x"]

    first = tune(objective, storage=str(tmp_path), name="s")
    again = tune(objective, storage=str(tmp_path), name="s")
    assert len(calls) == 10
    assert again.best_config == first.best_config
    assert len(tune(objective, storage=str(tmp_path), name="s", n_trials=12).trials) == 12
    assert len(calls) == 12


def test_other_arguments_are_refused_in_plain_words(tmp_path):
    tune(lambda c: c["x"], storage=str(tmp_path), name="s", seed=1)
    for space, options, message in [
        ({"x": rung.Float(0, 2)}, {}, "x"),
        (SPACE, {"mode": "max"}, "goals"),
        (SPACE, {"seed": 2}, "its seed is 1, not 2"),
    ]:
        with pytest.raises(StudyMismatch, match=f"study 's' is stored with other arguments: .*{message}"):
            tune(lambda c: c["x"], space, storage=str(tmp_path), name="s", **options)


def test_load(tmp_path):
    study = tune(lambda c: c["x"], storage=str(tmp_path), name="s")
    for loaded in (rung.Study.load("s", storage=str(tmp_path)), rung.Study.load(storage=str(tmp_path))):
        assert loaded.best_config == study.best_config
        assert loaded.state.digest() == study.state.digest()
    with pytest.raises(StudyNotFound, match=r"no study 'z'.*there is: s"):
        rung.Study.load("z", storage=str(tmp_path))
    with pytest.raises(StudyNotFound, match="there is no study yet"):
        rung.Study.load(storage=str(tmp_path / "empty"))


def test_the_environment_names_the_storage(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_STORAGE", str(tmp_path / "there"))
    study = rung.tune(lambda c: c["x"], SPACE, n_trials=1, progress=False)
    assert [p.name.rpartition("-")[0] for p in (tmp_path / "there").iterdir()] == [study.name]


# ---- step by step


def test_ask_and_tell():
    study = rung.Study(SPACE, metric="y", storage=":memory:", n_trials=5, seed=1)
    while trial := study.ask():
        study.tell(trial, trial.config["x"])
    assert [t.status for t in study.trials] == ["completed"] * 5
    assert study.best_value == min(t.config["x"] for t in study.trials)
    same = tune(lambda c: c["x"], metric="y", n_trials=5, seed=1)
    assert [t.config for t in same.trials] == [t.config for t in study.trials]


def test_ask_report_tell_in_any_order():
    study = rung.Study(SPACE, metric="y", storage=":memory:")
    a, b = study.ask(), study.ask()
    assert study.report(b, epoch=1, y=0.5) == rung.Verdict.CONTINUE
    assert study.report(a, epoch=1, y=0.4) == rung.Verdict.CONTINUE
    study.tell(b)
    study.fail(a, "lost interest")
    assert [(t.status, t.value, t.reason) for t in study.trials] == [
        ("failed", None, "lost interest"),
        ("completed", 0.5, ""),
    ]
    with pytest.raises(StudyError, match="trial 0: attempt 1 is not running"):
        study.tell(a, 1.0)


@pytest.mark.parametrize("form", ["promotion", "stopping"])
def test_ask_and_report_under_asha(form):
    study = rung.Study(SPACE, metric="y", storage=":memory:", n_trials=9, max_resource=9, seed=0,
                       scheduler=rung.schedulers.ASHA(form))  # fmt: skip
    while trial := study.ask():
        assert trial.resumes is (trial.attempt > 1)
        for epoch in range(trial.start_resource + 1, 10):
            verdict = study.report(trial, epoch=epoch, y=trial.config["x"] + 1 / epoch)
            if verdict != rung.Verdict.CONTINUE:
                break
        else:
            study.tell(trial)
    assert all(t.is_finished for t in study.trials)
    assert {1, 9} <= {t.resource for t in study.trials} <= {1, 3, 9}
    with pytest.raises(StudyError, match="is not running"):
        study.tell(rung.RunningTrial(trial_job(study), ("y",), study._send), 1.0)


def test_a_nan_at_a_rung_fails_the_trial():
    study = rung.Study(
        SPACE, metric="y", storage=":memory:", n_trials=2, max_resource=9, scheduler="asha", seed=0
    )
    assert study.report(study.ask(), epoch=1, y=math.nan) == rung.Verdict.STOP
    assert [(t.status, t.reason) for t in study.trials] == [("failed", "y is nan at epoch 1")]


def trial_job(study):
    from rung.execution.base import AttemptId, Job

    return Job(AttemptId(0, 1), study.trials[0].config, 0)


def test_ask_for_a_config_of_ones_own():
    study = rung.Study(SPACE, storage=":memory:")
    trial = study.ask({"x": 0.125})
    study.tell(trial, {"value": 1.0, "size": 3})
    assert study.trials[0].origin == "user"
    assert study.best_trial.metrics["size"] == 3
    with pytest.raises(ConfigError, match="x"):
        study.ask({"x": 2})


def test_tell_without_the_metric_changes_nothing():
    study = rung.Study(SPACE, metric="y", storage=":memory:")
    trial = study.ask()
    with pytest.raises(MetricError, match="no 'y'; it gave: loss"):
        study.tell(trial, {"loss": 1.0})
    study.tell(trial, 2.0)
    assert study.best_value == 2.0


def test_a_nan_fails_the_trial():
    study = rung.Study(SPACE, storage=":memory:")
    trial = study.ask()
    assert study.report(trial, epoch=1, value=math.nan) == rung.Verdict.STOP
    study.tell(study.ask(), math.inf)
    assert [t.status for t in study.trials] == ["failed", "failed"]
    assert study.trials[0].reason == "value is nan at epoch 1"


def test_what_was_asked_and_not_told_is_asked_again(tmp_path):
    with rung.Study(SPACE, storage=str(tmp_path), name="s", seed=1) as study:
        first = study.ask()
        second = study.ask()
        study.tell(second, 1.0)
    study = rung.Study(SPACE, storage=str(tmp_path), name="s")
    again = study.ask()
    assert (again.number, again.attempt, again.config) == (first.number, 2, first.config)
    study.close()


def test_one_study_has_one_owner(tmp_path):
    study = rung.Study(SPACE, storage=str(tmp_path), name="s")
    study.ask()
    with pytest.raises(StudyInUse, match="study 's' is run by process"):
        rung.Study(SPACE, storage=str(tmp_path), name="s").ask()
    del study  # as running a notebook's cell again does
    rung.Study(SPACE, storage=str(tmp_path), name="s").ask()


@settings(max_examples=30)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_best_is_the_best_of_what_was_told(values, seed):
    storage = MemoryStorage()
    study = rung.Study(SPACE, storage=storage, name="s", seed=seed)
    for value in values:
        study.tell(study.ask(), value)
    study.close()
    finite = [v for v in values if math.isfinite(v)]
    loaded = rung.Study.load("s", storage=storage)
    if finite:
        assert study.best_value == loaded.best_value == min(finite)
    else:
        with pytest.raises(NoTrialError):
            study.best_trial  # noqa: B018


# ---- the package


def test_the_public_names_are_there():
    for name in rung.__all__:
        assert getattr(rung, name) is not None
    assert set(rung.__all__) <= set(dir(rung))
    with pytest.raises(AttributeError, match="has no attribute 'optimize'"):
        rung.optimize  # noqa: B018


def test_import_is_light():
    code = (
        "import sys, rung; rung.tune(lambda c: c['x'], {'x': rung.Float(0, 1)}, n_trials=12, storage=':memory:'); "
        "heavy = {'torch', 'pandas', 'matplotlib', 'sqlalchemy', 'sklearn', 'scipy.stats'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_study_that_outlives_everything_else_ends_in_silence():
    script = (
        "import json, rung; study = rung.Study({'x': rung.Float(0, 1)}, storage=':memory:'); study.ask();"
        "json.held = lambda: study"  # until the interpreter takes its modules apart
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
