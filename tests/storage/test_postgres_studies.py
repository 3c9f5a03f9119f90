"""Whole studies in PostgreSQL: killed, their server crashed, run and looked at by the command line."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from benchmarks.storage.postgres_server import ENCODED, PASSWORD
from cli.commands import rung, write_file

from rung.schedulers import ASHA
from rung.study.events import Reported
from rung.testing import check_decisions, check_log

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[1] / "reliability" / "study_to_kill.py"
N_TRIALS = 24


@pytest.fixture
def start(empty_server, tmp_path):
    """Start the same command, as often as one likes: ASHA on two worker processes."""
    (tmp_path / "acks").touch()
    command = [sys.executable, SCRIPT, empty_server.url, tmp_path / "acks", str(N_TRIALS), "2", "asha"]

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return begin


def wait_for_reports(acks: Path, number: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and acks.read_text().count("\n") < number:
        time.sleep(0.01)


def audit(storage, acks: Path) -> int:
    """Nothing lost, nothing twice, each decision that of a run without a break; how many sessions it took."""
    events = list(storage.read("killed"))
    state = check_log(events, n_trials=N_TRIALS, capacity=2)
    assert len(state.trials) == N_TRIALS
    assert all(trial.is_finished for trial in state.trials)
    assert check_decisions(events, ASHA()) > 50
    acknowledged = acks.read_text().split()
    logged = Counter(e.id for e in events if isinstance(e, Reported))
    assert len(acknowledged) == len(set(acknowledged))
    assert all(logged[ack] == 1 for ack in acknowledged)
    return len(state.sessions)


def test_a_killed_study_goes_on_by_the_same_command(start, postgres, tmp_path):
    rng = random.Random(3)
    for reports in (5, 15, 25):
        process = start()
        wait_for_reports(tmp_path / "acks", reports, process)
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start()
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert audit(postgres, tmp_path / "acks") == 4
    assert (postgres.folder("killed") / "logs").is_dir()


def test_a_study_outlives_a_crash_of_its_server(start, postgres, empty_server, tmp_path):
    process = start()
    for reports in (5, 20):
        wait_for_reports(tmp_path / "acks", reports, process)
        empty_server.stop("immediate")
        time.sleep(0.3)
        empty_server.start()
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "the connection to postgresql://tuner@127.0.0.1" in err
    assert PASSWORD not in err and ENCODED not in err
    assert audit(postgres, tmp_path / "acks") == 1


def test_a_second_coordinator_is_refused(start, tmp_path):
    first = start()
    wait_for_reports(tmp_path / "acks", 1, first)
    second = start()
    _, err = second.communicate()
    assert f"StudyInUse: study 'killed' is run by process {first.pid} on " in err
    assert PASSWORD not in err and ENCODED not in err
    first.kill()
    first.communicate()


def test_the_command_line(empty_server, postgres, tmp_path):
    write_file(tmp_path)
    at = ("--storage", empty_server.url)
    home = {"RUNG_HOME": str(tmp_path / "home")}
    said = [rung("run", "softmax.py", *at, "--n-trials", "3", cwd=tmp_path, **home)]
    said.append(rung("resume", "softmax", "--n-trials", "5", *at, cwd=tmp_path, **home))
    said.append(rung("status", *at, "--json", cwd=tmp_path, **home))
    status = json.loads(said[-1].stdout)
    assert (status["state"], status["finished"], status["n_trials"]) == ("done", 5, 5)
    assert status["folder"] == str(postgres.folder("softmax"))
    said += [rung(*words, *at, cwd=tmp_path, **home) for words in
             (["status", "softmax"], ["best"], ["trials", "--csv"], ["report"], ["studies"])]  # fmt: skip
    assert [run.returncode for run in said] == [0] * len(said), said
    assert "softmax" in said[-1].stdout
    told = "".join(run.stdout + run.stderr for run in said)
    logged = "".join(str(event) for event in postgres.read("softmax"))
    for secret in (PASSWORD, ENCODED):
        assert secret not in told
        assert secret not in logged
    assert f"postgresql://tuner@127.0.0.1:{empty_server.port}/postgres" in logged  # how to go on
    assert rung("delete", "softmax", "--yes", *at, cwd=tmp_path, **home).returncode == 0
    assert not postgres.studies()
    with psycopg.connect(empty_server.url) as db:
        assert db.execute("SELECT count(*) FROM rung.event").fetchone() == (0,)


CLOSES_ALL = """
import os, sys, rung

def objective(config, trial):
    if trial.number == 2:
        os.closerange(3, 256)
        files = [open(f"results{i}.csv", "w+") for i in range(12)]
        for file in files:
            file.write("x,y\\n")
            file.flush()
    trial.report(epoch=1, y=config["x"])
    open("acks", "a").write(f"t{trial.number}/a{trial.attempt}/r1\\n")
    return config["x"]

rung.tune(objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=5, name="s", storage=sys.argv[1], progress=False)
"""


def test_who_closes_all_descriptors_gets_no_statement_into_files_of_its_own(empty_server, postgres, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLOSES_ALL, empty_server.url], check=False, cwd=tmp_path, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "StorageError: study 's': code in this process closed rung's files" in done.stderr
    assert {path.read_text() for path in tmp_path.glob("results*.csv")} == {"x,y\n"}
    acknowledged = (tmp_path / "acks").read_text().split()
    assert len(acknowledged) == 2
    assert {event.id for event in postgres.read("s")}.issuperset(acknowledged)
