"""`rung run --command`: programs and the files of their spaces."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cli.commands import environment, rung, rung_here

import rung as library
from rung.cli.program import read_space
from rung.errors import SpaceError

SPACE = """
[learning_rate]
type = "float"
low = 1e-4
high = 1
log = true

[layers]
type = "int"
low = 1
high = 3

[units]
type = "ordinal"
choices = [8, 16]
when = { param = "layers", op = ">=", value = 2 }
"""

PROGRAM = """
import json, os, sys, time

rate, last, start, folder, pause = float(sys.argv[1]), *map(int, sys.argv[2:4]), sys.argv[4], float(sys.argv[5])
total = json.load(open(f"{folder}/{start}")) if start else 0
open(f"{folder}/pid", "w").write(str(os.getpid()))
print("args", sys.argv[6:])
for epoch in range(start + 1, last + 1):
    total += epoch
    with open(f"{folder}/{epoch}", "w") as file:
        json.dump(total, file)
    print(json.dumps({"epoch": epoch, "error": rate / epoch, "total": total}), flush=True)
    time.sleep(pause)
"""


def arguments(folder: Path, pause: float = 0.0, *flags: str) -> list[str]:
    """Write the program and its space; the arguments that run them."""
    (folder / "train.py").write_text(PROGRAM)
    (folder / "job.toml").write_text(SPACE)
    command = (
        f"'{sys.executable}' -I train.py {{learning_rate}} {{max_resource}} {{start_resource}} "
        f"{{checkpoint_dir}} {pause} --layers={{layers}} --units {{units}}"
    )
    common = ("--metric", "error", "--max-resource", "3", "--seed", "1", "--searcher", "random")
    return ["run", "--command", command, "--space", "job.toml", *common, *flags]


def study_of(folder: Path) -> library.Study:
    return library.Study.load("job", storage=str(folder / "rung_studies"))


def test_runs_a_program_and_goes_on_from_anywhere(tmp_path: Path) -> None:
    words = arguments(tmp_path, 0.0, "--n-trials", "3")
    first = rung(*words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "best: error = " in first.stdout
    assert "args ['--layers=" in first.stdout
    assert '"total"' not in first.stdout
    assert "note:" not in first.stderr
    assert "complete with 3 trials" in rung(*words, cwd=tmp_path).stderr

    (tmp_path / "job.toml").unlink()  # the study has its space
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = ("--storage", str(tmp_path / "rung_studies"))
    more = rung("resume", "job", "--n-trials", "5", "--n-workers", "2", "--json", *where, cwd=elsewhere)
    assert more.returncode == 0, more.stderr
    assert json.loads(more.stdout)["study"] == "job"
    study = study_of(tmp_path)
    assert [trial.status for trial in study.trials] == ["completed"] * 5
    assert all([r.metrics["total"] for r in t.reports] == [1, 3, 6] for t in study.trials)
    assert "program" in study.state.plan


def test_a_pattern_and_the_shell_note(tmp_path: Path) -> None:
    arguments(tmp_path)
    words = ("run", "--command", "echo epoch 1 loss={learning_rate} && {layers}", "--space", "job.toml")
    done = rung(*words, "--pattern", r"epoch (?P<epoch>\d+) loss=(?P<loss>\S+) &&", "--metric", "loss",
                "--n-trials", "1", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "note: no shell runs the command: '&&' is an argument like any other" in done.stderr
    assert "note: not in the command: units (RUNG_CONFIG alone tells the program)" in done.stderr
    assert study_of(tmp_path).trials[0].resource == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--command", "true"), "--command needs --space FILE.toml"),
        (("file.py", "--command", "true", "--space", "job.toml"), "give either a FILE.py, or --command"),
        (("file.py", "--space", "job.toml"), "--space and --pattern go with --command"),
        (("--command", "true {lr}", "--space", "job.toml", "--n-trials", "1"), "{lr}, which does not exist"),
        (("--command", "true", "--space", "absent.toml"), "--space absent.toml: No such file"),
    ],
)
def test_wrong_use_is_code_2(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    arguments(tmp_path)
    done = rung_here("run", *flags, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "rung_studies").exists()


def test_a_failing_program_is_shown_with_its_command(tmp_path: Path) -> None:
    arguments(tmp_path)
    words = ("run", "--command", "sh -c 'echo boo >&2; exit 3' {learning_rate}", "--space", "job.toml")
    done = rung(*words, "--n-trials", "2", "--max-failures", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert "exit code 3: boo" in done.stderr
    assert "$ sh -c 'echo boo >&2; exit 3' 0." in done.stderr


# ---- killed, for real


def wait_for(process: subprocess.Popen[str], folder: Path) -> int:
    """The pid of a program that has reported."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            running = next(t for t in study_of(folder).trials if t.reports and not t.is_finished)
            (pid,) = folder.glob(f"rung_studies/*/trials/{running.number}/checkpoint/pid")
            return int(pid.read_text())
        except (library.Error, StopIteration, ValueError, OSError):
            time.sleep(0.05)
    raise AssertionError("no program has reported")


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("n_workers", "number"),
    [
        pytest.param("1", signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("1", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("2", signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("2", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_no_program_outlives_a_killed_run_which_resume_finishes(
    tmp_path: Path, n_workers: str, number: signal.Signals
) -> None:
    words = arguments(tmp_path, 0.3, "--n-trials", "3", "--n-workers", n_workers)
    process = subprocess.Popen([sys.executable, "-m", "rung", *words], cwd=tmp_path, env=environment(), text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    pid = wait_for(process, tmp_path)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), said
    assert gone(pid)
    done = rung("resume", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    trials = study_of(tmp_path).trials
    assert [trial.status for trial in trials] == ["completed"] * 3
    assert sum(len(trial.attempts) for trial in trials) > 3
    assert all(t.metrics["total"] == 6 for t in trials)  # each epoch was trained once


@pytest.mark.slow
def test_check_and_simulate_take_a_program(tmp_path: Path) -> None:
    _, *words = arguments(tmp_path, 0.2)
    words = [word for word in words if word not in {"--searcher", "random", "--max-resource", "3"}]
    checked = rung("check", *words, "--quiet", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert "it goes on at epoch 3, with the values of the unbroken run" in checked.stdout
    assert "written directly into {checkpoint_dir}: give each epoch a file of its own" in checked.stdout
    simulated = rung("simulate", *words, "--max-resource", "3", "--n-trials", "20", "--quiet", cwd=tmp_path)
    assert simulated.returncode == 0, simulated.stderr
    assert "trials    20: 20 completed" in simulated.stdout


# ---- spaces


def test_a_space_in_toml(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        """
        data = "mnist"
        "a.b" = true
        forbid = [
            { and = [{ param = "layers", op = "==", value = 3 }, { param = "act", op = "in", value = ["relu"] }] },
        ]
        act = { type = "categorical", choices = ["relu", "tanh"] }
        prior = { type = "scipy.stats", name = "loguniform", args = [1e-4, 1] }
        """
        + SPACE
    )
    stats = pytest.importorskip("scipy.stats")
    layers, act = library.param("layers"), library.param("act")
    assert read_space(tmp_path / "s.toml") == library.Space(
        {
            "data": "mnist",
            "a.b": True,
            "act": library.Categorical(["relu", "tanh"]),
            "prior": stats.loguniform(1e-4, 1),
            "learning_rate": library.Float(1e-4, 1, log=True),
            "layers": library.Int(1, 3),
            "units": library.Ordinal([8, 16]).when(layers >= 2),
        },
        forbid=[(layers == 3) & act.isin(["relu"])],
    )


def test_a_space_in_json_in_both_forms(tmp_path: Path) -> None:
    space = library.Space({"x": library.Float(0, 1), "domains": library.Int(1, 3), "forbid": None})
    whole, short = tmp_path / "whole.json", tmp_path / "short.json"
    whole.write_text(json.dumps(space.to_json()))
    tables = {"x": {"type": "float", "low": 0, "high": 1}, "domains": {"type": "int", "low": 1, "high": 3}}
    short.write_text(json.dumps({**tables, "forbid": None}))
    assert read_space(whole) == read_space(short) == space


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the space is empty; give at least one hyperparameter"),
        ("[lr]\nlow = 1", "lr: it has no type; give one of float, int, categorical, ordinal, constant, scipy.stats"),
        ("[a.b]\ntype = 'float'", 'a: it has no type; give one of float, int, categorical, ordinal, constant, scipy.'),
        ("[a.b]\ntype = 'float'", 'a name with a dot needs quotes, [".. .b"]'),
        ("[lr]\ntype = 'flaot'", "lr: type = 'flaot'; did you mean 'float'?"),
        ("[lr]\ntype = 3", "lr: type = 3; use one of 'float'"),
        ("[lr]\ntype = 'float'\nlow = 1", "lr: high is missing"),
        ("[lr]\ntype = 'float'\nlow = 1\nhihg = 2", "lr: 'hihg' is no key of this type; did you mean 'high'?"),
        ("[lr]\ntype = 'float'\nlow = 0\nhigh = 1\nlog = true", "a log scale needs low > 0"),
        ("[lr]\ntype = 'float'\nlow = '0'\nhigh = 1", "'0' (str) is not a number"),
        ("act = ['a', 'b']", "act: a list; write a table, type = \"categorical\" and choices = ['a', 'b']"),
        ("[x]\ntype = 'categorical'\nchoices = [1979-05-27]", "can't be stored as JSON"),
        ("x = nan", "x: nan is no domain"),
        ("[x]\ntype = 'scipy.stats'\nname = 'norm'\nargs = 3", "x: 'int' object is not iterable; give name ="),
        ("[x]\ntype = 'scipy.stats'\nname = 'nrom'", "x: "),
        ("[x]\ntype = 'constant'\nvalue = 1\nwhen = 'y > 1'", "x: when: 'y > 1' is no condition; write one such as"),
        ("[x]\ntype = 'constant'\nvalue = 1\nwhen = {param = 'y', op = '==', value = 1}", "there is no 'y'"),
        ("[x]\ntype = 'constant'\nvalue = 1\nwhen = {param = 'y', op = '=', value = 1}", "x: when: '=' is no compari"),
        ("x = 1\nforbid = [{ and = [1] }]", "forbid: {'and': [1]} is no condition"),
        ("x = ?", "is not TOML: Invalid value (at line 1, column 5)"),
        ("[x]\n[x]", "is not TOML: Cannot declare"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_space_is_told_with_file_key_and_mend(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SpaceError) as caught:
        read_space(tmp_path / "s.toml")
    assert str(caught.value).startswith(str(tmp_path / "s.toml"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("s.yaml", b"x: 1", "give a file whose name ends in .toml or .json"),
        ("s.json", b"[1]", "s.json: a list; write an object of names and domains"),
        ("s.json", b"\xff", "s.json is not JSON: 'utf-8' codec can't decode"),
        ("s.json", b'{"x": ' * 100_000, "s.json is not JSON: "),
        ("s.json", b'{"domains": [1]}', "s.json: no stored space"),
        (
            "s.json",
            b'{"x": {"type": "constant", "value": 1, "when": ' + b'{"and": [' * 400 + b"]}" * 400 + b"}}",
            "",
        ),
    ],
)
def test_hostile_files_are_errors_of_the_space(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SpaceError) as caught:
        read_space(tmp_path / name)
    assert message in str(caught.value)
