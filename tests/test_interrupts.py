"""Ctrl-C in a script: one line at the end, and what it promises holds with every executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

import rung
from rung.errors import Interrupted, StorageError, StudyInUse
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

SCRIPT = """
import rung, time, pathlib

def train(config, trial):
    for epoch in trial.epochs():
        pathlib.Path(f"began-{{trial.number}}").touch()
        time.sleep({epoch})
        trial.report(epoch=epoch, loss=1.0)

rung.tune(train, {{"x": rung.Float(0, 1)}}, metric="loss", max_resource=3, n_trials=4, n_workers={n_workers}, name="s",
          storage="there", progress=False, searcher="random")
"""


def started(folder, **parts):
    (folder / "train.py").write_text(SCRIPT.format(**parts))
    process = subprocess.Popen(
        [sys.executable, "train.py"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while len(list(folder.glob("began-*"))) < parts["n_workers"]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def ended(process, folder):
    out, err = process.communicate(timeout=60)
    assert out == ""
    *_, last = lines = err.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == ["stopping"]
    assert (
        last
        == "study 's' stopped after 0 of 4 trials, every report is stored; continue with: python train.py"
    )
    assert process.returncode == 130
    return check_log(list(SqliteStorage(folder / "there").read("s")))


@pytest.mark.parametrize("n_workers", [1, 2])
def test_ctrl_c_waits_for_the_next_report_and_ends_in_a_line(tmp_path, n_workers):
    process = started(tmp_path, epoch=0.8, n_workers=n_workers)
    process.send_signal(signal.SIGINT)
    state = ended(process, tmp_path)
    assert [(t.status, len(t.reports)) for t in state.trials] == [("interrupted", 1)] * n_workers


@pytest.mark.parametrize("n_workers", [1, 2])
def test_the_second_ctrl_c_ends_it_at_once_with_the_same_line(tmp_path, n_workers):
    process = started(tmp_path, epoch=300, n_workers=n_workers)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    state = ended(process, tmp_path)
    assert time.monotonic() - began < 4  # and not the 5 s that a report would have had
    assert {t.status for t in state.trials} == {"interrupted"}


@pytest.mark.slow
def test_a_storm_of_them_while_the_workers_are_ended(tmp_path):
    process = started(tmp_path, epoch=300, n_workers=2)
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert "continue with: python train.py" in err
    check_log(list(SqliteStorage(tmp_path / "there").read("s")))


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 2])
def test_after_the_time_for_a_report_the_trial_is_cut_off(tmp_path, n_workers):
    process = started(tmp_path, epoch=300, n_workers=n_workers)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    ended(process, tmp_path)
    assert 4.5 < time.monotonic() - began < 20


def tune(objective, **options):
    return rung.tune(
        objective, {"x": rung.Float(0, 1)}, n_trials=4, progress=False, searcher="random", **options
    )


def test_it_is_a_keyboard_interrupt_to_who_catches_it():
    def objective(config):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    hook = sys.excepthook
    try:
        with pytest.raises(KeyboardInterrupt, match="in memory only") as caught:
            tune(objective, storage=":memory:")
        shown = []
        sys.excepthook = lambda *error: shown.append(error)
        with pytest.raises(KeyboardInterrupt):
            tune(objective, storage=":memory:")
        sys.excepthook(ValueError, ValueError("other"), None)  # another error is shown as it was before
        assert [kind for kind, *_ in shown] == [ValueError]
    finally:
        sys.excepthook = hook
    assert isinstance(caught.value, Interrupted)
    assert caught.value.__suppress_context__
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_notebook_shows_one_line(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell().run_cell("from rung.errors import Interrupted\nraise Interrupted('how to go on')")
    assert capsys.readouterr().out == "how to go on\n"


def test_what_an_objective_forks_has_the_usual_handlers(capfd):
    def objective(config):
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            usual &= signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            os.write(writing, b"usual" if usual else b"ours")
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 10) == b"usual"
        with multiprocessing.get_context("fork").Pool(2) as pool:  # ends them by SIGTERM
            return sum(pool.map(abs, [-1, -2]))

    study = tune(objective, storage=":memory:")
    assert [t.value for t in study.trials] == [3] * 4
    assert capfd.readouterr().err == ""


def test_errors_of_the_place_have_no_second_traceback(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file: File exists") as caught:
        tune(lambda c: c["x"], storage=tmp_path / "file")
    assert caught.value.__suppress_context__
    study = rung.Study({"x": rung.Float(0, 1)}, name="s", storage=tmp_path)
    study.ask()
    with pytest.raises(StudyInUse) as caught:
        tune(lambda c: c["x"], storage=tmp_path, name="s", metric="value")
    assert caught.value.__suppress_context__
    with suppress(Exception):
        study.close()
