"""One measurement of Optuna, run by the interpreter in .peers; see overhead/with_rung.py."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def empty(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def sleep(trial: optuna.Trial) -> float:
    time.sleep(0.5)
    return trial.suggest_float("x", 0, 1)


def mixed(trial: optuna.Trial) -> float:
    a = trial.suggest_float("a", 0, 1)
    trial.suggest_float("b", -5, 5)
    trial.suggest_float("c", 1e-5, 1, log=True)
    trial.suggest_float("d", 1e-5, 1, log=True)
    trial.suggest_int("e", 1, 10)
    trial.suggest_int("f", 0, 1000)
    trial.suggest_int("g", 1, 1024, log=True)
    trial.suggest_categorical("h", ["sgd", "adam", "rmsprop"])
    trial.suggest_categorical("i", [True, False])
    trial.suggest_categorical("j", ["relu", "tanh"])
    return a


def new_study(storage: str | None) -> optuna.Study:
    return optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))


def seconds(objective: Callable[[optuna.Trial], float], n: int, storage: str | None, n_jobs: int) -> float:
    start = time.perf_counter()
    study = new_study(storage)
    study.optimize(objective, n_trials=n, n_jobs=n_jobs)
    took = time.perf_counter() - start
    assert len(study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])) == n
    return took


def memory(n: int, _folder: str) -> float:
    return n / seconds(empty, n, None, 1)


def stored(n: int, folder: str, *, n_jobs: int) -> float:
    return n / seconds(empty, n, f"sqlite:///{folder}/optuna.db", n_jobs)


def sleeping(n: int, folder: str) -> float:
    return seconds(sleep, n, f"sqlite:///{folder}/optuna.db", 2) / (n * 0.5 / 2)


def ask(n: int, _folder: str) -> float:
    study = new_study(None)
    times = []
    for _ in range(n + 50):
        start = time.perf_counter()
        trial = study.ask()
        value = mixed(trial)
        times.append(time.perf_counter() - start)
        study.tell(trial, value)
    return 1000 * median(times[n:])


def learn(n: int, _folder: str, *, sampler: str) -> float:
    """Of 50 suggestions (10 of the Gaussian process), each told, after n random trials."""
    random, model = optuna.samplers.RandomSampler(seed=0), getattr(optuna.samplers, sampler)(seed=0)
    study = optuna.create_study(sampler=random)
    study.optimize(loss, n_trials=n)
    study.sampler = model
    times = []
    for _ in range(50 if sampler == "TPESampler" else 10):
        start = time.perf_counter()
        trial = study.ask()
        value = loss(trial)
        times.append(time.perf_counter() - start)
        study.tell(trial, value)
    return 1000 * median(times)


def loss(trial: optuna.Trial) -> float:
    mixed(trial)
    p = trial.params
    return (p["a"] - 0.3) ** 2 + abs(p["b"]) / 10 + p["e"] / 20 + (p["h"] != "adam") / 5


CASES = {
    "memory": memory,
    "sqlite 1": partial(stored, n_jobs=1),
    "sqlite 2": partial(stored, n_jobs=2),
    "sleep": sleeping,
    "ask": ask,
    "tpe": partial(learn, sampler="TPESampler"),
    "gp": partial(learn, sampler="GPSampler"),
}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
