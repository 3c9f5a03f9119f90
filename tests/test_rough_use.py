"""What careless, hostile and unlucky code does to a study: each was a bug once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import rung
from rung.errors import ArgumentError, MetricError, StudyCorrupt, StudyError, StudyInUse
from rung.execution.simulator import Simulator
from rung.searchers import Random
from rung.storage import MemoryStorage
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

SPACE = {"x": rung.Float(0, 1)}


def tune(objective, **options):
    options = {"n_trials": 4, "storage": ":memory:", "progress": False, "seed": 0, **options}
    return rung.tune(objective, SPACE, **options)


# ---- Ctrl-C


def run_and_interrupt(folder, code: str, after: float) -> tuple[float, str]:
    """Run a script that prints "began" when its objective begins; SIGINT `after` seconds later."""
    script = folder / "script.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, cwd=folder)  # fmt: skip
    assert process.stdout.readline() == "began\n"
    time.sleep(after)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    return time.monotonic() - began, out


def test_the_first_ctrl_c_starts_nothing_anew(tmp_path):
    code = (
        "import rung, time\n"
        "def f(c):\n    print('began', flush=True); time.sleep(5); return 1.0\n"
        "rung.tune(f, {'x': rung.Float(0, 1)}, n_trials=3, name='s', storage='there', progress=False)\n"
    )
    seconds, out = run_and_interrupt(tmp_path, code, 0.3)
    assert seconds < 2.0
    assert out == ""  # nothing began after the first
    state = check_log(list(SqliteStorage(tmp_path / "there").read("s")))
    assert [(t.status, len(t.attempts)) for t in state.trials] == [("interrupted", 1)]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_objective_that_raises_keyboard_interrupt_is_no_ctrl_c(n_workers):
    def objective(config):
        raise KeyboardInterrupt

    study = tune(objective, n_workers=n_workers, n_trials=2)
    assert [t.status for t in study.trials] == ["failed", "failed"]
    assert study.trials[0].reason == "KeyboardInterrupt"
    assert len(study.trials[0].attempts) == 1


def test_signals_that_the_shell_ignores_stay_ignored():
    seen = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        tune(lambda c: seen.append(signal.getsignal(signal.SIGINT)) or 1.0, n_trials=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIG_IGN]


# ---- ask and tell


def test_ask_after_the_end_goes_on_saying_so():
    study = rung.Study(SPACE, storage=(storage := MemoryStorage()), name="s", n_trials=1)
    study.tell(study.ask(), 1.0)
    assert study.ask() is None
    assert study.ask() is None
    trial = study.ask({"x": 0.3})  # the caller's own is always run
    study.tell(trial, 0.5)
    study.close()
    assert check_log(list(storage.read("s"))).digest() == study.state.digest()


@pytest.mark.parametrize("storage", [":memory:", "folder"])
def test_ask_and_tell_from_threads(tmp_path, storage):
    study = rung.Study(
        SPACE, storage=storage if storage == ":memory:" else str(tmp_path), name="s", durability="process"
    )

    def work():
        for _ in range(5):
            trial = study.ask()
            study.report(trial, epoch=1, value=1.0)
            study.tell(trial, 1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    study.close()
    assert [t.status for t in study.trials] == ["completed"] * 20
    check_log(list(study._storage.read("s")))


def test_a_trial_belongs_to_its_study():
    a, b = (rung.Study(SPACE, storage=":memory:") for _ in range(2))
    of_a, of_b = a.ask(), b.ask()
    for act in (lambda: b.tell(of_a, 1.0), lambda: b.fail(of_a, "no")):
        with pytest.raises(StudyError, match="is not running in study"):
            act()
    b.tell(of_b, 2.0)


def test_a_loaded_study_is_to_look_at(tmp_path):
    tune(lambda c: c["x"], storage=str(tmp_path), name="s")
    with pytest.raises(AttributeError, match="was loaded to look at"):
        rung.Study.load("s", storage=str(tmp_path)).ask()


def test_a_loaded_study_is_not_driven(tmp_path):
    made = tune(lambda c: c["x"], storage=str(tmp_path), name="s", searcher="sobol")
    loaded = rung.Study.load("s", storage=str(tmp_path))
    executor = Simulator(lambda job: iter([(1.0, {"value": job.config["x"]})]), 1)
    with pytest.raises(
        AttributeError, match=r"was loaded to look at.* call rung.tune or rung.Study with name='s' and"
    ):
        loaded.drive(executor, n_trials=8)
    assert len(loaded.trials) == 4
    assert rung.Study.load("s", storage=str(tmp_path)).state.events == made.state.events


def test_two_who_look_are_counted_twice(tmp_path):
    tune(lambda c: {"value": 1.0, "test": 2.0}, report_only=["test"], storage=str(tmp_path), name="s")
    a, b = (rung.Study.load("s", storage=str(tmp_path)) for _ in range(2))
    a.final_report()
    b.final_report()
    assert rung.Study.load("s", storage=str(tmp_path)).state.looks == 2


def test_in_use_by_this_very_process_says_how_to_end_it(tmp_path):
    study = rung.Study(SPACE, storage=str(tmp_path), name="s")
    study.ask()
    with pytest.raises(StudyInUse, match=r"it is this one: close\(\) the other Study"):
        tune(lambda c: 1.0, storage=str(tmp_path), name="s", seed=None)
    study.close()


# ---- arguments


def test_numpy_numbers_are_numbers():
    study = tune(lambda c: c["x"], n_trials=np.int64(3), seed=np.int64(5), retries=np.int8(1))
    assert (len(study.trials), study.seed, type(study.seed)) == (3, 5, int)
    with pytest.raises(ArgumentError, match="seed='x'"):
        tune(lambda c: 1.0, seed="x")


@pytest.mark.parametrize("epoch", [float("nan"), float("inf"), [1], "1"])
def test_epochs_that_are_none(epoch):
    study = rung.Study(SPACE, storage=":memory:")
    with pytest.raises(MetricError, match="epochs are whole numbers that count from 1"):
        study.ask().report(epoch=epoch, value=1.0)


def test_other_initial_configs_on_going_on():
    storage = MemoryStorage()
    for x, n in ((0.1, 1), (0.2, 2), (0.1, 3)):
        study = tune(lambda c: c["x"], initial_configs=[{"x": x}], n_trials=n, storage=storage, name="s")
    assert [t.config["x"] for t in study.trials[:2]] == [0.1, 0.2]
    assert [t.origin for t in study.trials] == ["initial", "initial", "sobol"]


# ---- forks and threads


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_that_runs_on_into_our_code_ends_there(tmp_path, n_workers):
    def objective(config):
        if os.fork() == 0:
            sys.exit(3)
        os.wait()
        return config["x"]

    study = tune(objective, n_workers=n_workers, storage=str(tmp_path), name="s")
    assert [t.status for t in study.trials] == ["completed"] * 4
    check_log(list(SqliteStorage(tmp_path).read("s")))


def test_a_forked_child_closes_no_study(tmp_path):
    study = rung.Study(SPACE, storage=str(tmp_path), name="s")
    trial = study.ask()
    child = multiprocessing.get_context("fork").Process(target=study.__del__)
    child.start()
    child.join()
    study.tell(trial, 1.0)
    study.close()


def test_a_forked_child_does_not_hold_the_lock(tmp_path):
    """The owner is killed while a child of its objective lives."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os, rung, signal, time\n"
        "def f(c):\n"
        "    child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(20,)); child.start()\n"
        "    print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "rung.tune(f, {'x': rung.Float(0, 1)}, n_trials=3, name='s', storage='there', progress=False, seed=0)\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    child = int(process.stdout.readline())
    process.wait()
    process.stdout.close()
    study = tune(lambda c: c["x"], n_trials=3, name="s", storage=str(tmp_path / "there"))
    os.kill(child, signal.SIGKILL)
    assert [t.status for t in study.trials] == ["completed"] * 3


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_thread_that_outlives_its_attempt_says_nothing_more(n_workers):
    def objective(config, trial):
        def late():
            time.sleep(0.05)
            trial.report(value=666.0)

        if trial.number == 0:
            threading.Thread(target=late, daemon=True).start()
            threading.excepthook = lambda args: None
        else:
            time.sleep(0.1)
        return config["x"]

    before = threading.excepthook
    study = tune(objective, n_workers=n_workers)
    threading.excepthook = before
    assert [t.status for t in study.trials] == ["completed"] * 4
    assert not any(t.reports for t in study.trials)


