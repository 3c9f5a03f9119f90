"""`rung run` and `rung resume` in real processes."""

from __future__ import annotations

import inspect
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cli.commands import environment, rung, rung_here, write_file

import rung as library
from rung.cli.commands.run import run


def test_runs_a_file_and_goes_on_with_it(tmp_path: Path) -> None:
    write_file(tmp_path)
    first = rung("run", "softmax.py", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "best: loss = 10." in first.stdout
    assert "of 6)" in first.stdout
    assert "softmax: done after" in first.stderr
    assert str(tmp_path / "rung_studies" / "softmax-") in first.stderr
    assert "\x1b" not in first.stdout + first.stderr
    again = rung("run", "softmax.py", cwd=tmp_path)
    assert again.returncode == 0
    assert "trial " not in again.stdout.replace("(trial ", "")
    assert "complete with 6 trials" in again.stderr
    more = rung("resume", "softmax", "--n-trials", "8", "--quiet", cwd=tmp_path)
    assert more.returncode == 0
    assert "trial 7\n" in more.stdout
    assert more.stderr == ""
    assert len(library.Study.load("softmax", storage=str(tmp_path / "rung_studies")).trials) == 8


def test_workers_get_what_the_file_defines_and_imports(tmp_path: Path) -> None:
    write_file(tmp_path)
    done = rung("run", "softmax.py", "--n-workers", "2", "--storage", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["study"] == "softmax"
    assert 10.0 <= found["best"]["value"] <= 11.0
    assert not (tmp_path / "rung_studies").exists()


def test_json_is_alone_on_stdout_though_the_objective_prints(tmp_path: Path) -> None:
    write_file(tmp_path)
    done = rung("run", "softmax.py", "--json", "--n-trials", "2", cwd=tmp_path)
    assert json.loads(done.stdout)["best"]["trial"] == 0
    assert "trial 0\n" in done.stderr


def test_flags_go_before_the_file_and_hold_on_when_resumed(tmp_path: Path) -> None:
    write_file(tmp_path)
    flags = ("--metric", "loss", "--mode", "max", "--n-trials", "3", "--searcher", "sobol", "--seed", "7")
    where = {"RUNG_STORAGE": str(tmp_path / "env")}
    assert rung("run", "softmax.py", *flags, "--name", "my study", cwd=tmp_path, **where).returncode == 0
    done = rung("resume", "my study", "--n-trials", "5", "--timeout", "60", cwd=tmp_path, **where)
    assert done.returncode == 0, done.stderr
    study = library.Study.load("my study", storage=str(tmp_path / "env"))
    assert (len(study.trials), study.seed, study.goals.metrics[0].mode) == (5, 7, "max")
    assert study.state.plan["searcher"]["name"] == "sobol"
    assert study.state.plan["timeout"] == 60.0
    assert study.state.plan["file"] == str(tmp_path / "softmax.py")


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("softmax.py:failing", 1, "TooManyFailures|10 trials in a row failed"),
        ("softmax.py:wrong", 1, "the objective gave no 'loss'; it gave: accuracy"),
        ("softmax.py:nothing", 2, "name one of its functions after a colon: objective, failing, wrong"),
        ("absent.py", 2, "absent.py: there is no such file"),
    ],
)
def test_what_goes_wrong_is_one_message_and_a_code(
    tmp_path: Path, target: str, code: int, message: str
) -> None:
    write_file(tmp_path)
    done = rung("run", target, "--n-trials", "20", "--quiet", cwd=tmp_path)
    assert done.returncode == code
    assert any(part in done.stderr for part in message.split("|"))
    assert done.stderr.startswith("error: ")
    assert "/rung/cli/" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "softmax.py", "--n-trials", "0"), "n_trials=0; give a whole number"),
        (("run", "softmax.py", "--timeout", "soon"), "timeout='soon'; give seconds"),
        (("run", "softmax.py", "--searcher", "luck"), "luck"),
        (("run",), "give either a FILE.py, or --command"),
        (("resume", "unknown"), "no study 'unknown' in"),
        (("status",), "there is no study yet"),
        (("status", "--storage", "mysql://host"), "storage=mysql://...; this rung knows"),
    ],
)
def test_wrong_use_is_code_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    write_file(tmp_path)
    done = rung_here(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_study_of_a_script_goes_on_by_its_own_command(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import rung\nrung.tune(lambda x: x, {'x': rung.Float(0, 1)}, n_trials=2, name='s')\n")
    subprocess.run(
        [sys.executable, "train.py", "--fast"],
        check=True,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
    )
    done = rung_here("resume", "s", cwd=tmp_path)
    assert done.returncode == 2
    assert "study 's' was not made by `rung run`; continue with: python train.py --fast" in done.stderr


def test_a_study_in_use_is_code_3(tmp_path: Path) -> None:
    write_file(tmp_path)
    study = library.Study(
        {"x": library.Float(0, 1)}, name="s", storage=str(tmp_path / "rung_studies"), metric="loss"
    )
    with study:
        trial = study.ask()
        assert trial is not None
        study.tell(trial, 1.0)
        done = rung("report", "s", cwd=tmp_path)
        assert done.returncode == 3
        assert "study 's' is run by process" in done.stderr


def wait_until(path: Path, trials: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if sum(t.is_finished for t in library.Study.load("softmax", storage=str(path)).trials) >= trials:
                return
        except library.Error:
            pass
        time.sleep(0.05)
    raise AssertionError("the study did not get on")


@pytest.mark.parametrize(
    ("n_workers", "number"),
    [
        pytest.param("1", signal.SIGINT, marks=pytest.mark.slow),
        ("2", signal.SIGINT),
        pytest.param("2", signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_stops_cleanly_and_resume_finishes(
    tmp_path: Path, n_workers: str, number: signal.Signals
) -> None:
    write_file(tmp_path, pause=0.5)
    command = [sys.executable, "-m", "rung", "run", "softmax.py", "--n-trials", "8", "--n-workers", n_workers]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=environment())  # fmt: skip
    wait_until(tmp_path / "rung_studies", 2)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert said.rstrip().endswith("of 8 trials, every report is stored; continue with: rung resume softmax")
    assert "Traceback" not in said
    assert not psutil.wait_procs(children, timeout=3)[1]
    assert "interrupted; continue with: rung resume softmax" in rung_here("status", cwd=tmp_path).stdout

    write_file(tmp_path)
    done = rung("resume", "softmax", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    study = library.Study.load("softmax", storage=str(tmp_path / "rung_studies"))
    assert [t.status for t in study.trials].count("completed") == 7
    assert len(study.trials) == 8
    assert study.state.ended == "done"


def test_a_second_ctrl_c_kills_and_still_says_how_to_go_on(tmp_path: Path) -> None:
    write_file(tmp_path, pause=60.0)
    command = [sys.executable, "-m", "rung", "run", "softmax.py", "--n-workers", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stderr is not None
    while not (children := psutil.Process(process.pid).children(recursive=True)):
        time.sleep(0.02)
    while process.stderr.readline() != "study softmax, 6 trials\n":
        pass
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("stopping: ")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.endswith("0 of 6 trials, every report is stored; continue with: rung resume softmax\n")
    assert not psutil.wait_procs(children, timeout=3)[1]


def test_a_killed_run_is_told_and_resumed(tmp_path: Path) -> None:
    write_file(tmp_path, pause=0.5)
    command = [sys.executable, "-m", "rung", "run", "softmax.py", "--n-trials", "10", "--n-workers", "2"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, env=environment()) as process:
        wait_until(tmp_path / "rung_studies", 1)
        running = rung_here("status", cwd=tmp_path).stdout
        process.kill()
    assert f"running: process {process.pid} on " in running
    write_file(tmp_path)
    told = rung_here("status", cwd=tmp_path).stdout
    assert "killed; continue with: rung resume softmax" in told
    assert rung("resume", "softmax", cwd=tmp_path).returncode == 0
    assert rung_here("status", cwd=tmp_path).stdout.splitlines()[1] == "state    done"


def test_every_argument_of_tune_has_a_flag_or_a_reason() -> None:
    by_file = {"initial_configs", "add", "callbacks", "objective", "space"}
    quiet = {"progress"}
    flags = {parameter.name for parameter in run.params}
    assert set(inspect.signature(library.tune).parameters) - by_file - quiet <= flags


def test_flags_of_schedulers_checkpoints_and_constraints(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        "import rung\n"
        "space = {'x': rung.Float(0, 1)}\n"
        "def objective(config, trial):\n"
        "    for epoch in trial.epochs():\n"
        "        with trial.checkpoint() as path:\n"
        "            (path / 'model').write_bytes(bytes(1000))\n"
        "        trial.report(epoch=epoch, loss=config['x'] / epoch, mb=2.0, test=0.5)\n"
    )
    flags = ("--scheduler", "asha", "--max-resource", "9", "--keep-checkpoints", "all", "--metric", "loss",
             "--constraint", "mb <= 3", "--constraint", "loss>=-1", "--report-only", "test", "--retries", "0",
             "--max-failures", "3", "--n-trials", "9", "--seed", "1")  # fmt: skip
    done = rung("run", "job.py", "--quiet", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    study = library.Study.load("job", storage=str(tmp_path / "rung_studies"))
    assert study.state.plan["scheduler"]["name"] == "asha"
    assert [str(bound) for bound in study.goals.constraints] == ["mb <= 3", "loss >= -1"]
    assert study.goals.report_only == ("test",)
    status = rung_here("status", cwd=tmp_path).stdout
    assert "on disk  9 kB of checkpoints" in status
    assert "stopped" in status
    assert json.loads(rung_here("status", "--json", cwd=tmp_path).stdout)["checkpoint_bytes"] == 9000
    more = rung("resume", "job", "--quiet", "--n-trials", "12", cwd=tmp_path)
    assert more.returncode == 0, more.stderr
    assert "on disk  12 kB of checkpoints" in rung_here("status", cwd=tmp_path).stdout


def test_limits_hold_on_when_resumed(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        "import os, time, rung\n"
        "space = {'x': rung.Float(0, 1)}\n"
        "def objective(config, trial):\n"
        "    time.sleep(20 * trial.number)\n"
        "    return {'value': 1.0, 'gpu': int(os.environ['CUDA_VISIBLE_DEVICES'])}\n"
    )
    flags = ("--trial-timeout", "3s", "--trial-memory", "8GB", "--gpus-per-trial", "1", "--n-trials", "1")
    one_gpu = {"CUDA_VISIBLE_DEVICES": "5"}
    done = rung("run", "job.py", "--quiet", *flags, cwd=tmp_path, **one_gpu)
    assert done.returncode == 0, done.stderr
    rung("resume", "job", "--quiet", "--n-trials", "2", cwd=tmp_path, **one_gpu)
    study = library.Study.load("job", storage=str(tmp_path / "rung_studies"))
    assert study.trials[0].metrics["gpu"] == 5
    assert study.trials[1].status == "failed"
    assert "trial_timeout" in study.trials[1].reason
    assert study.state.plan["flags"] == {
        "trial_timeout": "3s", "trial_memory": "8GB", "gpus_per_trial": 1.0, "n_trials": 2,
    }  # fmt: skip


@pytest.mark.parametrize("bound", ["mb", "<= 3", "mb = 3", "mb <= much"])
def test_a_constraint_that_is_none_is_code_2(tmp_path: Path, bound: str) -> None:
    write_file(tmp_path)
    done = rung_here("run", "softmax.py", "--constraint", bound, cwd=tmp_path)
    assert done.returncode == 2
    assert "such as" in done.stderr
