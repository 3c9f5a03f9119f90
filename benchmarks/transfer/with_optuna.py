"""Optuna's part of transfer/, run by the interpreter in .peers: TPE, the sources' winners enqueued first."""

from __future__ import annotations

from typing import Any

import optuna
from benchmarks.blackbox.with_optuna import suggested
from benchmarks.transfer.problems import TRIALS, Sources, main

optuna.logging.set_verbosity(optuna.logging.ERROR)


def search(_: str, problem: Any, sources: Sources, objective: Any, seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for results in sources.values():
        winner, _ = min(results, key=lambda result: result[1])
        study.enqueue_trial(winner)
    study.optimize(lambda trial: objective(suggested(trial, problem.space)), n_trials=TRIALS)


if __name__ == "__main__":
    main({"TPE, winners first": optuna.__version__}, search)
