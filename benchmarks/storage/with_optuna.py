"""One measurement of Optuna for storage/: `with_optuna CASE N STORAGE` prints JSON."""

from __future__ import annotations

import json
import multiprocessing
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
REPORTS = 100  # of each trial
NAME = "study"


def empty(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def reporting(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for step in range(1, REPORTS + 1):
        trial.report(x, step)
    return x


def work(objective, n: int, storage: str) -> None:
    sampler = optuna.samplers.RandomSampler()
    optuna.load_study(study_name=NAME, storage=storage, sampler=sampler).optimize(objective, n_trials=n)


def run(objective, n: int, storage: str) -> float:
    """Seconds from the start of the first trial to the end of the last one, in two processes."""
    study = optuna.create_study(study_name=NAME, storage=storage)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work, args=(objective, n // 2, storage)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    trials = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    assert len(trials) == n
    return (max(t.datetime_complete for t in trials) - min(t.datetime_start for t in trials)).total_seconds()


def trials(n: int, storage: str) -> float:
    return n / run(empty, n, storage)


def reports(n: int, storage: str) -> float:
    return n / run(reporting, n // REPORTS, storage)


CASES = {"trials": trials, "reports": reports}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
