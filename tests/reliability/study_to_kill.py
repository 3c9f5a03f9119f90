"""A study that is killed and started again: python study_to_kill.py STORAGE ACKS N_TRIALS N_WORKERS SCHEDULER."""

from __future__ import annotations

import os
import sys
import time

import rung


def objective(config, trial):
    acks = os.open(os.environ["RUNG_TEST_ACKS"], os.O_WRONLY | os.O_APPEND)
    for number, epoch in enumerate(trial.epochs(), 1):
        time.sleep(0.02)
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, y=config["x"] / epoch)
        os.write(acks, f"t{trial.number}/a{trial.attempt}/r{number}\n".encode())
    os.close(acks)


if __name__ == "__main__":
    storage, acks, n_trials, n_workers, scheduler = sys.argv[1:]
    os.environ["RUNG_TEST_ACKS"] = acks
    study = rung.tune(
        objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=int(n_trials), n_workers=int(n_workers),
        max_resource=9 if scheduler == "asha" else 3, scheduler=scheduler, name="killed", storage=storage,
        searcher="auto" if n_workers == "1" else "random",  # what learns depends on which worker is first
        seed=3, progress=False,
    )  # fmt: skip
    print(study.best_trial.number, flush=True)
