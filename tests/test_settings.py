"""The table of settings: what is checked there, and that every signature, flag and log agrees with it."""

from __future__ import annotations

import dataclasses
import inspect
from datetime import timedelta
from itertools import repeat

import pytest
from cli.commands import rung_here

import rung
from rung.engine.recovery import take
from rung.errors import ArgumentError, ConfigError, SpaceError
from rung.execution.simulator import Simulator
from rung.searchers import Grid, Random
from rung.settings import SETTINGS, Settings
from rung.space import Space
from rung.storage import MemoryStorage
from rung.study.events import StudyCreated

SPACE = Space({"x": rung.Float(0, 1)})
SESSION = [name for name, setting in SETTINGS.items() if setting.scope == "session"]


def defaults_of(function):
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}


# ---- signatures


def test_tune_takes_every_setting_by_its_name_with_its_default():
    assert defaults_of(rung.tune) == {name: setting.default for name, setting in SETTINGS.items()}
    assert list(defaults_of(rung.tune)) == list(SETTINGS)


@pytest.mark.parametrize(
    ("function", "own", "other"),
    [
        (rung.Study, set(), {}),
        (rung.simulate, {"stragglers", "failures"},
         {"max_resource": inspect.Parameter.empty, "scheduler": "asha", "searcher": "random"}),
        (rung.dry_run, {"pilots", "stragglers", "failures"}, {"searcher": "random"}),
        (rung.check_objective, {"config", "rtol"}, {"max_resource": 4, "seed": 0, "timeout": "10min"}),
    ],
)  # fmt: skip
def test_the_others_take_some_of_them_with_the_same_defaults(function, own, other):
    shared = {name: default for name, default in defaults_of(function).items() if name not in own}
    assert set(shared) <= set(SETTINGS)
    assert shared == {name: other.get(name, SETTINGS[name].default) for name in shared}


# ---- checks


