"""One measurement of rung: `with_rung CASE N FOLDER` prints a number, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

import rung

tune = rung.tune  # imported when first named, which is measured by itself
SMALL = {"x": rung.Float(0, 1)}
MIXED = {
    "a": rung.Float(0, 1),
    "b": rung.Float(-5, 5),
    "c": rung.Float(1e-5, 1, log=True),
    "d": rung.Float(1e-5, 1, log=True),
    "e": rung.Int(1, 10),
    "f": rung.Int(0, 1000),
    "g": rung.Int(1, 1024, log=True),
    "h": rung.Categorical(["sgd", "adam", "rmsprop"]),
    "i": rung.Categorical([True, False]),
    "j": rung.Categorical(["relu", "tanh"]),
}


def empty(config: dict) -> float:
    return config["x"]


def sleep(config: dict) -> float:
    time.sleep(0.5)
    return config["x"]


def seconds(objective: Callable[[dict], float], n: int, storage: str, **options: object) -> float:
    start = time.perf_counter()
    study = tune(
        objective, SMALL, n_trials=n, searcher="random", storage=storage, progress=False, seed=0, **options
    )
    took = time.perf_counter() - start
    assert sum(trial.status == "completed" for trial in study.trials) == n
    return took


def memory(n: int, _folder: str) -> float:
    return n / seconds(empty, n, ":memory:")


def stored(n: int, folder: str, *, n_workers: int, durability: str) -> float:
    return n / seconds(empty, n, folder, n_workers=n_workers, durability=durability)


def sleeping(n: int, folder: str) -> float:
    return seconds(sleep, n, folder, n_workers=2) / (n * 0.5 / 2)


def ask(n: int, _folder: str) -> float:
    study = rung.Study(MIXED, searcher="random", storage=":memory:", seed=0)
    times = []
    for _ in range(n + 50):
        start = time.perf_counter()
        trial = study.ask()
        times.append(time.perf_counter() - start)
        study.tell(trial, trial.config["a"])
    return 1000 * median(times[n:])


def learn(n: int, _folder: str, *, searcher: str) -> float:
    """Of 50 suggestions, each told, after n random trials."""
    study = rung.Study(MIXED, searcher=searcher, storage=":memory:", seed=0)
    rng = np.random.default_rng(0)
    space = rung.space.Space(MIXED)
    for _ in range(n):
        config = space.sample(rng)
        study.tell(study.ask(config=config), loss(config))
    times = []
    for _ in range(50):
        start = time.perf_counter()
        trial = study.ask()
        times.append(time.perf_counter() - start)
        study.tell(trial, loss(trial.config))
    return 1000 * median(times)


def loss(config: dict) -> float:
    return (config["a"] - 0.3) ** 2 + abs(config["b"]) / 10 + config["e"] / 20 + (config["h"] != "adam") / 5


CASES = {
    "memory": memory,
    "sqlite 1": partial(stored, n_workers=1, durability="machine"),
    "sqlite 2": partial(stored, n_workers=2, durability="machine"),
    "sqlite 2 process": partial(stored, n_workers=2, durability="process"),
    "sleep": sleeping,
    "ask": ask,
    "gp": partial(learn, searcher="gp"),
    "tpe": partial(learn, searcher="tpe"),
}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
