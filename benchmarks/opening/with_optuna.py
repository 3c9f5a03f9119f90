"""One measurement of Optuna for opening/: `with_optuna CASE N STORAGE` prints JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
REPORTS = 10
NAME = "big"


def write(n: int, storage: str) -> float:
    """Write a study of n trials with 10 intermediate values each; returns seconds."""
    begun = time.perf_counter()
    study = optuna.create_study(study_name=NAME, storage=storage)
    space = {"learning_rate": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
             "units": optuna.distributions.IntDistribution(1, 512),
             "optimizer": optuna.distributions.CategoricalDistribution(["sgd", "adam"])}  # fmt: skip
    for i in range(n):
        value = (i * 0.6180339887498949) % 1
        config = {
            "learning_rate": 1e-4 + value / 2,
            "units": 1 + i % 512,
            "optimizer": ["sgd", "adam"][i % 2],
        }
        curve = {epoch: value + 1 / epoch for epoch in range(1, REPORTS + 1)}
        study.add_trial(optuna.trial.create_trial(params=config, distributions=space, value=value,
                                                  intermediate_values=curve))  # fmt: skip
    return time.perf_counter() - begun


def walk(n: int, storage: str) -> tuple[float, float, float]:
    """Open it and look at every trial and every report."""
    wall, cpu = time.perf_counter(), time.process_time()
    trials = optuna.load_study(study_name=NAME, storage=storage).get_trials(deepcopy=False)
    assert sum(len(trial.intermediate_values) for trial in trials) == REPORTS * n
    took = time.perf_counter() - wall, time.process_time() - cpu
    return *took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def status(_n: int, storage: str) -> tuple[float, float, float]:
    begun = time.perf_counter()
    command = [
        Path(sys.executable).with_name("optuna"),
        "best-trial",
        "--study-name",
        NAME,
        "--storage",
        storage,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


CASES = {"write": write, "walk": walk, "status": status}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
