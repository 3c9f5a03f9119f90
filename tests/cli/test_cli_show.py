"""Commands that look at a stored study."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rung
from rung.cli.main import commands

EVIL = "a\x1b[31m\rred"


@pytest.fixture
def storage(tmp_path: Path) -> str:
    space = {
        "x": rung.Float(0, 1),
        "kind": rung.Categorical([EVIL, "b"]),
        "shape": rung.Categorical([(1, 2)]),
    }
    study = rung.Study(
        space, metric="loss", report_only=["test_error"], name="s", storage=str(tmp_path), seed=1
    )
    for x, metrics in ((0.5, {"loss": 0.4, "test_error": 0.77777, "other": math.nan}), (0.25, {"loss": 0.3})):
        trial = study.ask({"x": x, "kind": EVIL, "shape": (1, 2)})
        assert trial is not None
        study.report(trial, epoch=1, loss=0.9, test_error=0.77777)
        study.tell(trial, metrics)
    failing = study.ask({"x": 0.75, "kind": "b", "shape": (1, 2)})
    assert failing is not None
    study.fail(failing, "no \x1b[2Jluck")
    study.close()
    return str(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("command", ["status", "best", "trials", "studies", "report"])
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_every_command_is_safe_on_a_terminal(storage: str, command: str, flags: tuple[str, ...]) -> None:
    done = call(command, "--storage", storage, *flags)
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert done.stderr == ""
    assert ("0.77777" in done.stdout) == ("test_error" in done.stdout) == (command == "report")
    if flags:
        strict_json(done.stdout)


def test_report_alone_tells_what_is_only_reported(tmp_path: Path) -> None:
    study = rung.Study({"x": 1}, metric="loss", report_only=["test_error"], name="r", storage=str(tmp_path))
    trial = study.ask()
    assert trial is not None
    study.tell(trial, {"loss": 0.5, "test_error": 0.77777})
    study.close()
    assert "test_error = 0.77777" in call("report", "r", "--storage", str(tmp_path)).stdout
    again = strict_json(call("report", "r", "--storage", str(tmp_path), "--json").stdout)
    assert (again["reported"], again["looks"]) == ({"test_error": 0.77777}, 2)
    for command in ("status", "best", "trials", "studies"):
        for flags in ((), ("--json",)):
            assert "test_error" not in call(command, "--storage", str(tmp_path), *flags).stdout
    assert "test_error" not in call("trials", "--csv", "--storage", str(tmp_path)).stdout


def test_status_says_how_things_stand(storage: str) -> None:
    lines = call("status", "s", "--storage", storage).stdout.splitlines()
    assert lines[0] == "study    s"
    assert lines[1].startswith("state    closed")
    assert lines[2] == "trials   2 completed, 1 failed"
    assert lines[4] == r"best     loss=0.3  trial 1  x=0.25 kind=a\x1b[31m\rred"  # constants tell nothing
    assert lines[5].startswith("improved 0.4 after ")
    assert ", 0.3 after " in lines[5]
    assert lines[6] == r"failed   last: trial 2, no \x1b[2Jluck"
    assert lines[7].startswith(f"stored   {storage}")
    data = strict_json(call("status", "s", "--storage", storage, "--json").stdout)
    assert (data["state"], data["owner"], data["counts"]) == ("closed", None, {"completed": 2, "failed": 1})
    assert data["best"]["config"] == {"x": 0.25, "kind": EVIL, "shape": [1, 2]}


def test_status_says_when_a_study_under_asha_will_end(tmp_path: Path) -> None:
    study = rung.Study({"x": rung.Float(0, 1)}, n_trials=9, max_resource=9, scheduler="asha", searcher="random",
                       name="s", storage=str(tmp_path))  # fmt: skip
    for _ in range(3):
        trial = study.ask()
        assert trial is not None
        study.report(trial, value=trial.config["x"])
    with study:
        data = strict_json(call("status", "--storage", str(tmp_path), "--json").stdout)
        text = call("status", "--storage", str(tmp_path)).stdout
    assert data["end"] > 0
    assert "paused   3 wait at a rung" in text
    assert " left\n" in text


def test_status_of_a_study_that_runs(tmp_path: Path) -> None:
    with rung.Study({"x": rung.Float(0, 1)}, metric="loss", name="s", storage=str(tmp_path)) as study:
        trial = study.ask()
        assert trial is not None
        study.report(trial, epoch=2, loss=0.5)
        text = call("status", "--storage", str(tmp_path)).stdout
        data = strict_json(call("status", "--storage", str(tmp_path), "--json").stdout)
        listed = strict_json(call("studies", "--storage", str(tmp_path), "--json").stdout)
    assert "state    running: process " in text
    assert "running  trial 0  epoch 2  loss=0.5" in text
    assert data["running"][0]["value"] == 0.5
    assert data["state"] == "running"
    assert data["owner"]["pid"] == listed[0]["owner"]["pid"] > 0


def test_a_study_that_never_ran(tmp_path: Path) -> None:
    rung.Study({"x": rung.Float(0, 1)}, name="new one", storage=str(tmp_path))
    assert "state    not run yet" in call("status", "--storage", str(tmp_path)).stdout
    for command in ("best", "report"):
        done = call(command, "new one", "--storage", str(tmp_path))
        assert (done.exit_code, done.stderr) == (1, "error: no trial has completed yet\n")
    assert call("trials", "--storage", str(tmp_path), "--json").stdout == "[]\n"
    assert call("trials", "--storage", str(tmp_path), "--csv").stdout == "\n"
    assert call("resume", "new one", "--storage", str(tmp_path)).exit_code == 2


def test_trials_as_table_json_and_csv(storage: str) -> None:
    table = call("trials", "--storage", storage).stdout.splitlines()
    assert table[0].split() == ["trial", "status", "loss", "x", "kind", "shape", "seconds", "reason"]
    assert len(table) == 4
    assert r"no \x1b[2Jluck" in table[3]
    rows = strict_json(call("trials", "--storage", storage, "--json").stdout)
    assert [row["status"] for row in rows] == ["completed", "completed", "failed"]
    assert rows[0]["metrics"]["other"] is None
    assert rows[2]["reason"] == "no \x1b[2Jluck"
    cells = list(csv.DictReader(call("trials", "--storage", storage, "--csv").stdout.splitlines()))
    assert [cell["x"] for cell in cells] == ["0.5", "0.25", "0.75"]
    assert cells[0]["kind"] == r"a\x1b[31m\rred"
    assert call("trials", "--storage", storage, "--json", "--csv").exit_code == 2


def test_importance_is_a_table_or_json(tmp_path: Path) -> None:
    rung.tune(
        lambda config: config["x"], {"x": rung.Float(0, 1), EVIL: rung.Float(0, 1)}, n_trials=12, name="s",
        searcher="sobol", storage=str(tmp_path), progress=False, durability="process",
    )  # fmt: skip
    asked = ("importance", "s", "--method", "ped-anova", "--best", "0.3", "--storage", str(tmp_path))
    shown = call(*asked)
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[0] == "importance for value: ped-anova, 12 trials, 90 % intervals"
    assert shown.output.splitlines()[2].startswith("x ")
    assert "\x1b" not in shown.output
    found = strict_json(call(*asked, "--json").output)
    assert [one["name"] for one in found["hyperparameters"]] == ["x", EVIL]
    assert 0.5 < found["hyperparameters"][0]["overall"]["alone"]["value"] <= 1
    wrong = call("importance", "s", "--metric", "y", "--storage", str(tmp_path))
    assert wrong.exit_code == 2
    assert "metric='y': no trial has it" in wrong.output


def test_plot_draws_into_a_file(storage: str, tmp_path: Path) -> None:
    out = tmp_path / "curves.svg"
    done = call(
        "plot",
        "learning_curves",
        "s",
        "--out",
        str(out),
        "--states",
        "completed, failed",
        "--storage",
        storage,
    )
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    assert out.read_text().startswith("<?xml")
    for arguments, said in (
        (["learning_curves", "s", "--out", "a.mp3"], "'a.mp3' has no format"),
        (["hypervolume", "s", "--top", "2"], "has no --top"),
        (["curves", "s"], "learning_curves"),
    ):
        wrong = call("plot", *arguments, "--storage", storage)
        assert wrong.exit_code == 2
        assert said in wrong.output


def test_front_is_a_table_with_its_hypervolume(tmp_path: Path) -> None:
    with rung.Study(
        {"x": rung.Float(0, 1)}, metric={"a": "min", "b": "max"}, name="two", storage=str(tmp_path)
    ) as study:
        assert call("front", "--storage", str(tmp_path)).exit_code == 1
        for x in (0.25, 0.75):
            trial = study.ask({"x": x})
            assert trial is not None
            study.tell(trial, {"a": x, "b": x})
    lines = call("front", "--storage", str(tmp_path)).stdout.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["trial", "a", "b", "x"], ["0", "0.25", "0.25", "0.25"], ["1", "0.75", "0.75", "0.75"]
    ]  # fmt: skip
    assert lines[3] == "2 of 2 trials; hypervolume 0.0525 up to a = 0.8, b = 0.2"
    found = strict_json(call("front", "--storage", str(tmp_path), "--json").stdout)
    assert [trial["trial"] for trial in found["front"]] == [0, 1]
    assert found["hypervolume"]["reference"] == pytest.approx({"a": 0.8, "b": 0.2})


def test_best_of_several_objectives_is_the_front(tmp_path: Path) -> None:
    study = rung.Study(
        {"x": rung.Float(0, 1)}, metric={"a": "min", "b": "max"}, name="m", storage=str(tmp_path)
    )
    assert call("best", "--storage", str(tmp_path)).exit_code == 1
    for a, b in ((1.0, 1.0), (2.0, 2.0), (2.0, 1.0)):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, {"a": a, "b": b})
    study.close()
    text = call("best", "--storage", str(tmp_path)).stdout
    assert text.count("not beaten in every objective: a = ") == 2
    front = strict_json(call("best", "--storage", str(tmp_path), "--json").stdout)["front"]
    assert [t["trial"] for t in front] == [0, 1]


def test_the_environment_names_the_storage(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_STORAGE", storage)
    assert "study    s" in call("status").stdout


def test_a_damaged_study_is_code_74(storage: str) -> None:
    path = next(Path(storage).glob("*/study.db"))
    path.write_bytes(path.read_bytes()[:5000])
    done = call("status", "s", "--storage", storage)
    assert (done.exit_code, done.stderr[:7]) == (74, "error: ")


def test_help_tells_the_exit_codes() -> None:
    done = call("--help")
    assert "130  interrupted by Ctrl-C" in done.stdout
    assert all(command in done.stdout for command in commands.list_commands(None))


def test_status_waits_for_no_import_that_it_can_do_without(storage: str) -> None:
    code = """if True:
        import sys
        from rung.cli.main import main
        try:
            main()
        finally:
            print(*sorted({"numpy", "scipy", "rich", "psutil", "cloudpickle"} & sys.modules.keys()))
    """
    command = [sys.executable, "-c", code, "status", "s", "--storage", storage]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "study    s\n" in done.stdout
    assert done.stdout.endswith("\n\n")  # the last line names none


def test_studies_tells_how_each_stands(storage: str) -> None:
    lines = call("studies", "--storage", storage).stdout.splitlines()
    assert lines[0].split() == ["study", "state", "trials", "best", "changed"]
    assert lines[1].split()[:4] == ["s", "closed", "3", "0.3"]


def test_delete_asks_first(storage: str) -> None:
    asked = call("delete", "s", "--storage", storage)
    assert asked.exit_code == 1
    assert "Delete study s with 3 trials?" in asked.output
    assert len(rung.Study.load("s", storage=storage).trials) == 3
    assert call("delete", "s", "--storage", storage, "--yes").exit_code == 0
    assert not list(Path(storage).iterdir())
    gone = call("delete", "s", "--storage", storage, "--yes")
    assert gone.exit_code == 2
    assert "no study 's'" in gone.output


@pytest.mark.parametrize("command", ["trial", "logs"])
def test_the_arguments_the_other_way_round_say_what_to_type(storage, command):
    result = CliRunner().invoke(commands, [command, "s", "2", "--storage", storage])
    assert result.exit_code == 2
    assert f"'s' is no number; it comes first: rung {command} 2 s" in result.output


def test_constraints_and_endings_are_in_every_table(tmp_path: Path) -> None:
    study = rung.Study({"x": rung.Float(0, 1)}, metric="loss", constraints={"leaves": "<= 3000"}, name="s",
                       max_resource=9, scheduler="asha", searcher="random", storage=str(tmp_path))  # fmt: skip
    with study:
        first, second = study.ask(), study.ask()
        assert first is not None
        assert second is not None
        study.report(second, loss=0.5, leaves=10.0)
        study.tell(first, {"loss": 0.1, "leaves": 4992.0})
    header, *table = call("trials", "--storage", str(tmp_path)).stdout.splitlines()
    assert header.split() == ["trial", "status", "loss", "leaves", "x", "seconds", "reason"]
    assert "4992" in table[0]
    assert table[0].endswith("breaks leaves <= 3000")
    assert table[1].endswith("at epoch 1")
    assert (
        "status   completed: breaks leaves <= 3000" in call("trial", "0", "--storage", str(tmp_path)).stdout
    )
    assert "pause\n" not in call("trial", "1", "--storage", str(tmp_path)).stdout
    found = strict_json(call("trials", "--json", "--storage", str(tmp_path)).stdout)
    assert [trial["feasible"] for trial in found] == [False, True]
    best = call("best", "--storage", str(tmp_path)).stdout
    assert best.startswith("best so far: loss = 0.5 at epoch 1 of an unfinished trial  (trial 1 of 2)")
    assert (
        strict_json(call("best", "--json", "--storage", str(tmp_path)).stdout)["best"]["unfinished_at"] == 1
    )


def test_trials_by_report(tmp_path: Path) -> None:
    with rung.Study({"x": rung.Float(0, 1)}, metric="loss", name="s", storage=str(tmp_path)) as study:
        trial = study.ask()
        assert trial is not None
        for loss in (0.5, 0.25):
            study.report(trial, loss=loss)
    rows = list(
        csv.DictReader(call("trials", "--reports", "--csv", "--storage", str(tmp_path)).stdout.splitlines())
    )
    assert [(row["trial"], row["epoch"], row["loss"]) for row in rows] == [
        ("0", "1", "0.5"),
        ("0", "2", "0.25"),
    ]
    assert list(rows[0]) == ["trial", "attempt", "epoch", "seconds", "x", "loss"]
    text = call("trials", "--reports", "--storage", str(tmp_path)).stdout.splitlines()
    assert text[0].split() == ["trial", "attempt", "epoch", "seconds", "x", "loss"]
    assert (
        strict_json(call("trials", "--reports", "--json", "--storage", str(tmp_path)).stdout)[1]["loss"]
        == 0.25
    )
