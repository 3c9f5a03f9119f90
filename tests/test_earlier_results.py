"""Earlier results and changed spaces: trials of origin "imported", which are learned from and cost nothing."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest
from cli.commands import rung_here
from click.testing import CliRunner

import rung
from rung.cli.main import commands
from rung.cli.results import read_results
from rung.errors import ArgumentError, ConfigError, StudyNotFound
from rung.schedulers import PBT
from rung.space import Space
from rung.study import snapshot
from rung.study.events import ResultsImported
from rung.study.state import StudyState
from rung.testing import check_decisions, check_log

SPACE = {"x": rung.Float(0, 1), "kind": "constant"}
ADDED = [({"x": 0.25}, 0.5), ({"x": 0.75, "kind": "constant"}, {"value": 0.1, "seconds": 3})]


def square(config):
    return (config["x"] - 0.3) ** 2


def by_epoch(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, value=square(config) + 1 / epoch)


def tune(storage=":memory:", objective=square, space=SPACE, **options):
    options = {
        "searcher": "random",
        "n_trials": 4,
        "seed": 1,
        "name": "new",
        "progress": False,
        "durability": "process",
        **options,
    }
    return rung.tune(objective, space, storage=storage, **options)


def shape(study):
    return [(t.origin, t.status, t.value, dict(t.config)) for t in study.trials]


def events(study, kind):
    return [event for event in study.events() if isinstance(event, kind)]


# ---- add


def test_added_results_are_trials_that_cost_nothing(tmp_path):
    study = tune(tmp_path, add=ADDED)
    first, second, *others = study.trials
    assert (first.config, first.value, first.origin, first.status) == (
        {"x": 0.25, "kind": "constant"}, 0.5, "imported", "completed",
    )  # fmt: skip
    assert second.metrics == {"value": 0.1, "seconds": 3.0}
    assert [t.origin for t in others] == ["searcher"] * 4
    assert study.state.counts["completed"] == 4
    check_log(list(study.events()), n_trials=4, capacity=1)


def test_the_same_line_adds_nothing_twice(tmp_path):
    before = shape(tune(tmp_path, add=ADDED))
    again = tune(tmp_path, add=[*ADDED, *ADDED])
    assert shape(again) == before
    assert len(events(again, ResultsImported)) == 1
    more = tune(tmp_path, add=[*ADDED, ({"x": 0.5}, 0.2)])  # nothing is left to run
    assert [t.value for t in more.trials if t.is_imported] == [0.5, 0.1, 0.2]
    assert len(more.trials) == len(before) + 1


def test_a_study_that_was_cut_goes_on_as_if_it_had_not_been(tmp_path):
    whole = tune(tmp_path, name="whole", n_trials=6, add=ADDED, searcher="tpe")
    tune(tmp_path, name="cut", n_trials=3, add=ADDED, searcher="tpe")
    cut = tune(tmp_path, name="cut", n_trials=6, add=ADDED, searcher="tpe")
    assert shape(cut) == shape(whole)


def test_searchers_learn_from_them():
    near = [({"x": x}, (x - 0.62) ** 2) for x in np.linspace(0, 1, 12)]
    study = tune(searcher="gp", n_trials=1, add=near, objective=lambda config: (config["x"] - 0.62) ** 2)
    assert study.trials[-1].origin == "model"
    assert abs(study.trials[-1].config["x"] - 0.62) < 0.05


@pytest.mark.parametrize(
    ("add", "error", "message"),
    [
        ({"x": 1}, ArgumentError, r"add={'x': 1}; give a list of pairs, \[\(config, value\), ...\]"),
        ([({"x": 0.5}, 1, 2)], ArgumentError, r"add\[0\]=.*; give a pair, \(config, value\)"),
        ([({"x": 0.5}, 1.0), ({"x": 2}, 1.0)], ConfigError, r"add\[1\]: x: 2 is out of range"),
        ([({"x": 0.5}, None)], ArgumentError, r"add\[0\]: metric 'value' is None"),
        ([({"x": 0.5}, {"loss": 1.0})], ArgumentError, r"add\[0\]: no 'value' in it; give a number for it"),
        (
            [({"x": 0.5}, float("nan"))],
            ArgumentError,
            r"add\[0\]: 'value' is nan; .* or leave the result out",
        ),
        ([({"x": 0.5}, "0.1")], ArgumentError, r"add\[0\]: metric 'value' is '0.1'"),
    ],
)
def test_a_wrong_result_is_an_error_before_anything_exists(tmp_path, add, error, message):
    with pytest.raises(error, match=message):
        tune(tmp_path, add=add)
    assert not list(tmp_path.iterdir())


def test_several_metrics_and_constraints_need_a_number_each():
    options = {"metric": {"a": "min", "b": "max"}, "constraints": {"mb": "<= 2"}}
    with pytest.raises(ArgumentError, match=r"with several metrics give a dict: {'a': ..., 'b': ...}"):
        tune(add=[({"x": 0.5}, 1.0)], **options)
    with pytest.raises(ArgumentError, match="no 'mb' in it"):
        tune(add=[({"x": 0.5}, {"a": 1, "b": 2})], **options)


def test_a_broken_objective_still_stops_the_study_at_once():
    with pytest.raises(rung.errors.MetricError, match="gave no 'value'"):
        tune(objective=lambda config: {"loss": 1}, add=ADDED)


# ---- Study.add


def test_a_study_takes_results_between_asking_and_telling(tmp_path):
    study = rung.Study(SPACE, searcher="random", n_trials=2, name="s", storage=tmp_path)
    running = study.ask()
    trial = study.add({"x": 0.5}, 0.2)
    assert (trial.number, trial.origin, study.best_value) == (1, "imported", 0.2)
    assert study.add({"x": 0.5}, 0.2) is trial
    assert study.add({"x": 0.5}, 0.3).number == 2
    study.tell(running, 1.0)
    study.tell(study.ask(), 1.0)
    assert study.ask() is None
    study.close()
    check_log(list(study.events()), n_trials=2)
    with pytest.raises(ConfigError, match="add: x: 3 is out of range"):
        study.add({"x": 3}, 0.2)
    with pytest.raises(AttributeError, match=r"loaded to look at and has no add\(\)"):
        rung.Study.load("s", storage=tmp_path).add({"x": 0.5}, 0.2)


# ---- another study's


@pytest.fixture
def earlier(tmp_path):
    return tune(tmp_path, name="earlier", n_trials=8)


def test_a_wider_space_begins_where_the_narrow_one_stopped(tmp_path, earlier):
    wide = tune(tmp_path, space={"x": rung.Float(-1, 2), "other": 3}, continue_from="earlier")
    taken = wide.trials[:8]
    assert [t.value for t in taken] == [t.value for t in earlier.trials]
    assert [t.config for t in taken] == [{"x": t.config["x"], "other": 3} for t in earlier.trials]
    assert taken[3].reason == "trial 3 of study 'earlier'"
    assert "train_seconds" not in taken[0].metrics
    assert len(wide.trials) == 12


def test_it_happens_once_and_needs_the_earlier_study_no_more(tmp_path, earlier):
    before = shape(tune(tmp_path, continue_from="earlier", n_trials=2))
    tune(tmp_path, name="earlier", n_trials=9)
    rung_here("delete", "earlier", "--yes", "--storage", str(tmp_path), cwd=tmp_path)
    after = tune(tmp_path, continue_from="earlier", n_trials=3)
    assert shape(after)[:10] == before
    assert len(after.trials) == 11
    with pytest.raises(StudyNotFound):
        tune(tmp_path, name="another", continue_from="earlier")


def test_what_does_not_fit_is_counted_and_said(tmp_path, caplog):
    def objective(config, trial):
        if trial.number == 1:
            raise ValueError
        return {"value": config["x"], **({"mb": 1.0} if trial.number != 2 else {})}

    earlier = tune(tmp_path, objective, name="earlier", n_trials=8)
    below = sum(t.config["x"] < 0.5 for t in earlier.trials if t.number != 1)
    lacking = int(earlier.trials[2].config["x"] >= 0.5)
    caplog.clear()
    study = tune(
        tmp_path, lambda c: {"value": 1.0, "mb": 1}, {"x": rung.Float(0.5, 1), "kind": "constant"},
        continue_from=earlier, constraints={"mb": "<= 2"},
    )  # fmt: skip
    (said,) = [r.getMessage() for r in caplog.records if "taken over" in r.getMessage()]
    assert said.startswith(
        f"study 'new': {7 - below - lacking} of 8 trials taken over from study 'earlier'; left out: "
    )
    assert f"{below} outside the new space (trial " in said
    assert "1 failed" in said
    (event,) = events(study, ResultsImported)
    assert (event.source, event.trials) == ("study 'earlier'", study.state.n_imported)
    assert event.left_out in said


def test_nothing_is_warned_of_if_all_fits(tmp_path, earlier, caplog):
    caplog.clear()
    tune(tmp_path, continue_from=earlier)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"continue_from": 3}, "continue_from=3; give a study, or the name of one"),
        ({"continue_from": "earlier", "name": "earlier"}, "continue_from='earlier' is the study itself"),
    ],
)
def test_a_wrong_earlier_study(tmp_path, earlier, options, message):
    with pytest.raises(ArgumentError, match=message):
        tune(tmp_path, **options)


def test_a_new_hyperparameter_does_not_fit_and_a_constant_does(tmp_path, earlier):
    new = tune(tmp_path, space={**SPACE, "y": rung.Float(0, 1)}, continue_from="earlier")
    assert new.state.n_imported == 0
    assert tune(tmp_path, name="b", space={**SPACE, "y": 1}, continue_from="earlier").state.n_imported == 8


def test_reports_come_along_up_to_the_new_max_resource(tmp_path):
    options = {"objective": by_epoch, "scheduler": rung.schedulers.ASHA("stopping")}
    earlier = tune(tmp_path, name="earlier", max_resource=9, n_trials=8, **options)
    whole = sum(t.status == "completed" for t in earlier.trials)
    longer = tune(tmp_path, name="longer", max_resource=27, continue_from="earlier", **options)
    assert [t.status for t in longer.trials[:8]] == ["stopped"] * 8
    assert [t.resource for t in longer.trials[:8]] == [t.resource for t in earlier.trials]
    same = tune(tmp_path, name="same", max_resource=9, continue_from="earlier", **options)
    assert [t.status for t in same.trials[:8]] == [t.status for t in earlier.trials]
    shorter = tune(tmp_path, name="shorter", max_resource=3, continue_from="earlier", **options)
    assert sum(t.status == "completed" for t in shorter.trials[:8]) >= whole
    assert max(t.resource for t in shorter.trials) == 3
    for study, most in ((longer, 4), (same, 4), (shorter, 4)):
        check_log(list(study.events()), n_trials=most)


def test_what_is_held_back_stays_held_back(tmp_path):
    result = {"value": 1.0, "test": 0.7}
    tune(tmp_path, lambda config: result, name="earlier", report_only=["test"])
    shown = tune(tmp_path, name="shown", continue_from="earlier")
    assert all("test" not in t.metrics for t in shown.trials)
    hidden = tune(
        tmp_path, lambda config: result, name="hidden", continue_from="earlier", report_only=["test"]
    )
    assert hidden.trials[0].held_back == {"test": 0.7}


# ---- with every scheduler, and what shows it


@pytest.mark.parametrize(
    "scheduler", ["fifo", "asha", "successive-halving", "hyperband", "median", PBT(population=3), "auto"]
)
def test_schedulers_run_all_their_own_trials(scheduler):
    earlier = tune(objective=by_epoch, name="earlier", max_resource=9, n_trials=5, scheduler="asha")
    options = {"objective": by_epoch, "max_resource": 9, "scheduler": scheduler}
    study = tune(n_trials=12, continue_from=earlier, add=[({"x": 0.4}, 0.3)], **options)
    alone = tune(name="alone", n_trials=12, **options)
    own = [t for t in study.trials if not t.is_imported]
    assert len(own) == 12
    assert all(t.is_finished for t in study.trials)
    log = list(study.events())
    check_log(log, n_trials=12)
    check_decisions(log, study.settings.scheduler)
    if study.settings.scheduler.name in {"successive-halving", "hyperband"}:
        # Earlier results fill no bracket: as many trials get as far.
        assert sorted(t.status for t in own) == sorted(t.status for t in alone.trials)
    if study.settings.scheduler.name == "pbt":
        assert [t.parent for t in own[:3]] == [None] * 3  # nor do they belong to a population
        assert any(t.parent is not None for t in own)


def test_a_snapshot_holds_what_was_imported(tmp_path):
    study = tune(tmp_path, add=ADDED)
    state = StudyState.replay(study.events())
    text = snapshot.piece(state, snapshot.Mark(), range(len(state.trials)), state.created, "")
    restored = snapshot.restore(state.created, [(text, len(text))])
    assert restored is not None
    assert (
        (restored.state.n_imported, restored.state.sources)
        == (2, state.sources)
        == (2, ["an earlier result"])
    )
    assert restored.state.counts == state.counts


def test_commands_show_it(tmp_path, earlier):
    (tmp_path / "job.py").write_text(
        "import rung\nspace = {'x': rung.Float(0, 2), 'kind': 'constant'}\nn_trials, searcher = 2, 'random'\n"
        "def add(a, b):\n    return a + b\ndef objective(config):\n    return add(config['x'], 1)\n"
    )
    done = rung_here("run", "job.py", "--continue-from", "earlier", "--storage", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "8 of 8 trials taken over" not in done.stdout
    status = rung_here("status", "job", "--storage", str(tmp_path), cwd=tmp_path).stdout
    assert "2 of 2: 2 completed" in status
    assert (
        '"origin": "imported"'
        in rung_here("trials", "job", "--json", "--storage", str(tmp_path), cwd=tmp_path).stdout
    )


def test_the_table_has_the_origin():
    assert tune(add=ADDED).to_dataframe()["origin"].tolist() == ["imported"] * 2 + ["searcher"] * 4


# ---- constants


def test_constants_need_not_be_repeated():
    space = Space({**SPACE, "y": rung.Constant(2).when(rung.param("x") > 0.5)})
    assert space.validate({"x": 0.75}) == {"x": 0.75, "kind": "constant", "y": 2}
    assert space.validate({"x": 0.25}) == {"x": 0.25, "kind": "constant"}
    with pytest.raises(ConfigError, match="'other' is not the constant"):
        space.validate({"x": 0.25, "kind": "other"})
    study = tune(initial_configs=[{"x": 0.125}])
    assert study.trials[0].config == {"x": 0.125, "kind": "constant"}


def test_without_earlier_results_nothing_is_imported_slowly():
    code = "import sys, rung\nrung.StudyView\nassert 'rung._earlier' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- on the command line


WIDE = Space(
    {"lr": rung.Float(0, 1), "layers": rung.Int(1, 9), "kind": rung.Categorical(["1", "sgd", True, "=x"])}
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "lr,layers,kind,error,who\n0.5,2,sgd,0.25,me\n1e-1,3.0,1,1,\n0,1,True,2,\n1,1,'=x,3,\n"),
        ("a.json", """[{"lr": 0.5, "layers": 2, "kind": "sgd", "error": 0.25, "who": null},
                       [{"lr": 0.1, "layers": 3, "kind": "1"}, {"error": 1}],
                       {"config": {"lr": 0, "layers": 1, "kind": true}, "metrics": {"error": 2, "mb": null}},
                       {"status": "failed", "config": {}, "metrics": {}},
                       {"config": {"lr": 1, "layers": 1, "kind": "=x"}, "value": 3}]"""),
    ],
)  # fmt: skip
def test_a_file_of_results(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = read_results(str(tmp_path / name), WIDE)
    study = rung.Study(WIDE, metric="error", storage=":memory:", add=found)
    assert [(t.config["lr"], t.config["layers"], t.config["kind"], t.value) for t in study.trials] == [
        (0.5, 2, "sgd", 0.25), (0.1, 3, "1", 1.0), (0.0, 1, True, 2.0), (1.0, 1, "=x", 3.0),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_rung_trials_writes_can_be_added(tmp_path, form, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objective = lambda config: {"x": config["x"] + 1, "trial": 3.0}  # noqa: E731 -- names that clash
    before = tune(tmp_path, objective=objective, metric="x", space={"x": rung.Float(0, 1)}, name="before")
    out = CliRunner().invoke(commands, ["trials", "before", f"--{form}", "--storage", str(tmp_path)])
    (tmp_path / f"a.{form}").write_text(out.output)
    found = read_results(f"a.{form}", before.space)
    assert found == [(dict(t.config), t.metrics) for t in before.trials]
    assert found[0][1].items() >= {"x": before.trials[0].value, "trial": 3.0}.items()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", r"--add .*a.txt: give a file whose name ends in .csv or .json"),
        ("a.json", "{", r"--add .*a.json is not JSON"),
        ("a.json", "{}", r"--add .*a.json: a dict; write a list of results"),
        ("b/a.csv", None, r"--add .*a.csv: No such file or directory"),
    ],
)
def test_a_wrong_file(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ArgumentError, match=message):
        read_results(str(tmp_path / name), WIDE)


def test_a_flag_adds_a_file_once(tmp_path):
    (tmp_path / "job.py").write_text(
        "import rung\nspace = {'x': rung.Float(0, 1)}\nadd = [({'x': 0.5}, 0.7)]\n"
        "def objective(config):\n    return config['x']\n"
    )
    (tmp_path / "a.csv").write_text("x,value\n0.25,0.5\n")
    done = rung_here("run", "job.py", "--quiet", "--n-trials", "1", "--add", "a.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "a.csv").unlink()
    done = rung_here("resume", "job", "--quiet", "--n-trials", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    study = rung.StudyView.load("job", storage=tmp_path / "rung_studies")
    assert [t.value for t in study.trials if t.is_imported] == [0.7, 0.5]
    assert study.state.counted == 2
