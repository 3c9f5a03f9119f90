"""How much of the workers' time is spent in the objective: ASHA on real processes, epochs of a second.

    python -m benchmarks.overhead.busy            about a minute and a half
    python -m benchmarks.overhead.busy --quick    a third of it

The objective sleeps for an epoch, saves a checkpoint and reports, so trials pause and move between workers
as in a real job. Busy share: seconds slept in epochs that ended / (workers x seconds from the first start to
the last end); an epoch cut short by the timeout counts as idle.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time

import rung

WORKERS = 2
EPOCH = 1.0  # seconds


def objective(config, trial):
    for epoch in trial.epochs():
        time.sleep(EPOCH)
        with trial.checkpoint() as path:
            (path / "weights").write_bytes(b"x" * 1_000_000)
        trial.report(epoch=epoch, value=config["x"] + 1 / epoch)


def busy_share(study: rung.Study) -> float:
    attempts = [a for t in study.trials for a in t.attempts]
    span = max(a.ended for a in attempts) - min(a.started for a in attempts)
    return EPOCH * len(study.state.curve) / (WORKERS * span)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    seconds = 30 if parser.parse_args().quick else 90
    options = {"timeout": seconds, "n_workers": WORKERS, "max_resource": 27, "scheduler": "asha"}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        study = rung.tune(
            objective, {"x": rung.Float(0, 1)}, **options, storage=folder, name="busy", seed=0, progress=False
        )
    attempts = sum(len(t.attempts) for t in study.trials)
    print(f"rung {rung.__version__}, python {platform.python_version()}, {os.cpu_count()} cores")
    print(
        f"{len(study.state.curve)} epochs of {EPOCH:g} s, {attempts} attempts of {len(study.trials)} trials"
    )
    print(f"busy share of {WORKERS} workers: {busy_share(study):.1%} (target: at least 97 %)")


if __name__ == "__main__":
    main()
