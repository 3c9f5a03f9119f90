"""A study to be killed and started again: python study.py FOLDER OPTIONS, those of rung.tune in JSON.

RUNG_TORTURE says where its workers write down what was acknowledged to them, and marks every process of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rung


def objective(config: dict[str, Any], trial: Any) -> None:
    folder = Path(os.environ["RUNG_TORTURE"].rpartition(":")[0])
    check_checkpoint(trial, folder / "complaints")
    acks = os.open(folder / "acks", os.O_WRONLY | os.O_APPEND)
    with children(kept=trial.number % 8 == 0):
        for number, epoch in enumerate(trial.epochs(), 1):
            time.sleep(0.005)
            with trial.checkpoint() as path:
                (path / "epoch").write_text(str(epoch))
            y = config["x"] / epoch
            trial.report(epoch=epoch, y=y)
            os.write(acks, f"t{trial.number}/a{trial.attempt}/r{number} {epoch} {y!r}\n".encode())
    os.close(acks)


def check_checkpoint(trial: Any, complaints: Path) -> None:
    saved = int((trial.checkpoint_dir / "epoch").read_text()) if trial.resumes else 0
    if saved != trial.start_resource:
        with complaints.open("a") as file:
            file.write(f"{trial!r} goes on at {trial.start_resource} with the checkpoint of epoch {saved}\n")


KEPT: list[subprocess.Popen[bytes]] = []


@contextmanager
def children(kept: bool) -> Iterator[None]:
    """One that stays in the worker's session and one that leaves it; `kept` ones outlive their attempt."""
    if "RUNG_WORKER" not in os.environ:  # a study in memory, in the coordinator itself
        yield
        return
    ours = [
        subprocess.Popen(["sleep", "600"], start_new_session=leaves, stdout=subprocess.DEVNULL)
        for leaves in (False, True)
    ]
    fork = forked() if "RUNG_TORTURE_FORKS" in os.environ else 0
    KEPT.extend(ours)
    yield
    if not kept:
        end(ours)
    if fork:
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)


def forked() -> int:
    if (child := os.fork()) == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        time.sleep(600)
        os._exit(0)
    return child


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for child in processes:
        child.kill()
        child.wait()
        KEPT.remove(child)


if __name__ == "__main__":
    try:
        study = rung.tune(
            objective,
            {"x": rung.Float(0, 1)},
            name="tortured",
            storage=f"{sys.argv[1]}/studies",
            progress=False,
            **json.loads(sys.argv[2]),
        )
    finally:
        end(list(KEPT))  # with one worker they are this process's own, also after Ctrl-C
    print(study.state.digest(), flush=True)