def test_values_are_checked_once_and_have_one_form():
    settings = Settings.of(
        timeout="1h 30m", trial_timeout=timedelta(seconds=5), trial_memory="2kB", gpus_per_trial="0.5",
        searcher="random", scheduler="asha", metric={"error": "min", "accuracy": "max"}, n_trials=7,
    )  # fmt: skip
    assert settings.timeout == 5400.0
    assert settings.trial_timeout == 5.0
    assert settings.trial_memory == 2000
    assert settings.gpus_per_trial == 0.5
    assert isinstance(settings.searcher, Random)
    assert settings.scheduler.to_json()["name"] == "asha"
    assert [m.mode for m in settings.goals.metrics] == ["min", "max"]
    assert (settings.budget.n_trials, settings.budget.timeout) == (7, 5400.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.n_trials = 8


def test_a_misspelt_setting_is_an_argument_error():
    with pytest.raises(ArgumentError, match=r"n_trails: there is no such setting; did you mean 'n_trials'\?"):
        Settings.of(n_trails=3)
    with pytest.raises(ArgumentError, match=r"max_failure: .*'max_failures'\?"):
        Settings.of().but(max_failure=3)


def test_changed_settings_are_checked_and_derived_again():
    settings = Settings.of(n_trials=3)
    assert settings.but(n_trials=5, metric="loss").budget.n_trials == 5
    assert settings.but(metric="loss").goals.metrics[0].name == "loss"
    assert settings.budget.n_trials == 3
    with pytest.raises(ArgumentError, match="n_trials=0"):
        settings.but(n_trials=0)


def test_what_depends_on_the_space_is_checked_with_it():
    settings = Settings.of(initial_configs=iter([{"x": 1}, {"x": 1.0}, {"x": 0.5}])).for_space(SPACE)
    assert settings.initial_configs == ({"x": 1.0}, {"x": 0.5})
    with pytest.raises(ConfigError):
        Settings.of(initial_configs=repeat({"x": 7})).for_space(SPACE)
    with pytest.raises(SpaceError):
        Settings.of(searcher="grid").for_space(SPACE)
    with pytest.raises(ArgumentError, match="max_resource"):
        Settings.of(scheduler="asha").for_space(SPACE)


def test_only_an_endless_study_needs_a_budget():
    with pytest.raises(ArgumentError, match="no budget: give n_trials=50"):
        Settings.of().check_budget(SPACE)
    Settings.of(timeout=5).check_budget(SPACE)
    Settings.of().check_budget(Space({"x": rung.Categorical([1, 2])}))
    Settings.of(searcher=Grid(3)).check_budget(SPACE)


def test_names_that_come_from_a_generator_are_read_once():
    settings = Settings.of(report_only=(name for name in ["test"]))
    assert settings.report_only == settings.but(n_trials=3).goals.report_only == ("test",)


# ---- the log


def test_the_log_keeps_what_a_session_was_asked_for():
    study = rung.tune(
        lambda config: config["x"], SPACE, n_trials=2, timeout="1h", searcher="random", max_resource=3,
        trial_timeout="2min", trial_memory="8GB", retries=4, max_failures=5, keep_checkpoints="all",
        on_error="raise", storage=":memory:", progress=False,
    )  # fmt: skip
    plan = dict(study.state.plan)
    assert plan.pop("objective_code")
    assert plan == {
        "n_trials": 2, "timeout": 3600.0, "stop_when": [], "n_workers": 1, "searcher": {"name": "random"},
        "scheduler": {"name": "fifo"}, "max_resource": 3, "resource": "epoch", "keep_checkpoints": "all",
        "trial_timeout": 120.0, "trial_memory": 8 * 10**9, "gpus_per_trial": None, "retries": 4,
        "executor": None, "confirm": None, "rising": [], "cost": None,
        "max_failures": 5, "on_error": "raise", "command": "",
    }  # fmt: skip


def test_a_log_keeps_every_setting_of_the_session_but_what_it_has_elsewhere():
    kept = set(Settings.of().to_json())
    assert set(SESSION) - kept == {"initial_configs", "add", "durability", "callbacks"}
    assert kept - set(SESSION) == {"max_resource", "resource"}


def test_a_study_whose_log_kept_less_goes_on():
    storage, goals = MemoryStorage(), Settings.of().goals
    created = StudyCreated(id="study", t=0.0, space=SPACE.to_json(), goals=goals.to_json(), seed=0)
    storage.create("s", created)
    before = {"searcher": {"name": "random"}, "scheduler": {"name": "fifo"}, "n_trials": 2, "timeout": None,
              "max_resource": None, "resource": "epoch", "command": ""}  # fmt: skip
    lease, _, _ = take(storage, "s", before)
    storage.release(lease)
    study = rung.tune(lambda config: config["x"], SPACE, searcher="random", n_trials=2, retries=3,
                      storage=storage, name="s", progress=False)  # fmt: skip
    assert [session.plan.get("retries") for session in study.state.sessions] == [None, 3]
    assert len(study.trials) == 2


def test_drive_takes_settings_of_the_session_alone():
    study = rung.Study(SPACE, storage=MemoryStorage(), name="s")
    executor = Simulator(lambda job: iter([(1.0, {"value": job.config["x"]})]), 2)
    with pytest.raises(ArgumentError, match="drive: seed is the study's own"):
        study.drive(executor, seed=3)
    with pytest.raises(ArgumentError, match=r"n_trails: .* did you mean 'n_trials'\?"):
        study.drive(executor, n_trails=3)
    assert not study.state.sessions
    study.drive(executor, n_trials=3, searcher="random")
    assert len(study.trials) == 3
    assert study.state.plan["n_workers"] == 2
    assert study.settings.n_trials is None


# ---- the command line


def test_every_setting_with_a_flag_is_one_of_rung_run(tmp_path):
    shown = rung_here("run", "--help", cwd=tmp_path).stdout
    flags = {name: setting.flags for name, setting in SETTINGS.items() if setting.flags}
    assert set(SETTINGS) - set(flags) == {"add", "progress", "callbacks"}
    for name, spellings in flags.items():
        for flag in spellings:
            assert f" {flag}" in shown, name


TYPED = {
    "executor": "processes", "confirm": "3", "initial_configs": "first.json", "rising": "cpu_seconds",
    "cost": "cpu_seconds",
    "n_trials": "5", "timeout": "50s", "stop_when": ">= 2", "n_workers": "1", "searcher": "gp", "scheduler": "median",
    "keep_checkpoints": "all", "trial_timeout": "40s", "trial_memory": "4GB", "gpus_per_trial": "1",
    "retries": "2", "max_failures": "7", "on_error": "raise", "durability": "process",
}  # fmt: skip

KEPT = {
    "executor": "processes", "confirm": 3, "rising": ["cpu_seconds"], "cost": "cpu_seconds",
    "timeout": 50.0, "stop_when": [">= 2"], "n_workers": 1, "searcher": {"name": "gp", "n_initial": 8}, "keep_checkpoints": "all",
    "trial_timeout": 40.0, "trial_memory": 4 * 10**9, "gpus_per_trial": 1, "retries": 2, "max_failures": 7,
    "on_error": "raise", "max_resource": 3,
}  # fmt: skip


def test_resume_keeps_every_setting_of_the_session(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert set(TYPED) == {name for name in SESSION if SETTINGS[name].flags}
    (tmp_path / "job.py").write_text(
        "import rung\nspace = {'x': rung.Float(0, 1)}\ndef objective(x):\n    return x\n"
    )
    (tmp_path / "first.json").write_text('[{"x": 0.25}]')
    flags = [word for name, value in TYPED.items() for word in (SETTINGS[name].flags[0], value)]
    flags += ["--constraint", "cpu_seconds <= 1000"]
    done = rung_here("run", "job.py", "--quiet", "--mode", "max", "--max-resource", "3", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = rung_here("resume", "job", "--quiet", "--n-trials", "6", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = rung.Study.load("job", storage=str(tmp_path / "rung_studies")).state.sessions
    assert (first.plan["n_trials"], second.plan["n_trials"]) == (5, 6)
    for plan in (first.plan, second.plan):
        assert plan["flags"].keys() >= TYPED.keys()
        for name, value in KEPT.items():
            assert plan[name] == value, name