# ---- hostile workers


def test_garbage_on_our_line_costs_the_attempt_not_the_study():
    def objective(config, trial):
        if trial.number == 1 and trial.attempt == 1:
            for fd in range(3, 32):
                try:
                    os.write(fd, b"zzzzzzzz")
                except OSError:
                    continue
            time.sleep(30)
        return config["x"]

    study = tune(objective, n_workers=2)
    assert [t.status for t in study.trials] == ["completed"] * 4
    assert [a.outcome for a in study.trials[1].attempts] == ["lost", "completed"]


def test_an_objective_that_breaks_stdout_hurts_nobody():
    def objective(config):
        sys.stdout = None
        sys.stderr.close()
        return config["x"]

    study = tune(objective, n_workers=2, n_trials=6)
    assert [len(t.attempts) for t in study.trials] == [1] * 6


def test_an_objective_that_patches_json_can_still_speak():
    def objective(config):
        import json

        json.dumps = None
        return config["x"]

    assert [len(t.attempts) for t in tune(objective, n_workers=2).trials] == [1] * 4


def test_a_signal_without_a_name():
    def objective(config):
        os.kill(os.getpid(), 40)

    study = tune(objective, n_workers=2, n_trials=2, retries=0)
    assert study.trials[0].reason == "worker died: killed by signal 40"


