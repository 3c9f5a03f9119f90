"""kill -9 at random moments, start again, and count: nothing lost, nothing twice, nobody left."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter

import pytest
from benchmarks.torture.kills import SCRIPT, VICTIMS, Study, audit, log_of, studies

from rung.testing import check_log

pytestmark = pytest.mark.slow


def test_twenty_five_kills_of_anything():
    """Coordinators, workers, guards, children, and all at once, under ASHA with pauses and checkpoints."""
    kills, found = Counter(), Counter()
    for study, facts in studies(25, seed=3, n_trials=80):
        kills += study.kills
        found += Counter(facts)
    assert set(kills) == set(VICTIMS)
    assert min(found["lost"], found["interrupted"]) > 5
    assert found["paused"] >= 80  # each trial at its first rung


def test_three_kills_of_a_study_in_one_process(tmp_path):
    """A searcher that learns suggests what it would have suggested in an unbroken run."""
    study = Study(tmp_path / "study", n_trials=14, n_workers=1, scheduler="fifo", searcher="auto")
    study.torture(seed=1, kills=3, victims=["coordinator"])
    assert study.kills.total() == 3
    assert audit(study)["completed"] == 14


def test_run_again_after_the_end_does_nothing(tmp_path):
    study = Study(tmp_path / "study", n_trials=3, n_workers=1)
    for _ in range(2):
        study.end(study.start())
    assert audit(study)["sessions"] == 1


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path, n_workers):
    study = Study(tmp_path / "study", n_trials=100, n_workers=n_workers)
    process = study.start()
    study.await_work(process)
    interrupt(process)
    err = (study.folder / "stderr").read_text()
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("study 'tortured' stopped after")
    assert "Traceback" not in err
    assert f"continue with: python {SCRIPT}" in err
    state = check_log(log_of(study))
    assert state.ended == "interrupted"
    assert not state.open
    study.n_trials = len(state.trials) + 2
    study.end(study.start())
    audit(study)


def test_a_second_coordinator_is_refused(tmp_path):
    study = Study(tmp_path / "study", n_trials=100)
    first = study.start()
    study.await_work(first)
    second = study.start()
    second.communicate(timeout=60)
    assert second.returncode == 1
    expected = f"StudyInUse: study 'tortured' is run by process {first.pid} on "
    assert expected in (study.folder / "stderr").read_text()
    interrupt(first)
