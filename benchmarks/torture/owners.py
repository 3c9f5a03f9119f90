"""Two coordinators and one study: at most one of them ever writes.

    python -m benchmarks.torture.owners --stale 50 --starts 500

A stale owner is stopped (SIGSTOP), loses its lock file, is taken over, and wakes (SIGCONT), by turns before
and after the other has finished: its write must be refused and the log be sound. Starts are two processes
that make and take the same study at the same moment: one of them wins.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from benchmarks.torture.kills import PATIENCE, Study, await_, log_of

import rung
from rung.errors import StudyInUse
from rung.storage import Owner
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

SPACE = {"x": rung.Float(0, 1)}
MORE = 3
"""Trials that the one who takes over adds."""


def stale_owner(folder: Path, *, n_workers: int, wakes_early: bool) -> None:
    """Stop an owner, take its study over, wake it; AssertionError unless it is refused and does no harm."""
    study = Study(folder, n_trials=10**6, n_workers=n_workers)
    process = study.start()
    try:
        study.await_work(process)
        home = SqliteStorage(folder / "studies").folder("tortured")
        assert home is not None
        stop(process, home / "study.db")
        check_refused(study, process)
        (home / "study.lock").unlink()
        other = take_over(study, process if wakes_early else None)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    err = (folder / "stderr").read_text()
    assert process.returncode == 1, err
    assert "LeaseLost: study 'tortured' was taken over; this process wrote nothing since" in err, err
    state = check_log(log_of(study))
    assert state.digest() == other.state.digest(), "the log is not what the second owner wrote"
    assert state.ended == "done"
    assert all(trial.is_finished for trial in state.trials)
    study.await_gone("a take-over", lambda: study.survivors(study.runs + 1))


def stop(process: subprocess.Popen[str], database: Path) -> None:
    """Stop a coordinator where it is not in the middle of a write, which would keep everybody else out."""
    deadline = time.monotonic() + PATIENCE
    while True:
        process.send_signal(signal.SIGSTOP)
        await_(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database, timeout=0)) as db:
            db.execute("BEGIN IMMEDIATE")
            return
        process.send_signal(signal.SIGCONT)
        assert time.monotonic() < deadline
        time.sleep(0.003)


def check_refused(study: Study, process: subprocess.Popen[str]) -> None:
    """While its lock is there, a stopped owner is the owner."""
    said = ""
    try:
        SqliteStorage(study.folder / "studies").acquire("tortured", Owner("here", os.getpid(), time.time()))
    except StudyInUse as refused:
        said = str(refused)
    assert f"is run by process {process.pid} on {os.uname().nodename}, since 20" in said, said


def take_over(study: Study, to_wake: subprocess.Popen[str] | None) -> rung.Study:
    """Finish the study in this process, with the other one awake from the first trial on if it is given."""

    def objective(config: dict[str, float], trial: Any) -> None:
        if to_wake is not None:
            to_wake.send_signal(signal.SIGCONT)
        for epoch in trial.epochs():
            trial.report(epoch=epoch, y=config["x"] / epoch)

    trials = len(check_log(log_of(study)).trials)
    options = {**study.options, "n_trials": trials + MORE, "n_workers": 1, "progress": False}
    return rung.tune(objective, SPACE, name="tortured", storage=str(study.folder / "studies"), **options)


@dataclass(frozen=True)
class Start:
    """What became of one of two starts."""

    round: int
    won: bool
    at: float


def contend(root: str, rounds: int, barrier: Barrier, results: Any) -> None:
    """Make and take study after study, each at the same moment as another process."""
    for number in range(rounds):
        barrier.wait(PATIENCE)
        at, study = time.monotonic(), None
        try:
            study = rung.Study(SPACE, name=f"s{number}", storage=root, n_trials=1)
            won = study.ask() is not None
        except StudyInUse:
            won = False
        results.put(Start(number, won, at))
        barrier.wait(PATIENCE)  # the winner holds the study until both have tried
        if study is not None:
            study.close()


def starts(root: Path, rounds: int) -> list[float]:
    """Let two processes start each study at once; returns how many seconds lay between the two starts."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    both = [context.Process(target=contend, args=(str(root), rounds, barrier, results)) for _ in range(2)]
    for process in both:
        process.start()
    told = [results.get(timeout=PATIENCE) for _ in range(2 * rounds)]
    for process in both:
        process.join(PATIENCE)
    storage, apart = SqliteStorage(root), []
    for number in range(rounds):
        first, second = (start for start in told if start.round == number)
        assert first.won != second.won, f"round {number}: {first}, {second}"
        state = check_log(list(storage.read(f"s{number}")), n_trials=1, capacity=1)
        assert len(state.sessions) == len(state.trials) == 1, f"round {number}: {state.sessions}"
        apart.append(abs(first.at - second.at))
    return apart


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stale", type=int, default=50)
    parser.add_argument("--starts", type=int, default=500)
    options = parser.parse_args()
    logging.getLogger("rung").setLevel(logging.ERROR)  # the objective of who takes over is another one
    for number in range(options.stale):
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            stale_owner(Path(folder), n_workers=1 + number % 2, wakes_early=number % 4 > 1)
    print(f"{options.stale} of {options.stale} stale owners refused, 0 logs harmed", flush=True)
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        apart = starts(Path(folder), options.starts)
    close = sum(seconds < 0.001 for seconds in apart)
    print(f"{len(apart)} of {len(apart)} double starts had one winner, {close} of them within a millisecond")


if __name__ == "__main__":
    main()