def test_modules_in_the_working_directory_shadow_nothing_of_ours(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])  # a Path: tools do that
    assert len(tune(lambda c: c["x"], n_workers=2).trials) == 4


def test_the_guards_line_is_not_handed_on(tmp_path):
    def listing(config):
        out = subprocess.run(
            ["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True, close_fds=False
        )
        return {"value": 1.0, "sockets": out.stdout.count("socket:")}

    assert tune(listing, n_workers=2).best_trial.metrics["sockets"] == 0


# ---- studies in odd states


def test_a_searcher_that_fails_leaves_a_study_that_goes_on():
    class Faulty(Random):
        def suggest(self, history, rng):
            if len(history.trials) == 2:
                raise ZeroDivisionError
            return super().suggest(history, rng)

    storage = MemoryStorage()
    with pytest.raises(ZeroDivisionError):
        tune(lambda c: c["x"], searcher=Faulty(), storage=storage, name="s")
    study = tune(lambda c: c["x"], storage=storage, name="s")
    assert [t.status for t in study.trials] == ["completed"] * 4
    check_log(list(storage.read("s")))


def test_a_read_only_folder_can_be_read(tmp_path, monkeypatch):
    tune(lambda c: c["x"], storage=str(tmp_path), name="s")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    study = rung.Study.load("s", storage=str(tmp_path))
    assert len(study.trials) == 4
    assert sorted(p.name for p in tmp_path.glob("*/*")) == ["study.db", "study.lock"]


def test_half_made_studies_are_no_studies(tmp_path):
    tune(lambda c: c["x"], storage=str(tmp_path), name="s")
    (folder,) = tmp_path.iterdir()
    folder.rename(tmp_path / ".new-abc")
    assert not SqliteStorage(tmp_path).studies()
    folder.mkdir()
    with pytest.raises(StudyCorrupt, match=r"holds no study\.db; move it away to begin again"):
        tune(lambda c: c["x"], storage=str(tmp_path), name="s")


def test_looking_on_never_gets_in_the_way(tmp_path):
    """Somebody lists studies in a loop while they are opened and closed."""
    storage = SqliteStorage(tmp_path, "process")
    tune(lambda c: c["x"], storage=storage, name="s")
    done = threading.Event()
    viewer = threading.Thread(
        target=lambda: [SqliteStorage(tmp_path).studies() for _ in iter(done.is_set, True)]
    )
    viewer.start()
    try:
        for n in range(5, 25):
            tune(lambda c: c["x"], storage=storage, name="s", n_trials=n)
    finally:
        done.set()
        viewer.join()


def test_inline_timeout_stops_at_the_first_report_after_it():
    epochs = []

    def objective(config, trial):
        for epoch in range(1, 100):
            time.sleep(0.05)
            epochs.append(time.monotonic())
            trial.report(epoch=epoch, value=1.0)

    began = time.monotonic()
    study = tune(objective, n_trials=None, timeout=0.32)
    assert sum(t > began + 0.33 for t in epochs) <= 2
    assert study.best_trial.status == "interrupted"  # none has completed


def test_a_table_without_an_end_is_refused_at_its_first_row():
    with pytest.raises(rung.Error, match="curve: 0; give a function, a study, or rows"):
        rung.simulate(SPACE, range(10**12), metric="v", max_resource=2, n_trials=2)
