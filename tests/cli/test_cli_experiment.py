"""Reading an experiment's file."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest
from cli.commands import write_file

import rung
from rung.cli.experiment import OPTIONS, load
from rung.errors import Error, ObjectiveError, SpaceError
from rung.execution.worker.pickling import dumps, loads
from rung.objectives.function import Objective


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "beside", raising=False)


def test_takes_the_names_that_tune_knows(tmp_path: Path) -> None:
    path = write_file(tmp_path)
    experiment = load(f"{path}:failing")
    assert experiment.objective.__name__ == experiment.source["objective"] == "failing"
    assert experiment.options == {"metric": "loss", "n_trials": 6, "report_only": ["test_error"]}
    assert list(experiment.space) == ["x", "kind"]


def test_a_file_may_set_every_keyword_of_tune_but_progress(tmp_path: Path) -> None:
    keywords = [p.name for p in inspect.signature(rung.tune).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert set(OPTIONS) == set(keywords) - {"progress"}
    path = tmp_path / "all.py"
    path.write_text("objective, space = len, {}\n" + "".join(f"{name} = 0\n" for name in keywords))
    assert set(load(str(path)).options) == set(OPTIONS)


def test_is_pickled_by_value(tmp_path: Path) -> None:
    experiment = load(str(write_file(tmp_path)))
    data = dumps(Objective.bind(experiment.objective, ("x", "kind"), ("loss",)))
    sys.modules.pop(experiment.objective.__module__)
    assert loads(data).function.__globals__["offset"]() == 10.0


def test_a_colon_in_the_path_is_no_objective(tmp_path: Path) -> None:
    folder = tmp_path / "a:b"
    folder.mkdir()
    assert load(str(write_file(folder))).source["objective"] == "objective"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x = 1", ObjectiveError, "has no 'objective'; it defines no function"),
        (
            "import argparse",
            ObjectiveError,
            "parses its own arguments: tune it as a program",
        ),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', required=True)\np.parse_args()",
            Error,
            r"parses its own arguments: tune it as a program, such as rung run --command '",
        ),
        ("def f(c): pass\ndef g(c): pass", ObjectiveError, "after a colon: f, g"),
        ("def objective(c): pass", SpaceError, "has no `space`; add one"),
        ("def f():\n    1 / 0\nf()", Error, "ZeroDivisionError: division by zero"),
        ("def objective(:", Error, "SyntaxError"),
        ("raise SystemExit(3)", Error, "SystemExit: 3"),
    ],
)
def test_says_what_is_missing(tmp_path: Path, text: str, kind: type[Error], message: str) -> None:
    path = tmp_path / "file.py"
    path.write_text(text)
    with pytest.raises(kind) as caught:
        load(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "importlib" not in str(caught.value)


def test_the_traceback_begins_in_the_users_file(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text("def f():\n    1 / 0\nf()")
    with pytest.raises(Error) as caught:
        load(str(path))
    lines = str(caught.value).splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2].strip().startswith(f'File "{path}", line 3')


def test_a_script_that_tunes_by_itself_is_not_run_twice(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import rung\ndef objective(config): return config['x']\nspace = {'x': rung.Float(0, 1)}\n"
        "rung.tune(objective, space, n_trials=2, name='inner', storage='there')\n"
    )
    with pytest.raises(Error, match=r"the file calls rung.tune itself: run it with python, not with rung"):
        load(str(script))
    assert not (tmp_path / "there").exists()


def test_a_file_without_its_ending(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    with pytest.raises(Error, match=r"train: there is no such file; did you mean .*train\.py\?"):
        load(str(tmp_path / "train"))


def test_misspelt_settings_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "def objective(config): return 1\nspace = {'x': 1}\nn_trails = 5\nn_worker = 2\nname = 's'\n"
        "def raising(config): 1 / 0\ndef stop_wen(study): return False\n"  # `rising` is a setting too
    )
    load(str(script))
    said = capsys.readouterr().err
    assert "note: n_trails is not a setting; did you mean n_trials?" in said
    assert "note: n_worker is not a setting; did you mean n_workers?" in said
    assert "note: stop_wen is not a setting; did you mean stop_when?" in said
    assert said.count("note:") == 3
