"""Optuna's part of blackbox/, run by the interpreter in .peers: `optimize`, define-by-run."""

from __future__ import annotations

import importlib.util

import optuna
from benchmarks.blackbox.tasks import Config, Objective, Space, is_active, main

optuna.logging.set_verbosity(optuna.logging.ERROR)

SAMPLERS = {"TPE": optuna.samplers.TPESampler}
if importlib.util.find_spec("torch"):
    SAMPLERS["GP"] = optuna.samplers.GPSampler


def suggested(trial: optuna.Trial, space: Space) -> Config:
    config: Config = {}
    for d in space:
        name = d["name"]
        if not is_active(d, config):
            continue
        if d["type"] == "cat":
            config[name] = trial.suggest_categorical(name, d["choices"])
        elif d["type"] == "int":
            config[name] = trial.suggest_int(name, d["low"], d["high"], log=d["log"])
        else:
            config[name] = trial.suggest_float(name, d["low"], d["high"], log=d["log"])
    return config


def search(method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    study = optuna.create_study(sampler=SAMPLERS[method](seed=seed))
    study.optimize(lambda trial: objective(suggested(trial, space)), n_trials=trials)


if __name__ == "__main__":
    main(dict.fromkeys(SAMPLERS, optuna.__version__), search)
