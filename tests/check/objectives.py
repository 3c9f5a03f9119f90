"""Good and bad objectives, importable by worker processes."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import threading
import time
from pathlib import Path

LOCK = threading.Lock()


def _load(trial, start):
    return json.loads((trial.checkpoint_dir / "state.json").read_text()) if trial.resumes else start


def good(config, trial):
    """Momentum descent on x**2, all of its state in the checkpoint."""
    state = _load(trial, {"x": config["x"] + 1, "speed": 0.0})
    for epoch in trial.epochs():
        noise = random.Random(trial.seed + epoch).gauss(0, 0.01)
        state["speed"] = 0.9 * state["speed"] - 0.1 * (state["x"] + noise)
        state["x"] += state["speed"]
        with trial.checkpoint() as path:
            (path / "state.json").write_text(json.dumps(state))
        trial.report(epoch=epoch, value=state["x"] ** 2)


def forgets_speed(config, trial):
    state = _load(trial, {"x": config["x"] + 1})
    speed = 0.0
    for epoch in trial.epochs():
        speed = 0.9 * speed - 0.1 * state["x"]
        state["x"] += speed
        with trial.checkpoint() as path:
            (path / "state.json").write_text(json.dumps(state))
        trial.report(epoch=epoch, value=state["x"] ** 2)


def without_checkpoints(config, trial):
    for epoch in range(1, trial.max_resource + 1):
        trial.report(epoch=epoch, value=config["x"] / epoch)


def ignores_checkpoints(config, trial):
    for epoch in range(1, trial.max_resource + 1):
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"] / epoch)


def saves_too_late(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, value=config["x"] / epoch)
        with trial.checkpoint(epoch) as path:
            (path / "epoch").write_text(str(epoch))


def writes_directly(config, trial):
    for epoch in range(_load(trial, 0) + 1, trial.max_resource + 1):
        (trial.checkpoint_dir / "state.json").write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"] / epoch)


def unseeded(config, trial):
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, value=random.SystemRandom().random())


def fails_when_it_goes_on(config, trial):
    state = json.loads((trial.checkpoint_dir / "other.json").read_text()) if trial.resumes else 0
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "state.json").write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"] + state)


def returns(config):
    return config["x"]


def no_metric(config):
    return {"accuracy": config["x"]}


def reports_no_metric(config, trial):
    trial.report(epoch=1, accuracy=0.5)


def nan(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, value=math.nan if epoch == 3 else 1.0)


def raises(config, trial):
    trial.report(epoch=1, value=1.0)
    raise RuntimeError("no luck at all")


def hangs(config, trial):
    trial.report(epoch=1, value=1.0)
    time.sleep(600)


def too_many_epochs(config, trial):
    for epoch in range(1, 100):
        trial.report(epoch=epoch, value=1.0)


def dies(config, trial):
    trial.report(epoch=1, value=1.0)
    os.kill(os.getpid(), signal.SIGKILL)


def notes_its_end(config, trial):
    """Writes down each end of a process that is not a SIGKILL, and which processes there were."""
    notes = Path(config["notes"])
    (notes / f"{os.getpid()}.began").touch()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: (notes / f"{os.getpid()}.asked").touch())
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"])
    (notes / f"{os.getpid()}.done").touch()


def shares_a_file(config, trial):
    """Keeps its state where every trial finds it."""
    file = Path(config["notes"]) / "state"
    start = int(file.read_text()) if file.exists() else 0
    for epoch in range(start + 1, trial.max_resource + 1):
        file.write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"])


def reports_every_second(config, trial):
    for epoch in trial.epochs():
        if epoch % 2 == 0:
            with trial.checkpoint() as path:
                (path / "epoch").write_text(str(epoch))
            trial.report(epoch=epoch, value=config["x"])


def slow(config, trial):
    """Takes 20 ms an epoch, twice that for the first one, and 5,000 bytes of checkpoint."""
    time.sleep(0 if trial.resumes else 0.02)
    for epoch in trial.epochs():
        time.sleep(0.02)
        with trial.checkpoint() as path:
            (path / "model").write_bytes(bytes(5000))
        trial.report(epoch=epoch, value=config["x"] + 1 / epoch)


def fails_at_times(config, trial):
    if trial.number == 0:
        raise RuntimeError("no luck at first")
    return {"value": config["x"], "size": 3.0}


def rounds_its_state(config, trial):
    """Saves nine digits."""
    x = _load(trial, config["x"] + 1)
    for epoch in trial.epochs():
        x *= 0.9
        with trial.checkpoint() as path:
            (path / "state.json").write_text(f"{x:.9g}")
        trial.report(epoch=epoch, value=x)
