"""A study that is killed and started again: python study_to_kill.py STORAGE ACKS N_TRIALS N_WORKERS."""

from __future__ import annotations

import os
import sys
import time

import rung


def objective(config, trial):
    acks = os.open(os.environ["RUNG_TEST_ACKS"], os.O_WRONLY | os.O_APPEND)
    for epoch in range(1, 4):
        time.sleep(0.02)
        trial.report(epoch=epoch, y=config["x"] / epoch)
        os.write(acks, f"t{trial.number}/a{trial.attempt}/r{epoch}\n".encode())
    os.close(acks)


if __name__ == "__main__":
    storage, acks, n_trials, n_workers = sys.argv[1:]
    os.environ["RUNG_TEST_ACKS"] = acks
    study = rung.tune(
        objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=int(n_trials), n_workers=int(n_workers),
        name="killed", storage=storage, seed=3, progress=False,
    )  # fmt: skip
    print(study.best_trial.number, flush=True)
