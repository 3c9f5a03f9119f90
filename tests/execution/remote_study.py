"""A study that workers join: python remote_study.py STORAGE PORT."""

from __future__ import annotations

import os
import sys
import time

import rung


def objective(config, trial):
    acks = os.open(os.environ["RUNG_TEST_ACKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, epoch in enumerate(trial.epochs(), 1):
        time.sleep(0.25)
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, y=config["x"] / epoch, resumed=float(trial.start_resource))
        os.write(acks, f"t{trial.number}/a{trial.attempt}/r{number}\n".encode())
    os.close(acks)


if __name__ == "__main__":
    storage, port = sys.argv[1:]
    rung.tune(
        objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=60, max_resource=9, scheduler="asha", name="far",
        storage=storage, searcher="random", seed=3, executor=rung.Remote(f"127.0.0.1:{port}", lease="4s"), progress=False,
    )  # fmt: skip
